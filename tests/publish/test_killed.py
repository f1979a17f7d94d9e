"""A publisher killed with ``kill -9`` at any moment: nothing is lost, nothing double."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.publish.plan import Day
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import in_postgres, in_warehouse
from tests.publish.rounds import day
from tests.servers.postgres import PostgresDatabase

KILLS = int(os.environ.get("PUBLISH_KILLS", "100"))
TABLES = tuple(map(find_table, ("marts.order_feedback", "marts.nps_daily", "marts.customer_value")))


def _publish(url: str, root: str) -> None:
    Postgres(url, "feedback", TABLES).publish(Warehouse(root))


def _change(warehouse: Warehouse, draw: random.Random) -> None:
    for table in TABLES:
        on: Day = day(draw.randrange(8)) if table.partitioned else None
        rows = made_up(table, on, draw.randrange(12), draw.random())
        if on is None:
            warehouse.replace_whole(table, rows)
        else:
            warehouse.replace_day(table, on, rows)


@pytest.mark.slow
@pytest.mark.timeout(300 + 3 * KILLS)
def test_a_publisher_killed_at_random_moments_leaves_the_old_or_the_new_state(
    postgres: PostgresDatabase, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    warehouse, draw = Warehouse(str(tmp_path)), random.Random()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    _change(warehouse, draw)
    began = time.monotonic()
    _publish(postgres.url, warehouse.root)
    longest = 1.5 * (time.monotonic() - began)
    state = [in_postgres(postgres.url, table) for table in TABLES]
    killed = moved = 0
    while killed < KILLS:
        _change(warehouse, draw)
        process = processes.Process(target=_publish, args=(postgres.url, warehouse.root))
        process.start()
        process.join(draw.uniform(0, longest))
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        there = [in_postgres(postgres.url, table) for table in TABLES]
        new = [in_warehouse(warehouse, table) for table in TABLES]
        assert there in (state, new)
        moved += there != state
        state = there
    _publish(postgres.url, warehouse.root)
    for table in TABLES:
        assert in_postgres(postgres.url, table) == in_warehouse(warehouse, table)
    sessions = postgres.run_sql(
        "select count(*) from pg_locks where locktype = 'advisory' and database = "
        "(select oid from pg_database where datname = current_database())"
    )
    assert sessions == "0"
    record_property("publications that were complete before the kill", moved)
