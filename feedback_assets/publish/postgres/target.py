"""The content of the Postgres schema: tables, columns, indexes, published partitions, readers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import pyarrow as pa

from feedback_assets.publish.names import table_name
from feedback_assets.publish.plan import Day, Held, Published
from feedback_assets.publish.postgres.session import Session
from feedback_assets.publish.postgres.shape import Index, PgColumn, literal, quoted
from feedback_assets.schema.table import Table
from feedback_assets.transforms.sql_files import sql_file

PARTITIONS, READERS, PUBLICATIONS = "_partitions", "_readers", "_publications"
TOUCHED = "_touched"
"""The publisher's own tables, beside the published ones."""
_OLD_KEY = "_touched_pkey"
_PACKAGE = "feedback_assets.publish.postgres"
_NONE: dict[Day, Published] = {}


@dataclass(frozen=True)
class Existing:
    """A table in the schema: its columns with their types, its indexes, its comment."""

    columns: dict[str, PgColumn] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True)
class State:
    """The content of the schema, read in one transaction; empty if it does not exist.

    ``touched``: tables that somebody else has changed since their publication.
    """

    tables: dict[str, Existing] = field(default_factory=dict)
    partitions: dict[str, dict[Day, Published]] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    touched: frozenset[str] = frozenset()
    last: datetime | None = None

    @property
    def exists(self) -> bool:
        """Whether anything was ever published to the schema."""
        return PARTITIONS in self.tables

    def held(self, name: str) -> Held:
        """The published partitions of a table that still exists."""
        return self.partitions.get(name, _NONE) if name in self.tables else _NONE

    def wrong(self, name: str) -> Collection[Day]:
        """The published partitions that somebody else may have changed."""
        return tuple(self.held(name)) if name in self.touched else ()


def lock(session: Session, schema: str, seconds: float) -> None:
    """Wait until no other publication to this schema is in progress."""
    session.run(f"set local lock_timeout = {int(seconds * 1000)}")
    key = literal(f"feedback-assets publish {schema}")
    session.rows(f"select pg_advisory_xact_lock(hashtextextended({key}, 0))::text")


def prepare(session: Session, schema: str, tables: Mapping[str, Existing]) -> None:
    """Create the schema and the publisher's own tables where they are missing or outdated."""
    if not session.rows(f"select 1 from pg_namespace where nspname = {literal(schema)}"):
        session.run(f"create schema {quoted(schema)}")
    own = {PARTITIONS, READERS, PUBLICATIONS, TOUCHED}
    if not own.issubset(tables) or _OLD_KEY in tables[TOUCHED].indexes:
        session.run_together(statements("own_tables"))
        session.run(sql_file(_PACKAGE, "mark_touched"))


def statements(name: str) -> list[str]:
    """The statements of an SQL file, without comments."""
    text = re.sub(r"^\s*--.*$", "", sql_file(_PACKAGE, name), flags=re.MULTILINE)
    return [part.strip() for part in text.split(";") if part.strip()]


def read_state(session: Session) -> State:
    """The state of the schema that the publisher needs, in a handful of queries."""
    tables = read_tables(session)
    partitions: dict[str, dict[Day, Published]] = defaultdict(dict)
    if PARTITIONS in tables:
        for name, day, content, mark, rows in session.rows(
            "select table_name, day, content_hash, file_mark, row_count from _partitions"
        ):
            partitions[name][day] = Published(content, mark, rows)
    readers: tuple[str, ...] = ()
    if READERS in tables:
        readers = tuple(role for (role,) in session.rows("select role from _readers"))
    touched: frozenset[str] = frozenset()
    if TOUCHED in tables:
        touched = frozenset(name for (name,) in session.rows("select table_name from _touched"))
    last = None
    if PUBLICATIONS in tables:
        ((last,),) = session.rows("select max(published_at) from _publications")
    return State(tables, dict(partitions), readers, touched, last)


def read_tables(session: Session) -> dict[str, Existing]:
    """All tables of the schema as they are now."""
    columns: dict[str, dict[str, PgColumn]] = defaultdict(dict)
    comments: dict[str, str] = {}
    for table, about, name, kind, required, comment in session.rows(sql_file(_PACKAGE, "columns")):
        columns[table][name] = PgColumn(name, kind, not required, comment)
        comments[table] = about
    indexes: dict[str, dict[str, Index]] = defaultdict(dict)
    for table, name, kind, parts in session.rows(sql_file(_PACKAGE, "indexes")):
        indexes[table][name] = Index(name, tuple(parts), kind)
    return {table: Existing(columns[table], indexes[table], comments[table]) for table in columns}


def take_over(session: Session, state: State) -> State:
    """The state with the changes that others have committed, whose records are deleted.

    The publisher's own changes are not recorded in this transaction. A change that is committed
    later is recorded for the next publication.
    """
    session.run("set local feedback.publishing = 'on'")
    # One statement reads and deletes: a record committed between two would be lost.
    found = session.rows("delete from _touched returning table_name")
    return replace(state, touched=frozenset(name for (name,) in found))


def delete_partitions(session: Session, table: Table, days: Collection[Day]) -> None:
    """Delete the rows of these partitions."""
    place = quoted(table_name(table))
    if not table.partitioned:
        if days:
            session.run(f"delete from {place}")
        return
    dates = [day for day in days if day is not None]
    if dates:
        session.run(f"delete from {place} where day in ({_dates(dates)})")


def _dates(days: Iterable[date]) -> str:
    return ", ".join(f"date '{day.isoformat()}'" for day in days)


_SENT = pa.schema(
    [
        ("table_name", pa.string()),
        ("day", pa.date32()),
        ("content_hash", pa.string()),
        ("file_mark", pa.string()),
        ("row_count", pa.int64()),
    ]
)


def record(
    session: Session, sent: dict[str, dict[Day, Published]], removed: dict[str, list[Day]]
) -> None:
    """Record what was published and what was removed, in the same transaction."""
    rows = list(_recorded(sent, removed))
    if not rows:
        return
    session.run(
        "create temporary table sent (table_name text, day date, content_hash text, "
        "file_mark text, row_count bigint) on commit drop"
    )
    batch = pa.RecordBatch.from_pylist(rows, schema=_SENT)
    session.copy("sent", _SENT, [batch], into=None)
    session.run(*statements("record"))


def _recorded(
    sent: dict[str, dict[Day, Published]], removed: dict[str, list[Day]]
) -> Iterator[dict[str, object]]:
    for name, days in sent.items():
        for day, one in days.items():
            yield {
                "table_name": name,
                "day": day,
                "content_hash": one.content,
                "file_mark": one.mark,
                "row_count": one.rows,
            }
    for name, gone in removed.items():
        for day in gone:
            yield {"table_name": name, "day": day}


def record_publication(session: Session, partitions: int, rows: int, newest: date | None) -> None:
    """Add a row to the history, which shows readers how fresh the tables are."""
    day = f"date '{newest.isoformat()}'" if newest else "null"
    session.run(
        f"insert into _publications values (clock_timestamp(), {partitions}, {rows}, {day})",
        *statements("forget_publications"),
    )
