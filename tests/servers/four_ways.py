"""The same days of the sandbox, built in four ways and compared: laptop, server, cluster, Spark.

    .venv/bin/python -m tests.servers.four_ways --days 14

Needs nginx, Postgres and Redis of the system, and the packages of constraints-spark.txt."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES
from feedback_assets.warehouse.warehouse import Warehouse
from tests.servers.contents import Contents, contents
from tests.servers.machines import head, postgres_environment, worker
from tests.servers.object_store import running_object_store
from tests.servers.postgres import PostgresDatabase, running_postgres
from tests.servers.redis import running_redis
from tests.servers.webserver import Asked

LAST = datetime.now(UTC).date() - timedelta(days=1)
BY_DAY = [table for table in DERIVED_TABLES if table.partitioned]
WHOLE = [table for table in DERIVED_TABLES if not table.partitioned]
_PATIENCE = 900


@dataclass(frozen=True)
class Built:
    """The result of one way, and the seconds from request to end."""

    seconds: float
    contents: Contents


def by_command(first: date, directory: Path, engine: str) -> Built:
    """``feedback-assets backfill``: SQLite, a local directory, one process."""
    warehouse = directory / engine / "tables"
    environment = {
        "DAGSTER_HOME": str(directory / engine / "home"),
        "FEEDBACK_WAREHOUSE": str(warehouse),
        "FEEDBACK_ENGINE": engine,
    }
    program = str(Path(sys.executable).with_name("feedback-assets"))
    command = [program, "backfill", "--from", str(first), "--to", str(LAST)]
    began = time.monotonic()
    subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
    return Built(time.monotonic() - began, contents(Warehouse(str(warehouse))))


def over_the_ui(ui: Asked, first: date) -> float:
    """A backfill of all provider tables, then a run of all daily tables, then of the rest."""
    began = time.monotonic()
    backfill = ui.backfill(PROVIDER_TABLES, first, LAST)
    ui.wait_for_backfill(backfill, _PATIENCE)
    ui.wait_for_run(ui.run(BY_DAY, first, LAST), _PATIENCE)
    ui.wait_for_run(ui.run(WHOLE, None, None), _PATIENCE)
    return time.monotonic() - began


def on_a_server(first: date, directory: Path) -> Built:
    """deploy/server: Postgres, a local directory, one process per run."""
    warehouse = str(directory / "server" / "tables")
    with _database() as postgres:
        shared = postgres_environment(postgres) | {"FEEDBACK_WAREHOUSE": warehouse}
        with head("server", shared) as server:
            seconds = over_the_ui(server.ui, first)
    return Built(seconds, contents(Warehouse(warehouse)))


def on_a_cluster(first: date, directory: Path) -> Built:
    """deploy/cluster: a head and two workers, Postgres, Redis, an object store."""
    with ExitStack() as stack:
        store = stack.enter_context(running_object_store(directory / "store"))
        postgres = stack.enter_context(_database())
        # For the read below, too.
        os.environ.update(store.environment())
        warehouse = store.url("tables")
        shared = postgres_environment(postgres) | {
            "FEEDBACK_COORDINATION_URL": postgres.url,
            "CELERY_BROKER_URL": stack.enter_context(running_redis(directory / "redis")),
            "FEEDBACK_WAREHOUSE": warehouse,
        }
        for name in ("one@here", "two@here"):
            stack.enter_context(worker(name, shared))
        seconds = over_the_ui(stack.enter_context(head("cluster", shared)).ui, first)
        return Built(seconds, contents(Warehouse(warehouse)))


@contextmanager
def _database() -> Iterator[PostgresDatabase]:
    with running_postgres() as server:
        server.run_sql("create database dagster")
        yield PostgresDatabase(server, "dagster")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--ways", default="laptop,server,cluster,spark")
    parser.add_argument("--json", type=Path, help="keep what was found, and compare with it")
    chosen = parser.parse_args()
    first = LAST - timedelta(days=chosen.days - 1)
    ways: dict[str, Callable[[date, Path], Built]] = {
        "laptop": partial(by_command, engine="duckdb"),
        "server": on_a_server,
        "cluster": on_a_cluster,
        "spark": partial(by_command, engine="spark"),
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        running_sandbox(
            seed=7, days=120, customers=chosen.customers, faults=Faults(quotas=False)
        ) as sandbox,
    ):
        os.environ.update(sandbox.environment())
        os.environ |= {
            "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
            "FEEDBACKPULSE_REQUESTS_PER_MINUTE": "100000",
            "FEEDBACK_START_DATE": str(sandbox.world.first_day),
            "FEEDBACK_CUSTOMER_SECRET": "a secret that all machines have",
            "FEEDBACK_ERASURE_SECRET": "another secret that all machines have",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        known = json.loads(chosen.json.read_text()) if chosen.json and chosen.json.exists() else {}
        for name in chosen.ways.split(","):
            built = ways[name](first, Path(directory))
            known[name] = {
                "seconds": round(built.seconds),
                "partitions": len(built.contents),
                "content": _all(built.contents),
            }
            print(name, known[name], flush=True)  # noqa: T201
            if chosen.json:
                chosen.json.write_text(json.dumps(known))
    equal = len({found["content"] for found in known.values()}) == 1
    print("all equal" if equal else "DIFFERENT", flush=True)  # noqa: T201
    raise SystemExit(0 if equal else 1)


def _all(found: Contents) -> str:
    text = "\n".join(
        f"{table} {day} {content}" for (table, day), content in sorted(found.items(), key=str)
    )
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
