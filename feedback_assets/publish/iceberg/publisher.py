"""One publication to Iceberg: one commit for each changed table, with all of its days."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from feedback_assets.publish.iceberg.catalog import SETTING, Place
from feedback_assets.publish.iceberg.cleaning import clean, remove_location
from feedback_assets.publish.iceberg.shape import (
    arrow_schema,
    evolve,
    identifier,
    properties_of,
    schema_of,
    spec_of,
)
from feedback_assets.publish.iceberg.state import State, is_ours, properties, read_state
from feedback_assets.publish.names import table_name
from feedback_assets.publish.outcome import Behind, Outcome, Sent
from feedback_assets.publish.plan import (
    Changes,
    Day,
    Published,
    changes,
    difference,
    with_day,
)
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction

NAME = "iceberg"
_LOCK = "published/iceberg"
_ROWS_AT_ONCE = 200_000
_TRIES = 5
T = TypeVar("T")
Found = dict[str, "IcebergTable"]


@dataclass(frozen=True)
class Iceberg:
    """The catalog, the namespace in it, and the tables that it receives."""

    place: Place
    namespace: str
    tables: tuple[Table, ...]

    name = NAME
    setting = SETTING

    @property
    def address(self) -> str:
        return self.place.address

    def publish(
        self, warehouse: Warehouse, *, everything: bool = False, erase: bool = False
    ) -> Outcome:
        """Make each table equal to the warehouse's; raises ``PublishTrouble``.

        Tables are committed one after the other: after a failure, those committed before it are up
        to date, and the others unchanged. ``erase`` removes all snapshots except the newest, and
        their files.
        """
        began = time.monotonic()
        catalog = self.place.connect()
        with warehouse.locks.alone_with(_LOCK), self.place.errors():
            catalog.create_namespace_if_not_exists(self.namespace)
            found = self._found(catalog)
            before = _last(found)
            marks = {table: warehouse.marks(table) for table in self.tables}
            held = [table for table in self.tables if marks[table]]
            if not held and found:
                raise PublishTrouble(
                    f"the warehouse {warehouse.base} has none of the published tables, so the "
                    f"catalog at {self.address} was left as it is. Is FEEDBACK_WAREHOUSE right?"
                )
            removed = 0
            dropped = sorted(found.keys() - {table_name(table) for table in held})
            for name in dropped:
                removed += self._drop(catalog, found[name])
            sent = {}
            for table in held:
                place = identifier(self.namespace, table)
                work = _Work(catalog, warehouse, table, place, marks[table], everything=everything)
                sent[table.full_name] = _again_if_rejected(work.bring_up_to_date)
            removed += sum(
                clean(there, everything=erase) for there in self._found(catalog).values()
            )
        days = [day for table in held for day in marks[table] if day is not None]
        return Outcome(
            NAME,
            self.address,
            sent,
            seconds=time.monotonic() - began,
            dropped=tuple(dropped),
            newest=max(days, default=None),
            before=before,
            files_removed=removed,
        )

    def behind(self, warehouse: Warehouse) -> Behind:
        """How far the tables are behind the warehouse; changes nothing, opens no Parquet file."""
        catalog = self.place.connect()
        with self.place.errors():
            found = self._found(catalog) if catalog.namespace_exists(self.namespace) else {}
        states = {name: read_state(there.metadata) for name, there in found.items()}
        counts = {}
        for table in self.tables:
            state = states.pop(table_name(table), State())
            wrong = state.held if state.touched else ()
            missing = len(difference(table, warehouse.marks(table), state.held, wrong))
            if missing:
                counts[table.full_name] = missing
        counts |= {name: len(state.held) for name, state in states.items()}
        return Behind(counts, _last(found), held=bool(found))

    def _found(self, catalog: "Catalog") -> Found:
        """The tables of the namespace that this publisher created."""
        found = {}
        for name in catalog.list_tables(self.namespace):
            there = catalog.load_table(name)
            if is_ours(there.metadata):
                found[name[-1]] = there
        return found

    def _drop(self, catalog: "Catalog", there: "IcebergTable") -> int:
        catalog.drop_table(there.name())
        # Not purge_table: with some catalogs, it leaves the files.
        return remove_location(there)


def _last(found: Found) -> datetime | None:
    """When any of the tables was last committed to."""
    times = [there.metadata.last_updated_ms for there in found.values()]
    return datetime.fromtimestamp(max(times) / 1000, UTC) if times else None


def _again_if_rejected(work: Callable[[], T]) -> T:
    """Retry work whose commit conflicted with another one, from the new state."""
    from pyiceberg import exceptions

    rejections = (
        exceptions.CommitFailedException,
        exceptions.ValidationException,
        exceptions.TableAlreadyExistsError,
    )
    for _ in range(_TRIES - 1):
        try:
            return work()
        except rejections:
            continue
    return work()


@dataclass(frozen=True)
class _Work:
    """The work on one table."""

    catalog: "Catalog"
    warehouse: Warehouse
    table: Table
    name: tuple[str, str]
    marks: dict[Day, str]
    everything: bool = False

    def bring_up_to_date(self) -> Sent:
        """Give the table its declared columns and the warehouse's rows, in one commit."""
        there = self._existing()
        if there is None:
            return self._create()
        state = read_state(there.metadata)
        transaction = there.transaction()
        rebuilt = evolve(transaction, self.table)
        again = rebuilt or state.touched or self.everything
        wrong: Collection[Day] = tuple(state.held) if again else ()
        todo = changes(
            self.warehouse, difference(self.table, self.marks, state.held, wrong), state.held, wrong
        )
        self._clear(transaction, todo, state, again=again)
        filled = self._fill(transaction, todo)
        kept = {day: one for day, one in state.held.items() if day not in {*todo.clear, *todo.send}}
        held = {**kept, **todo.same, **filled}
        if held != state.held or again:
            transaction.set_properties(
                properties_of(self.table) | properties(held, transaction.table_metadata)
            )
        transaction.commit_transaction()
        return _sent(filled, len(todo.remove))

    def _existing(self) -> "IcebergTable | None":
        from pyiceberg.exceptions import NoSuchTableError

        try:
            there = self.catalog.load_table(self.name)
        except NoSuchTableError:
            return None
        if not is_ours(there.metadata):
            raise PublishTrouble(
                f"the Iceberg catalog has a table {'.'.join(self.name)} that feedback-assets did "
                "not create. Rename or drop that table, then publish again."
            )
        if bool(there.spec().fields) != self.table.partitioned:
            self.catalog.drop_table(self.name)
            remove_location(there)
            return None
        return there

    def _create(self) -> Sent:
        """Create the table together with its rows, so that nobody sees it empty."""
        transaction = self.catalog.create_table_transaction(
            self.name,
            schema_of(self.table),
            partition_spec=spec_of(self.table),
            properties=properties_of(self.table),
        )
        todo = changes(self.warehouse, difference(self.table, self.marks, {}), {})
        filled = self._fill(transaction, todo)
        transaction.set_properties(properties(filled, transaction.table_metadata))
        transaction.commit_transaction()
        return _sent(filled, 0)

    def _clear(
        self, transaction: "Transaction", todo: Changes, state: State, *, again: bool
    ) -> None:
        if again:
            if transaction.table_metadata.current_snapshot_id is not None:
                transaction.delete(_all_rows())
            return
        days = [day for day in todo.clear if state.held[day].rows]
        if days:
            transaction.delete(_rows_of(days) if self.table.partitioned else _all_rows())

    def _fill(self, transaction: "Transaction", todo: Changes) -> dict[Day, Published]:
        """Append the partitions to send; returns what was sent."""
        sent: dict[Day, Published] = {}
        schema = arrow_schema(self.table)
        for rows in _portions(self._partitions(todo, sent, schema)):
            transaction.append(rows)
        return sent

    def _partitions(
        self, todo: Changes, sent: dict[Day, Published], schema: pa.Schema
    ) -> Iterator[pa.Table]:
        for day, rows in self.warehouse.read_partitions(self.table, todo.send):
            sent[day] = Published(content_hash(rows), todo.marks[day], rows.num_rows)
            yield with_day(self.table, day, rows).cast(schema)


def _portions(partitions: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The partitions, joined into portions of about ``_ROWS_AT_ONCE`` rows."""
    some: list[pa.Table] = []
    for rows in partitions:
        some.append(rows)
        if sum(map(len, some)) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(some)
            some = []
    if sum(map(len, some)):
        yield pa.concat_tables(some)


def _sent(filled: dict[Day, Published], removed: int) -> Sent:
    return Sent(len(filled), removed, sum(one.rows for one in filled.values()))


def _all_rows() -> "BooleanExpression":
    from pyiceberg.expressions import AlwaysTrue

    return AlwaysTrue()


def _rows_of(days: Collection[Day]) -> str:
    # Not a dynamic overwrite: a day that is now empty would keep its old rows.
    dates = ", ".join(f"'{day}'" for day in days)
    return f"day in ({dates})"
