"""Backfill processes: a killed one fails its tables only, and none outlives the command."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.backfill import forking
from feedback_assets.backfill.worker import work
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.run_launcher import PROCESS_TAG
from feedback_assets.runtime.runs import UNFINISHED
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from feedback_assets.warehouse.temporary_names import is_alive
from tests.conftest import YESTERDAY, Project

FIRST = YESTERDAY - timedelta(days=55)
SELECT = 'key:"wicked_reports/orders" or key:"fullwhere/survey_trackers" or key:"unified/orders"'
TRACKERS = dg.AssetKey(["fullwhere", "survey_trackers"])
PATIENCE_SECONDS = 300


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def reading_process(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """The id of the process whose run reads a table, or 0."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    reading = (run for run in runs if key in (run.asset_selection or ()))
    return next((int(run.tags[PROCESS_TAG].split()[-1]) for run in reading), 0)


def test_the_server_that_forks_workers_loads_their_module() -> None:
    assert work.__module__ == forking.WORKER


@pytest.mark.slow
def test_a_killed_process_fails_only_its_own_tables(shop: Project, sandbox: Sandbox) -> None:
    # The read of the trackers cannot end before the kill; other reads are not delayed.
    sandbox.set_faults(Faults(quotas=False, latency=600, slow=frozenset({"fullwhere"})))
    with open_instance(shop.settings) as instance:

        def kill() -> None:
            os.kill(wait_for(lambda: reading_process(instance, TRACKERS)), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        result = shop.backfill(FIRST, YESTERDAY, "--select", SELECT)
        killer.join()
        assert result.exit_code == 1
        (line,) = [text for text in result.stderr.splitlines() if text.startswith("failed: ")]
        assert line == (
            "failed: fullwhere.survey_trackers: the process of its run was ended by SIGKILL; "
            "load these days again"
        )
        assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []
        (failed,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert failed.asset_selection == {TRACKERS}
    assert len(shop.warehouse.days_held(find_table("unified.orders"))) == 56


@pytest.mark.slow
def test_no_process_outlives_a_killed_command(shop: Project, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(quotas=False, latency=5))
    command = Path(sys.executable).with_name("feedback-assets")
    days = ("--from", str(FIRST), "--to", str(YESTERDAY))
    with (
        open_instance(shop.settings) as instance,
        subprocess.Popen([str(command), "backfill", *days, "--select", SELECT]) as process,
    ):
        reading = wait_for(lambda: reading_process(instance, TRACKERS))
        process.kill()
        process.wait()
        wait_for(lambda: not is_alive(reading))
        # The process itself recorded the end of its run.
        wait_for(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))


@pytest.mark.slow
def test_a_backfill_works_where_tmpdir_is_too_long_for_a_socket(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("t" * 100)
    long.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    select = ("--select", 'key:"wicked_reports/orders"')
    assert shop.backfill(YESTERDAY, YESTERDAY, *select).exit_code == 0
    assert shop.warehouse.days_held(find_table("wicked_reports.orders")) == [YESTERDAY]
