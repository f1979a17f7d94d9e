"""Everything at once, with random kills: once it settles, tables equal an undisturbed build."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from feedback_assets.assets.recorded import read_recorded
from feedback_assets.automation.refresh_sensor import due
from feedback_assets.freshness import on_disk
from feedback_assets.privacy.person import find_person
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES
from feedback_assets.warehouse.erased import DIRECTORY
from tests.automation.robot import Robot, contents
from tests.conftest import YESTERDAY, Project, configure
from tests.freshness.test_on_disk import end_killed_runs
from tests.privacy.test_forget_killed import SOMEBODY, mentions
from tests.reliability.chaos import READING, Chaos, Diary, running_ui
from tests.reliability.processes import running_runner
from tests.servers.supervised import wait_until

SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800 + 2 * SECONDS),
    pytest.mark.skipif(not SECONDS, reason="random, and takes minutes: set CHAOS_SECONDS=60"),
]

FIRST = YESTERDAY - timedelta(days=19)
MIDNIGHT = datetime.combine(YESTERDAY + timedelta(days=1), clock_time.min, UTC)
SPAN = ("--from", str(FIRST), "--to", str(YESTERDAY))
Say = Callable[[str, Any], None]


def test_after_chaos_settles_every_table_is_as_if_undisturbed(
    project: Project, short_tmp: Path, monkeypatch: pytest.MonkeyPatch, record_property: Say
) -> None:
    diary = Diary(SEED)
    try:
        _chaos(project, short_tmp, monkeypatch, diary)
    except BaseException:
        print(diary)  # noqa: T201 - what pytest shows of a test that failed
        raise
    for kind, count in diary.counts.items():
        record_property(kind, count)


def _chaos(
    project: Project, temporary: Path, monkeypatch: pytest.MonkeyPatch, diary: Diary
) -> None:
    root = project.home
    log = root / "log"
    faults = Faults(quotas=False, malformed_rate=0.03)
    with running_sandbox(seed=7, days=25, customers=250, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        for name, value in {
            "FEEDBACK_START_DATE": str(FIRST),
            "FEEDBACK_CUSTOMER_SECRET": "the same in both homes, long enough",
            "FEEDBACK_ERASURE_SECRET": "that of the erased in both homes",
            "FEEDBACK_REFRESH_DAYS": "20",
            "FEEDBACK_REFRESH_AT": _soon(),
        }.items():
            monkeypatch.setenv(name, value)
        environment = {
            "DAGSTER_HOME": str(root / "dagster_home"),
            "TMPDIR": str(temporary),
        }
        # The last days happen while everything runs.
        moments = [MIDNIGHT - timedelta(hours=hours) for hours in (96, 70, 50, 31, 20, 0)]
        sandbox.set_now(moments[0])
        with running_runner(environment, log) as one, running_runner(environment, log) as other:
            assert one.run("backfill", *SPAN)[0] == 0, log.read_text()
            assert one.run("automation", "on")[0] == 0, log.read_text()
            (found,) = json.loads(project.run("query", SOMEBODY, "--json").stdout)
            person = find_person(project.warehouse, found["email"])
            with running_ui(environment, root / "ui.log") as ui:
                chaos = Chaos(sandbox, ui, diary, FIRST, YESTERDAY, found["email"], moments[1:])
                chaos.back()
                chaos.run((one, other), SECONDS)
                # Calm: nothing new is started, and killed runs are retried or given up.
                sandbox.set_now(MIDNIGHT)
                chaos.back()
                assert one.run("automation", "off")[0] == 0, log.read_text()
                _wait_for_runs(project)
                ui.stop()
            _end_runs(project)
            assert one.run("backfill", *SPAN, "--select", READING)[0] == 0, log.read_text()
            with open_instance(project.settings) as instance:
                built = Robot(project, instance).settle()
            diary.add("built by the sensor", ", ".join(table.full_name for table in built))
            texts = {*person.known["email"], *person.known["contact"]}
            assert mentions(project, texts) == []
            assert one.run("backfill", *SPAN, "--missing")[0] == 0, log.read_text()
            # Only after active runs have ended, as the command advises.
            assert one.run("forget", found["email"])[0] == 0, log.read_text()
        _records_match_the_files(project)
        assert mentions(project, texts) == []
        _no_lock_is_held(project)
        assert _litter(root / "warehouse", temporary) == []
        held = contents(project)
        shutil.copytree(root / "warehouse" / DIRECTORY, root / "clean" / DIRECTORY)
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(root / "clean"))
        monkeypatch.setenv("DAGSTER_HOME", str(root / "clean_home"))
        assert project.backfill(FIRST, YESTERDAY).exit_code == 0
        clean = contents(project)
    different = [f"{n} {day}" for n, day in clean.keys() | held.keys()
                 if clean.get((n, day)) != held.get((n, day))]  # fmt: skip
    assert sorted(different) == []
    assert "Traceback" not in log.read_text()


def _soon() -> str:
    """A minute in the near future, for the morning schedule."""
    return f"{datetime.now(UTC) + timedelta(seconds=120):%H:%M}"


def _wait_for_runs(project: Project) -> None:
    """Wait until no run is active; the daemon notices a killed run within half a minute.

    It notices a run that a killed command had not started only after five minutes, so not here."""
    statuses = [s for s in NOT_FINISHED_STATUSES if s is not dg.DagsterRunStatus.NOT_STARTED]
    under_way = dg.RunsFilter(statuses=statuses)
    with open_instance(project.settings) as instance:
        # A killed run is retried, after a moment without active runs.
        for _ in range(2):
            wait_until(lambda: not instance.get_run_ids(under_way, limit=1), 400, every=2)
            time.sleep(5)


def _end_runs(project: Project) -> None:
    """End the runs that no process will execute: retries and killed runs."""
    with open_instance(project.settings) as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
            instance.report_run_canceled(run)
    end_killed_runs(project)


def _records_match_the_files(project: Project) -> None:
    with open_instance(project.settings) as instance:
        for table in ALL_TABLES:
            there = on_disk.marks(project.warehouse, table)
            found = on_disk.difference(read_recorded(instance, table, NO_PREFIX), there)
            assert not len(found), f"{table.full_name}: {found}"
        plan = due(instance, project.settings, DERIVED_TABLES, YESTERDAY + timedelta(days=1))
        assert plan.builds == ()


def _no_lock_is_held(project: Project) -> None:
    with project.warehouse.locks.changing(alone=True):
        pass


def _litter(warehouse: Path, temporary: Path) -> list[str]:
    """Temporary files in the warehouse, and this project's spill files in TMPDIR."""
    half_written = [*warehouse.rglob("*.tmp")]
    waiting = [path for path in temporary.glob("feedback-assets*/**/*") if path.is_file()]
    return [str(path) for path in (*half_written, *waiting)]
