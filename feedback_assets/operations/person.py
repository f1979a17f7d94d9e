"""Who a person is in the warehouse: from an e-mail to all that is theirs, and where it lies.

What leads on is declared (``Column.points_at``): an e-mail to the ids beside it, an id to the
orders, an order to the answers on it and to the ids of whoever gave them, until nothing new comes.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import duckdb
import pyarrow as pa

from feedback_assets.store.erased import Addition, Erased, same_text
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import STORED_TABLES, Table
from feedback_assets.tables.columns import TEXT, Column, Personal, PointsAt, leaves
from feedback_assets.transforms.dialect import quoted
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.transforms.sources import connect

KINDS: tuple[PointsAt, ...] = ("email", "contact", "order", "answer")


@dataclass
class Person:
    """What somebody is known by: texts as they were written, by kind; and what they are called."""

    known: dict[PointsAt, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    names: set[str] = field(default_factory=set)

    def count(self, kind: PointsAt) -> int:
        return len({same_text(kind, text) for text in self.known[kind]})

    def addition(self, erased: Erased, person: str, customer_secret: bytes) -> Addition:
        """What is put on the list, with the customer keys that change."""
        keys = {}
        for kind, of_kind in (("email", "email"), ("contact", "contact")):
            for text in self.known[of_kind]:  # type: ignore[index]
                was = same_text("email", text) if kind == "email" else text
                now = erased.pseudonym(kind, text)
                keys[_customer_key(customer_secret, was)] = _customer_key(customer_secret, now)
        hashes = {erased.hash_of(kind, text) for kind in KINDS for text in self.known[kind]}
        hashes |= {erased.hash_of("customer", key) for key in keys}
        return Addition(person, frozenset(hashes), keys)


def find_person(warehouse: Warehouse, email: str) -> Person:
    """All that the tables know of whoever has the e-mail; the e-mail alone where they know none."""
    person = Person()
    person.known["email"].add(email)
    with connect(warehouse, STORED_TABLES) as connection:
        size = 0
        while size != (size := sum(len(texts) for texts in person.known.values())):
            _offer(connection, person)
            for table in STORED_TABLES:
                if warehouse.days_held(table) if table.partitioned else warehouse.files(table):
                    _look(connection, table, person)
    return person


def find_partitions(
    warehouse: Warehouse, erased: Erased, person: str, email: str
) -> list[tuple[Table, date | None]]:
    """The partitions with a row that is the erased person's, or that mentions the e-mail."""
    hashes = [text for text, owner in erased.persons.items() if owner == person]
    inner, outer = hmac_pads(erased.key)
    found: list[tuple[Table, date | None]] = []
    with connect(warehouse, STORED_TABLES) as connection:
        connection.register("listed", pa.table({"hash": pa.array(hashes, TEXT)}))
        for table in STORED_TABLES:
            if not table.partitioned:
                found += [(table, None)] if warehouse.files(table) else []
                continue
            tests = [
                f"customer_key('{column.points_at}:' || {_same(path, column)}, $inner, $outer) "
                "in (select hash from listed)"
                for path, column in leaves(table.columns)
                if column.points_at
            ]
            values = {"inner": inner, "outer": outer} if tests else {}
            mentions = [
                f"contains(lower({_name(path)}), $email)"
                for path, column in leaves(table.columns)
                if column.type == TEXT and column.personal is not Personal.EMAIL
            ]
            values |= {"email": email} if mentions else {}
            if not tests + mentions:
                continue
            where = " or ".join(f"coalesce({test}, false)" for test in tests + mentions)
            rows = connection.execute(
                f"select distinct day from {quoted(table.group)}.{quoted(table.name)} "  # noqa: S608
                f"where {where} order by day",
                values,
            ).fetchall()
            found += [(table, day) for (day,) in rows]
    return found


def _offer(connection: duckdb.DuckDBPyConnection, person: Person) -> None:
    rows = [
        {"kind": kind, "same": same_text(kind, text)}
        for kind, texts in person.known.items()
        for text in texts
    ]
    known = pa.Table.from_pylist(rows, schema=pa.schema([("kind", TEXT), ("same", TEXT)]))
    connection.register("known", known)


def _look(connection: duckdb.DuckDBPyConnection, table: Table, person: Person) -> None:
    """Add what stands beside the known names in the rows of one table."""
    pointing = [(p, c) for p, c in leaves(table.columns) if c.points_at in KINDS]
    if not pointing:
        return
    called = [path for path, column in leaves(table.columns) if column.personal is Personal.NAME]
    tests = (
        f"coalesce({_same(path, column)} in "
        f"(select same from known where kind = '{column.points_at}'), false)"
        for path, column in pointing
    )
    rows = connection.execute(
        f"select distinct {', '.join([*(_text(p, c) for p, c in pointing), *map(_name, called)])} "  # noqa: S608
        f"from {quoted(table.group)}.{quoted(table.name)} where {' or '.join(tests)}"
    ).fetchall()
    for row in rows:
        for (_, column), text in zip(pointing, row, strict=False):
            kind = column.points_at
            if kind and text and same_text(kind, text) and (kind != "email" or "@" in text):
                person.known[kind].add(text)
        name = " ".join(part for part in row[len(pointing) :] if part)
        if name:
            person.names.add(name)


def _name(path: str) -> str:
    return ".".join(quoted(part) for part in path.split("."))


def _text(path: str, column: Column) -> str:
    text = f"'{column.prefix}' || cast({_name(path)} as varchar)"
    if not column.unless:
        return text
    return f"case when present({_name(column.unless)}) is null then {text} end"


def _same(path: str, column: Column) -> str:
    rule = "normal_email" if column.points_at == "email" else "trimmed"
    return f"{rule}({_text(path, column)})"


def _customer_key(secret: bytes, text: str) -> str:
    return hmac.digest(secret, text.encode(), "sha256").hex()


def by_table(partitions: list[tuple[Table, date | None]]) -> Iterator[tuple[Table, int]]:
    """Each table with the number of its partitions."""
    for table in STORED_TABLES:
        count = sum(other is table for other, _ in partitions)
        if count:
            yield table, count
