"""A backfill stopped halfway: no run stays active, and the next one resumes where it stopped."""

import re
import shlex
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from feedback_assets.warehouse.content import content_hash
from tests.conftest import YESTERDAY, Project

pytestmark = pytest.mark.slow
FIRST = YESTERDAY - timedelta(days=83)
COMMAND = Path(sys.executable).with_name("feedback-assets")
TABLES = tuple(
    find_table(name)
    for name in ("wicked_reports.orders", "fullwhere.survey_trackers", "unified.orders")
)
SELECT = " or ".join(f'key:"{table.group}/{table.name}"' for table in TABLES)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(COMMAND), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_the_second_window_is_read(
    shop: Project, sandbox: Sandbox, process: subprocess.Popen[str]
) -> None:
    """Wait for the trackers, whose windows have several pages."""

    def asked() -> int:
        return sum(n for key, n in sandbox.requests.items() if key[0] == "fullwhere")

    deadline = time.monotonic() + 200
    asked_before = None
    while asked_before is None or asked() == asked_before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
        if asked_before is None and shop.warehouse.days_held(TABLES[1]):
            asked_before = asked()
            # Slow enough that it cannot finish before the stop signal.
            sandbox.set_faults(Faults(quotas=False, latency=30))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_backfill_leaves_no_active_run_and_resumes_where_it_stopped(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, stop: signal.Signals
) -> None:
    sandbox.set_faults(Faults(quotas=False, latency=0.5))
    days = ("--from", str(FIRST), "--to", str(YESTERDAY))
    process = start("backfill", *days, "--select", SELECT)
    wait_until_the_second_window_is_read(shop, sandbox, process)
    process.send_signal(stop)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + stop
    with open_instance(shop.settings) as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert dg.DagsterRunStatus.CANCELED in statuses
    assert set(statuses) <= {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS}

    held = {table.group: len(shop.warehouse.days_held(table)) for table in TABLES}
    assert 0 < held["fullwhere"] < 84
    sandbox.set_faults(Faults(quotas=False))
    sandbox.forget_requests()
    (again,) = re.findall(r"feedback-assets (backfill .*)", said)
    result = shop.run(*shlex.split(again))
    assert result.exit_code == 0, result.output
    assert [len(shop.warehouse.days_held(table)) for table in TABLES] == [84, 84, 84]
    resumed, after_resuming = sandbox.requests, contents(shop)

    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(shop.home / "from_nothing"))
    sandbox.forget_requests()
    assert shop.run("backfill", *days, "--select", SELECT).exit_code == 0
    assert after_resuming == contents(shop)
    # Three windows of 28 days; existing days were not requested again.
    for (provider, endpoint), asked in sandbox.requests.items():
        windows_left = 3 - held[provider] // 28
        assert resumed[provider, endpoint] <= asked * windows_left / 3 + windows_left


def contents(shop: Project) -> dict[str, str]:
    return {table.full_name: content_hash(shop.warehouse.read_arrow(table)) for table in TABLES}
