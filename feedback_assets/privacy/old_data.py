"""Finds people without any activity for a given time.

Identifiers are linked across all tables and the quarantine, as ``forget`` does for one person:
an e-mail to the ids in its row, an id to its orders, an order to its answers. The last day on
which any of them occurs counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from feedback_assets.privacy.order_numbers import add_order_numbers
from feedback_assets.privacy.person import KINDS, Person, column_name, same_in_sql
from feedback_assets.schema.columns import Personal, PointsAt, leaves
from feedback_assets.tables import MART_TABLES, READ_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import view_of
from feedback_assets.transforms.sources import again_if_replaced, connect
from feedback_assets.warehouse.erased import Erased, is_pseudonym, same_text
from feedback_assets.warehouse.erasing import names_in_payload
from feedback_assets.warehouse.owners import is_placeholder
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse

_AT_ONCE = 10_000
Name = tuple[PointsAt, str]


@dataclass(frozen=True)
class _Seen:
    """One record: its identifiers, the names in it, and its day."""

    names: tuple[Name, ...]
    called: str
    day: date


@dataclass
class _People:
    """Identifiers linked into people: union-find, with the last day and the names of each."""

    parents: dict[Name, Name] = field(default_factory=dict)
    last: dict[Name, date] = field(default_factory=dict)
    called: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, seen: _Seen) -> None:
        first, *others = seen.names
        root = self.root(first)
        for name in others:
            other = self.root(name)
            if other != root:
                self.parents[other] = root
                self.last[root] = max(self.last[root], self.last.pop(other))
                if other in self.called:
                    self.called[root] |= self.called.pop(other)
        self.last[root] = max(self.last[root], seen.day)
        if seen.called:
            self.called[root].add(seen.called)

    def root(self, name: Name) -> Name:
        path = []
        while (parent := self.parents.setdefault(name, name)) != name:
            path.append(name)
            name = parent
        for one in path:
            self.parents[one] = name
        self.last.setdefault(name, date.min)
        return name


@again_if_replaced
def find_old(warehouse: Warehouse, erased: Erased, now: datetime, days: int) -> dict[str, Person]:
    """Everyone last seen more than ``days`` days before ``now`` who is not erased yet.

    Keyed by their hash on the erasure list.
    """
    people = _People()
    for seen in _everything(warehouse):
        people.add(seen)
    first_kept = (now - timedelta(days=days)).date()
    found: dict[Name, list[Name]] = defaultdict(list)
    for name in list(people.parents):
        root = people.root(name)
        if people.last[root] < first_kept:
            found[root].append(name)
    old = {}
    for root, names in found.items():
        # The order ids of an erased person stay, and are on the list.
        if all(erased.person_of(kind, text) for kind, text in names):
            continue
        person = Person(names=people.called.get(root, set()))
        for kind, text in names:
            person.known[kind].add(text)
        kind, text = min(names, key=lambda name: (KINDS.index(name[0]), name[1]))
        old[erased.hash_of(kind, text)] = person
    return old


def _everything(warehouse: Warehouse) -> Iterator[_Seen]:
    # A mart contains nobody who is not in the tables that it is computed from.
    held = [
        table
        for table in STORED_TABLES
        if table.partitioned and table not in MART_TABLES and warehouse.files(table)
    ]
    with connect(warehouse, held) as connection:
        add_order_numbers(connection, held)
        for table in held:
            pointing = [(p, c) for p, c in leaves(table.columns) if c.points_at in KINDS]
            called = [p for p, c in leaves(table.columns) if c.personal is Personal.NAME]
            if not pointing:
                continue
            names = ", ".join(same_in_sql(path, column) for path, column in pointing)
            words = ", ".join(map(column_name, called)) or "null"
            rows = connection.execute(
                f"select {names}, nullif(trim(concat_ws(' ', {words})), ''), max(day) "  # noqa: S608
                f"from {view_of(table)} group by all"
            )
            kinds = [column.points_at for _, column in pointing]
            while batch := rows.fetchmany(_AT_ONCE):
                for *texts, words_of_name, day in batch:
                    known_by = _names(zip(kinds, texts, strict=True))
                    if known_by:
                        yield _Seen(known_by, words_of_name or "", day)
    for table in READ_TABLES:
        for path in quarantine_files(warehouse, table):
            for row in read_quarantine_file(warehouse, path).to_pylist():
                known_by = _names(names_in_payload(table, row["payload"]))
                if known_by:
                    yield _Seen(known_by, "", row["day"] or row["fetched_at"].date())


def _names(found: Iterable[tuple[PointsAt | None, str | None]]) -> tuple[Name, ...]:
    names: list[Name] = []
    for kind, text in found:
        same = same_text(kind, text) if kind and text else ""
        if not kind or not same or is_pseudonym(same):
            continue
        if kind == "email" or not is_placeholder(same):
            names.append((kind, same))
    return tuple(names)
