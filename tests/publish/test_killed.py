"""A publisher killed with ``kill -9`` at any moment: nothing is lost or duplicated."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.publish.iceberg.catalog import Place
from feedback_assets.publish.iceberg.publisher import Iceberg
from feedback_assets.publish.plan import Day
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import in_iceberg, in_postgres, in_warehouse
from tests.publish.rounds import day
from tests.servers.iceberg import IcebergServer
from tests.servers.postgres import PostgresDatabase

KILLS = int(os.environ.get("PUBLISH_KILLS", "10"))
TABLES = tuple(map(find_table, ("marts.order_feedback", "marts.nps_daily", "marts.customer_value")))
Rows = list[str]
# Imported before the processes are forked: otherwise most would be killed while they import.
PRELOADED = (
    "adbc_driver_postgresql.dbapi",
    "pyiceberg.catalog.rest",
    "pyiceberg.io.pyarrow",
    "pyiceberg.table",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 + 5 * KILLS)]


def to_postgres(url: str, root: str) -> None:
    Postgres(url, "feedback", TABLES).publish(Warehouse(root))


def to_iceberg(place: Place, root: str) -> None:
    Iceberg(place, "feedback_killed", TABLES).publish(Warehouse(root))


def _change(warehouse: Warehouse, draw: random.Random) -> None:
    for table in TABLES:
        on: Day = day(draw.randrange(8)) if table.partitioned else None
        rows = made_up(table, on, draw.randrange(12), draw.random())
        if on is None:
            warehouse.replace_whole(table, rows)
        else:
            warehouse.replace_day(table, on, rows)


def _killed(
    publish: Callable[[str], None],
    read: Callable[[Table], Rows],
    warehouse: Warehouse,
    check: Callable[[list[Rows], list[Rows], list[Rows]], bool],
) -> int:
    """Change, publish and kill, ``KILLS`` times; returns how often the new state was there."""
    draw = random.Random()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, *PRELOADED])
    seconds = []
    for _ in range(3):
        _change(warehouse, draw)
        began = time.monotonic()
        process = processes.Process(target=publish, args=(warehouse.root,))
        process.start()
        process.join()
        seconds.append(time.monotonic() - began)
    longest = 1.2 * min(seconds)
    state = [read(table) for table in TABLES]
    killed = moved = 0
    while killed < KILLS:
        _change(warehouse, draw)
        process = processes.Process(target=publish, args=(warehouse.root,))
        process.start()
        process.join(draw.uniform(0, longest))
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        there = [read(table) for table in TABLES]
        new = [in_warehouse(warehouse, table) for table in TABLES]
        assert check(there, state, new)
        moved += there != state
        state = there
    publish(warehouse.root)
    for table in TABLES:
        assert read(table) == in_warehouse(warehouse, table)
    # Some were killed before they had published, some afterwards.
    assert KILLS < 50 or 0 < moved < KILLS
    return moved


def test_a_publisher_to_postgres_killed_at_random_moments_leaves_all_tables_old_or_all_new(
    postgres: PostgresDatabase, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    moved = _killed(
        partial(to_postgres, postgres.url),
        lambda table: in_postgres(postgres.url, table),
        Warehouse(str(tmp_path)),
        lambda there, old, new: there in (old, new),
    )
    locks = postgres.run_sql(
        "select count(*) from pg_locks where locktype = 'advisory' and database = "
        "(select oid from pg_database where datname = current_database())"
    )
    assert locks == "0"
    record_property("publications that were complete before the kill", moved)


def test_a_publisher_to_iceberg_killed_at_random_moments_leaves_each_table_old_or_new(
    iceberg_server: IcebergServer, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    place = iceberg_server.place
    moved = _killed(
        partial(to_iceberg, place),
        lambda table: in_iceberg(place, table, "feedback_killed"),
        Warehouse(str(tmp_path)),
        lambda there, old, new: all(
            rows in (before, after) for rows, before, after in zip(there, old, new, strict=True)
        ),
    )
    record_property("publications that moved a table before the kill", moved)
