"""Several machines as in ``deploy/cluster``; a worker, Redis and the head are lost."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from celery import Celery
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.sandbox.state import Request
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES
from tests.conftest import YESTERDAY, Project, configure
from tests.servers.contents import contents
from tests.servers.machines import head, postgres_environment, worker
from tests.servers.object_store import ObjectStore
from tests.servers.postgres import PostgresDatabase
from tests.servers.redis import Redis, redis_server
from tests.servers.supervised import wait_until

pytestmark = pytest.mark.slow

DAYS = 60
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
SLOW = "wicked_reports"
A_MINUTE = 8
"""Requests of Wicked Reports: so few that reading takes more than a minute."""
REDIS_AWAY = 5.0
WORKERS = ("one@here", "two@here")
BY_DAY = [table for table in DERIVED_TABLES if table.partitioned]
WHOLE = [table for table in DERIVED_TABLES if not table.partitioned]


def test_losing_worker_redis_and_head_during_a_backfill_costs_no_row_and_no_extra_request(
    project: Project,
    s3: ObjectStore,
    postgres: PostgresDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    on_s3 = project.settings.feedback_warehouse
    with ExitStack() as stack:
        # Two sandboxes with one seed: requests to one do not count against the other's quota.
        alone, sandbox = (
            stack.enter_context(
                running_sandbox(seed=7, days=DAYS + 5, customers=60, faults=Faults(quotas=False))
            )
            for _ in range(2)
        )
        monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "a secret that all machines have")
        configure(monkeypatch, alone)
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(project.home / "one_machine"))
        one_machine = stack.enter_context(_one_machine(FIRST, YESTERDAY))
        expected = project.warehouse

        configure(monkeypatch, sandbox)
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", on_s3)
        monkeypatch.setenv("WICKED_REPORTS_REQUESTS_PER_MINUTE", str(A_MINUTE))
        sandbox.set_faults(Faults(wicked_reports_per_minute=A_MINUTE))
        redis = stack.enter_context(redis_server(project.home / "redis"))
        shared = {
            **postgres_environment(postgres),
            "FEEDBACK_COORDINATION_URL": postgres.url,
            "CELERY_BROKER_URL": redis.url,
        }
        lost, recovered = _build_and_lose_machines(shared, redis)
        assert one_machine.wait(300) == 0
    assert lost >= 1
    held = contents(project.warehouse)
    assert len(held) > len(BY_DAY) * DAYS
    assert held == contents(expected)
    asked = [request for request in sandbox.log if request.provider == SLOW]
    assert len(asked) > A_MINUTE
    assert {request.status for request in asked} == {200}
    assert _most_in(asked, 60) <= A_MINUTE
    with capsys.disabled():
        print(f"\n{lost} runs of a lost machine went on elsewhere after {recovered:.0f} s")  # noqa: T201


@contextmanager
def _one_machine(first: date, last: date) -> Iterator["subprocess.Popen[bytes]"]:
    """Build the same days with the command in the current environment, while the cluster builds."""
    program = str(Path(sys.executable).with_name("feedback-assets"))
    process = subprocess.Popen(
        [program, "backfill", "--from", str(first), "--to", str(last)],
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _build_and_lose_machines(shared: dict[str, str], redis: Redis) -> tuple[int, float]:
    """The number of runs lost by a worker, and the seconds until each was running again."""
    workers = Celery(broker=shared["CELERY_BROKER_URL"]).control.inspect(timeout=2)
    with ExitStack() as stack:
        machines = {name: stack.enter_context(worker(name, shared)) for name in WORKERS}
        first_head = stack.enter_context(head("cluster", shared))
        ui = first_head.ui
        backfill = ui.backfill(PROVIDER_TABLES, FIRST, YESTERDAY)

        def reading() -> dict[str, set[str]]:
            """By worker, its runs, among those that read a table of Wicked Reports."""
            going = [run for run in ui.runs() if run.status == "STARTED"]
            slow = {run.id for run in going if run.reads(SLOW)}
            of_task = {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG): run.id for run in going}
            held = {
                name: {of_task[task["id"]] for task in tasks if task["id"] in of_task}
                for name, tasks in (workers.active() or {}).items()
                # Runs that have not started are detected as lost by another timeout.
                if all(task["id"] in of_task for task in tasks)
            }
            return {name: ids for name, ids in held.items() if slow & ids}

        name, ids = next(iter(wait_until(reading, 300).items()))
        machines[name].lost()
        began = time.monotonic()

        def in_progress() -> bool:
            parents = {run.parent for run in ui.runs() if run.status in ("STARTED", "SUCCESS")}
            ended = {run.id for run in ui.runs() if run.status == "SUCCESS"}
            return ids <= parents | ended

        wait_until(in_progress, 400)
        recovered = time.monotonic() - began
        redis.kill()
        time.sleep(REDIS_AWAY)
        redis.start()
        first_head.machine.lost()
        ui = stack.enter_context(head("cluster", shared)).ui
        ui.wait_for_backfill(backfill, 600)
        for tables, first, last in ((BY_DAY, FIRST, YESTERDAY), (WHOLE, None, None)):
            ui.wait_for_run(ui.run(tables, first, last), 400)
        lost = {run.parent for run in ui.runs() if run.parent}
    return len(lost), recovered


def _most_in(requests: Sequence[Request], seconds: float) -> int:
    times = [request.at for request in requests]
    return max(sum(0 <= other - at < seconds for other in times) for at in times)
