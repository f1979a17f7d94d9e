"""Dagster's databases on SQLite, as the one process of a backfill uses them.

A backfill writes two events a partition, twice each. Dagster opens a database, compiles the
statement, waits for the disk and closes the database again for each of them: 75 to 150 ms an
event on a busy disk, and 11 ms of CPU. Held open it is 5 ms and 4 ms. What is written is the same.
"""

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.pool import StaticPool

# Lanes run side by side, each in a run with a database of its own; one more is the index of all.
_HELD = 32
_WAIT_SECONDS = 60


@functools.cache
def read_revisions_once() -> None:
    """Have the revisions of Dagster's tables read once by this process.

    Alembic runs all 88 files of them whenever a database is opened, to know which is the last:
    14 ms, five times before the first step of a first run.
    """
    read = ScriptDirectory.from_config
    held: dict[tuple[str | None, ...], ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        place = tuple(map(config.get_main_option, ("script_location", "version_locations")))
        if place not in held:
            held[place] = read(config)
        return held[place]

    setattr(ScriptDirectory, "from_config", from_config)  # noqa: B010 - a class's method


def hold_open(instance: dg.DagsterInstance) -> None:
    """Keep the databases of the instance's event log open; nothing where they are not SQLite."""
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        storage._connect = _Held(storage).connect  # type: ignore[method-assign]
        # Asked of a connection of its own for each event with tags, 0.6 ms. None is ever dropped.
        storage.has_table = _remembered(storage.has_table)  # type: ignore[assignment, method-assign]


def _remembered(has_table: Callable[[str], bool]) -> Callable[[str], bool]:
    there: set[str] = set()

    def remembered(name: str) -> bool:
        if name not in there and has_table(name):
            there.add(name)
        return name in there

    return remembered


def _close(engines: OrderedDict[str, sqlalchemy.Engine]) -> None:
    while engines:
        engines.popitem()[1].dispose()


class _Held:
    """Connections by database, the one used longest ago closed first."""

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage: Any = storage
        self._engines: OrderedDict[str, sqlalchemy.Engine] = OrderedDict()
        # SQLite puts its journal into the database when it is closed, at the latest at the end
        # of the process.
        weakref.finalize(storage, _close, self._engines)

    @contextmanager
    def connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        # Dagster's own lock: one thread at a time uses a connection.
        with self._storage._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> sqlalchemy.Engine:
        engine = self._engines.get(shard)
        if engine is None:
            engine = self._engines[shard] = self._open(shard)
        self._engines.move_to_end(shard)
        if len(self._engines) > _HELD:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _open(self, shard: str) -> sqlalchemy.Engine:
        storage = self._storage
        engine = sqlalchemy.create_engine(
            storage.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": _WAIT_SECONDS, "check_same_thread": False},
        )
        if shard not in storage._initialized_dbs:
            storage._initdb(engine)
            storage._initialized_dbs.add(shard)
        with engine.connect() as connection:
            # A power failure may cost the last events, as it may the last partitions; the
            # database stays whole.
            connection.execute(sqlalchemy.text("pragma synchronous = normal"))
        return engine
