"""The event log on SQLite with open connections: ``event_log_storage`` of ``dagster.yaml``.

Every materialisation is stored twice, in the database of its run and in the index of all runs.
Dagster's own storage reopens the database for each of them, waits for the disk and closes it
again. The stored content is the same.
"""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster import Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

from feedback_assets.settings import load_settings

INDEX = "index"
"""Dagster's name for the database of all runs."""
# A process that executes runs uses two; a webserver one more for each run being viewed.
_HELD = 16
_WAIT_SECONDS = 60
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
        self._using = threading.Lock()
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
        directory = config_value.get("base_dir") or _runs_of_home()
        return cls(directory, inst_data)

    def run_connection(
        self, run_id: str | None = None
    ) -> AbstractContextManager[sqlalchemy.Connection]:
        """A transaction on the database of a run."""
        return self._transaction(run_id or INDEX)

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

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        path = self.path_for_shard(shard)
        with self._using:
            with self._engine(shard, path).begin() as connection:
                changes = _changes(connection)
                yield connection
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
