"""The processes of a backfill: one that is killed fails its tables, none outlives the command."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

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
PATIENCE_SECONDS = 120


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def process_that_reads(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """The id of the process whose run reads a table; 0 where none has begun."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    reading = (run for run in runs if key in (run.asset_selection or ()))
    return next((int(run.tags[PROCESS_TAG].split()[-1]) for run in reading), 0)


def test_a_process_that_is_killed_fails_its_tables_and_no_others(
    shop: Project, sandbox: Sandbox
) -> None:
    sandbox.set_faults(Faults(quotas=False, latency=0.3))
    with open_instance(shop.settings) as instance:

        def kill() -> None:
            os.kill(wait_for(lambda: process_that_reads(instance, TRACKERS)), signal.SIGKILL)

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
@pytest.mark.timeout(300)
def test_no_process_outlives_a_command_that_is_killed(shop: Project, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(quotas=False, latency=3))
    command = Path(sys.executable).with_name("feedback-assets")
    days = ("--from", str(FIRST), "--to", str(YESTERDAY))
    with (
        open_instance(shop.settings) as instance,
        subprocess.Popen([str(command), "backfill", *days, "--select", SELECT]) as process,
    ):
        reading = wait_for(lambda: process_that_reads(instance, TRACKERS))
        process.kill()
        process.wait()
        wait_for(lambda: not is_alive(reading))
        # The process itself wrote the end of its run.
        wait_for(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))
