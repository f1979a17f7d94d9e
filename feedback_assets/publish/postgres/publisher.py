"""One publication to Postgres, in one transaction: readers see all of it or nothing."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from feedback_assets.publish.names import table_name
from feedback_assets.publish.outcome import Behind, Outcome, Sent
from feedback_assets.publish.plan import Day, Published, changes, difference
from feedback_assets.publish.postgres import tables as at_target
from feedback_assets.publish.postgres.purging import purge
from feedback_assets.publish.postgres.readers import grant_marts, grant_to
from feedback_assets.publish.postgres.session import (
    SETTING,
    DoesNotFit,
    Session,
    address_of,
    transaction,
)
from feedback_assets.publish.postgres.shape import literal, quoted
from feedback_assets.publish.postgres.target import (
    State,
    delete_partitions,
    lock,
    prepare,
    read_state,
    read_tables,
    record,
    record_publication,
    take_over,
)
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.warehouse import Warehouse

NAME = "postgres"
OLDEST_SERVER = 15
_LOCK_SECONDS = 1800.0
_DDL_LOCK_SECONDS = 60.0
_ANALYSED_FROM = 10  # a tenth of the partitions


@dataclass(frozen=True)
class Postgres:
    """The published database, its schema, and the tables that it receives."""

    url: str = field(repr=False)
    schema: str
    tables: tuple[Table, ...]
    lock_seconds: float = _LOCK_SECONDS

    name = NAME
    setting = SETTING

    @property
    def address(self) -> str:
        return address_of(self.url)

    def publish(
        self, warehouse: Warehouse, *, everything: bool = False, erase: bool = False
    ) -> Outcome:
        """Make the schema equal to the warehouse; if it raises ``PublishTrouble``, nothing changed.

        ``everything`` also sends unchanged partitions. ``erase`` also removes, after the commit,
        what Postgres keeps of deleted rows; raises ``PublishTrouble`` if some remain.
        """
        relaxed: set[str] = set()
        while True:
            try:
                done = self._publish(warehouse, relaxed, everything=everything)
                break
            except DoesNotFit as error:
                if error.table in relaxed:
                    raise PublishTrouble(
                        f"{error.table} cannot be written to the Postgres at {self.address}, "
                        "which is unchanged: its rows break a constraint that feedback-assets "
                        "did not add. Drop that constraint, then publish again."
                    ) from None
                relaxed.add(error.table)
        if erase:
            published = {table.full_name: table_name(table) for table in self.tables}
            purge(self.url, self.schema, [published[name] for name in done.tables])
        return done

    def behind(self, warehouse: Warehouse) -> Behind:
        """How far the schema is behind the warehouse; changes nothing, opens no Parquet file."""
        with transaction(self.url, self.schema) as session:
            self._require(session)
            state = read_state(session)
        counts = {}
        for table in self.tables:
            name = table_name(table)
            marks = warehouse.marks(table)
            found = difference(table, marks, state.held(name), state.wrong(name))
            if len(found):
                counts[table.full_name] = len(found)
        for name in self._dropped(state, {table_name(table) for table in self.tables}):
            counts[name] = len(state.partitions[name])
        return Behind(counts, state.last, held=state.exists)

    def grant_to(self, role: str) -> bool:
        """Let a role read the marts; returns whether it was created."""
        return grant_to(self.url, self.schema, self.tables, role, self.lock_seconds)

    def _publish(
        self, warehouse: Warehouse, relaxed: Collection[str], *, everything: bool
    ) -> Outcome:
        began = time.monotonic()
        with transaction(self.url, self.schema) as session:
            self._require(session)
            lock(session, self.schema, self.lock_seconds)
            session.run(f"set local lock_timeout = {int(_DDL_LOCK_SECONDS * 1000)}")
            state = read_state(session)
            prepare(session, self.schema, state.tables)
            state = take_over(session, state)
            marks = {table: warehouse.marks(table) for table in self.tables}
            held = [table for table in self.tables if marks[table]]
            if not held and state.partitions:
                raise PublishTrouble(
                    f"the warehouse {warehouse.base} has none of the published tables, so the "
                    f"Postgres at {self.address} was left as it is. Is FEEDBACK_WAREHOUSE right?"
                )
            dropped = tuple(self._dropped(state, {table_name(table) for table in held}))
            for name in dropped:
                self._drop(session, name, exists=name in state.tables)
            work = _Work(session, self.schema, warehouse, state, relaxed, everything=everything)
            for table in held:
                work.bring_up_to_date(table, marks[table])
            record(session, work.recorded, work.removed)
            sent = work.sent
            newest = max((day for table in held for day in marks[table] if day), default=None)
            record_publication(
                session,
                sum(one.partitions for one in sent.values()),
                sum(one.rows for one in sent.values()),
                newest,
            )
            left_out = tuple(work.left_out())
            session.commit()
        return Outcome(
            NAME,
            self.address,
            sent,
            time.monotonic() - began,
            dropped,
            left_out,
            newest,
            state.last,
        )

    def _dropped(self, state: State, kept: Collection[str]) -> Iterator[str]:
        """Published tables that the warehouse no longer has, or that are no longer named."""
        yield from sorted(name for name in state.partitions if name not in kept)

    def _drop(self, session: Session, name: str, *, exists: bool) -> None:
        if exists:
            session.run(f"drop table {quoted(name)}")
        session.run(f"delete from _partitions where table_name = {literal(name)}")

    def _require(self, session: Session) -> None:
        ((version,),) = session.rows("select current_setting('server_version_num')::int")
        if version < OLDEST_SERVER * 10_000:
            raise PublishTrouble(
                f"the Postgres at {self.address} has version {version // 10_000}; publishing "
                f"needs {OLDEST_SERVER} or later"
            )


@dataclass
class _Work:
    """The work of one transaction on the tables, one after the other."""

    session: Session
    schema: str
    warehouse: Warehouse
    state: State
    relaxed: Collection[str]
    everything: bool = False
    sent: dict[str, Sent] = field(default_factory=dict)
    recorded: dict[str, dict[Day, Published]] = field(default_factory=dict)
    removed: dict[str, list[Day]] = field(default_factory=dict)
    constrained: list[Table] = field(default_factory=list)

    def bring_up_to_date(self, table: Table, marks: dict[Day, str]) -> None:
        """Give the table its declared shape and the warehouse's rows."""
        session, schema, name = self.session, self.schema, table_name(table)
        existing = self.state.tables.get(name)
        rebuilt = False
        if existing is None:
            at_target.create(session, table)
            grant_marts(session, [table], self.state.readers)
        elif name not in self.state.partitions:
            raise PublishTrouble(
                f"the Postgres at {session.address} has a table {schema}.{name} that "
                "feedback-assets did not create. Nothing was published. Rename or drop that "
                "table, then publish again."
            )
        else:
            rebuilt = at_target.alter(session, table, existing, relaxed=name in self.relaxed)
        held = self.state.held(name)
        wrong = self.state.wrong(name)
        if wrong or self.everything or rebuilt:
            session.run(f"delete from {quoted(name)}")
            wrong = tuple(held)
        todo = changes(self.warehouse, difference(table, marks, held, wrong), held, wrong)
        delete_partitions(session, table, todo.clear)
        filled = at_target.fill(session, schema, self.warehouse, todo)
        incomplete = existing is None or any(at_target.left_out(table, existing))
        if incomplete or rebuilt or name in self.relaxed:
            self.constrained.append(table)
            at_target.constrain(session, table, read_tables(session)[name])
        # Smaller changes are left to autovacuum.
        if len(filled) * _ANALYSED_FROM > len(marks):
            session.run(f"analyze {quoted(name)}")
        self.recorded[name] = dict(todo.same) | filled
        # Their files disappeared before they could be read.
        missing = [day for day in todo.send if day not in filled]
        self.removed[name] = [*todo.remove, *missing]
        self.sent[table.full_name] = Sent(
            len(filled), len(todo.remove), sum(one.rows for one in filled.values())
        )

    def left_out(self) -> Iterator[str]:
        """The keys and indexes that the rows of changed tables do not allow."""
        if self.constrained:
            now = read_tables(self.session)
            for table in self.constrained:
                yield from at_target.left_out(table, now[table_name(table)])
