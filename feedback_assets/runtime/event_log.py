"""The event log on SQLite: ``event_log_storage`` of ``dagster.yaml``.

Every materialisation is stored twice, in the database of its run and in the index of all runs.
Dagster's own storage opens both for each event, waits for the disk and closes them again. This one
keeps them open, and stores a batch of events in one transaction for each. The stored content is
the same, except for planned checks: see ``_store_asset_check_evaluation_planned``.
"""

import os
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster import DagsterEventType, EventLogEntry, Field, StringSource
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

from feedback_assets.runtime.event_batches import store_in_batches
from feedback_assets.settings import load_settings

INDEX = "index"
"""Dagster's name for the database of all runs."""
# A process that executes runs uses two; a webserver one more for each run being viewed.
_HELD = 16
_WAIT_SECONDS = 60
_PAGE_BYTES = 1024
_NO_FILE = (0, 0)


@dataclass(frozen=True)
class _Open:
    """An open database, and the identity of the file that was opened."""

    engine: sqlalchemy.Engine
    file: tuple[int, int]


class HeldOpenEventLogStorage(SqliteEventLogStorage):
    """Stores the same as ``SqliteEventLogStorage``, in the same place, over open connections."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        # A connection is used by one thread at a time.
        self._using = threading.RLock()
        self._under_way: dict[str, sqlalchemy.Connection] = {}
        self._tables: set[str] = set()
        # Closed at process exit at the latest: SQLite then empties its journal.
        weakref.finalize(self, _close, self._open)
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """``base_dir``: directory of the databases; ``history/runs`` of the home by default."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "HeldOpenEventLogStorage":
        # Dagster's own programs start without any code of this project, and all open the storage.
        store_in_batches()
        directory = config_value.get("base_dir") or _runs_of_home()
        return cls(directory, inst_data)

    def run_connection(
        self, run_id: str | None = None
    ) -> AbstractContextManager[sqlalchemy.Connection]:
        """A transaction on the database of a run, or of events without a run if the id is empty."""
        return self._transaction(INDEX if run_id is None else run_id)

    def index_connection(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """A transaction on the database of all runs."""
        return self._transaction(INDEX)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; called for each event with tags. None is ever dropped."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close the databases."""
        super().dispose()
        with self._using:
            _close(self._open)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events of one run: all of them or, if that fails, none.

        The rows are those of single calls of ``store_event``. Dagster passes the planned events of
        a run in one call, and the materialisations of a step in another.
        """
        runs = {event.run_id for event in events}
        if len(runs) != 1:
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        indexed = [place for place, event in enumerate(events) if _is_indexed(event)]
        with self.run_connection(runs.pop()) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            # Committed before the run's own rows: what the index rejects is not in the run either.
            if indexed:
                self._store_in_index(
                    [events[place] for place in indexed], [rows[place] for place in indexed]
                )

    def _store_in_index(
        self, events: Sequence[EventLogEntry], rows: Sequence[dict[str, Any]]
    ) -> None:
        with self.index_transaction() as connection:
            insert = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            ids = connection.execute(insert, rows).scalars().all()
            numbered = list(zip(events, ids, strict=True))
            of_assets = [pair for pair in numbered if pair[0].dagster_event_type in ASSET_EVENTS]
            if of_assets:
                self._store_asset_event_tags(connection, *zip(*of_assets, strict=True))
            for event, number in _last_of_assets(of_assets):
                self._store_asset_event(connection, event, number)
            for event, number in numbered:
                if event.dagster_event_type in ASSET_CHECK_EVENTS:
                    self.store_asset_check_event(event, number)

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """Plan a check over several days once, because it has one result for all of them.

        Dagster plans it for each day, whether or not the check has partitions. The result then
        completes none of these rows: they stay planned forever, each with a copy of the event.
        """
        planned: Any = event.get_dagster_event().event_specific_data
        days = planned.partitions_subset
        if days is not None and len(days) > 1:
            once = type(planned)(asset_key=planned.asset_key, check_name=planned.check_name)
            event = event._replace(
                dagster_event=event.get_dagster_event()._replace(event_specific_data=once)
            )
        super()._store_asset_check_evaluation_planned(event, event_id)

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        path = self.path_for_shard(shard)
        with self._using:
            # Part of the transaction that this thread has begun.
            if shard in self._under_way:
                yield self._under_way[shard]
                return
            with self._engine(shard, path).begin() as connection:
                self._under_way[shard] = connection
                changes = _changes(connection)
                try:
                    yield connection
                finally:
                    del self._under_way[shard]
                changed = _changes(connection) != changes
            if changed:
                # Viewers of a run watch its database file, which SQLite writes to only when
                # its journal is full or the last connection is closed.
                os.utime(path)

    def _engine(self, shard: str, path: str) -> sqlalchemy.Engine:
        held = self._open.pop(shard, None)
        # Databases of old runs are removed.
        if held is not None and held.file != _file(path):
            held.engine.dispose()
            held = None
        if held is None:
            held = self._opened(shard, path)
        self._open[shard] = held
        if len(self._open) > _HELD:
            self._open.popitem(last=False)[1].engine.dispose()
        return held.engine

    def _opened(self, shard: str, path: str) -> _Open:
        # Dagster creates databases that it does not know to exist; an old run's may be gone.
        if _file(path) == _NO_FILE:
            self._initialized_dbs.discard(shard)
            _create(path)
        with super().run_connection(shard):
            pass
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": _WAIT_SECONDS, "check_same_thread": False},
        )
        with engine.connect() as connection:
            # A power failure may lose the last events, as it may the last partitions; the database
            # stays intact.
            connection.execute(sqlalchemy.text("pragma synchronous = normal"))
        return _Open(engine, _file(path))


def _is_indexed(event: EventLogEntry) -> bool:
    """Whether Dagster copies the event of a run to the index of all runs."""
    kind = event.dagster_event_type
    return (
        kind in ASSET_EVENTS
        or kind in ASSET_CHECK_EVENTS
        or kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
    )


def _last_of_assets(
    events: Sequence[tuple[EventLogEntry, int]],
) -> list[tuple[EventLogEntry, int]]:
    """The last event of each kind of each asset: earlier ones leave nothing in the asset's row."""
    last: dict[tuple[Any, DagsterEventType | None], tuple[EventLogEntry, int]] = {}
    for event, number in events:
        of = (event.get_dagster_event().asset_key, event.dagster_event_type)
        last.pop(of, None)
        last[of] = (event, number)
    return list(last.values())


def _create(path: str) -> None:
    """Create a database with small pages.

    A run's database has 26 tables and indexes, each at least a page, most of them empty; and an
    event of 3 kB leaves a quarter of a page of 4 kB unused.
    """
    # Another process may be creating it.
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as database:
        database.execute(f"pragma page_size = {_PAGE_BYTES}")
        database.execute("pragma journal_mode = wal")


def _close(held: OrderedDict[str, _Open]) -> None:
    while held:
        held.popitem()[1].engine.dispose()


def _runs_of_home() -> str:
    # `dagster dev` may run without the variable; the settings know the project's own home.
    home = os.environ.get("DAGSTER_HOME") or load_settings().dagster_home.absolute()
    return str(Path(home) / "history" / "runs")


def _file(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - for every event
    except FileNotFoundError:
        return _NO_FILE
    return (found.st_dev, found.st_ino)


def _changes(connection: sqlalchemy.Connection) -> int:
    driver: Any = connection.connection.driver_connection
    return int(driver.total_changes)
