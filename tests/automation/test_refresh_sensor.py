"""Schedule and refresh sensor on a real instance; test_fourteen_days shows that only changes are
built."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.test_utils import create_run_for_test

from feedback_assets.automation.refresh_sensor import NAME, due
from feedback_assets.automation.schedules import DAILY
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, REPORT_PAGES, find_table
from tests.automation.robot import Robot
from tests.conftest import YESTERDAY, Project, configure
from tests.service.test_ui import LOCATIONS, ROOT, webserver

START_SENSOR = """
mutation ($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) {
    __typename
    ... on PythonError { message }
  }
}
"""


@pytest.fixture
def small(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Project, Sandbox]]:
    """A project that rereads three days, and providers with few people."""
    faults = Faults(quotas=False)
    with running_sandbox(seed=7, days=60, customers=60, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        monkeypatch.setenv("FEEDBACK_REFRESH_DAYS", "3")
        yield project, sandbox


def test_the_sensor_waits_for_running_reads(shop: Project) -> None:
    with open_instance(shop.settings) as instance:
        robot = Robot(shop, instance)
        key = dg.AssetKey(["wicked_reports", "orders"])
        run = create_run_for_test(
            instance, asset_selection=frozenset([key]), status=dg.DagsterRunStatus.STARTED
        )
        requests, reason = robot.tick()
        assert requests == []
        assert run.run_id in reason
        instance.report_run_failed(run)
        assert robot.tick() == ([], "Everything is up to date.")


def test_a_failed_build_keeps_its_run_key_until_the_next_day_or_new_data(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = ("--select", 'key:"wicked_reports/orders"')
    assert shop.backfill(YESTERDAY, YESTERDAY, *select).exit_code == 0
    with open_instance(shop.settings) as instance:
        first, _ = Robot(shop, instance).tick()
        again, _ = Robot(shop, instance).tick()
        assert [request.run_key for request in again] == [request.run_key for request in first]
        assert {str(key) for request in first for key in request.asset_selection or []} == {
            str(dg.AssetKey(name.split(".")))
            for name in ("unified.orders", "unified.attribution", "marts.product_scores")
        }
        derived = [find_table(name) for name in ("unified.orders", "marts.customers")]
        plan = due(instance, shop.settings, derived, YESTERDAY + timedelta(days=2))
        assert [build.table.full_name for build in plan.builds] == ["unified.orders"]
        assert [table.full_name for table in plan.waiting] == ["marts.customers"]


def _switch_daily(command: str) -> None:
    executable = Path(sys.executable).with_name("dagster")
    subprocess.run([str(executable), "schedule", command, DAILY], cwd=ROOT, check=True, timeout=240)


@pytest.mark.slow
def test_the_daemon_reads_at_the_configured_time_builds_what_was_read_and_then_rests(
    small: tuple[Project, Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, sandbox = small
    open_instance(project.settings).dispose()
    # A late daemon catches up; a schedule that is started late does not.
    for seconds in (90, 180, 360):
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(second=0, microsecond=0)
        monkeypatch.setenv("FEEDBACK_REFRESH_AT", f"{at:%H:%M}")
        _switch_daily("start")
        if datetime.now(UTC) < at:
            break
        _switch_daily("stop")
    first = YESTERDAY - timedelta(days=2)
    with open_instance(project.settings) as instance, webserver("dagster", tmp_path) as served:

        def ended() -> list[dg.DagsterRun]:
            runs = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": DAILY}))
            return (
                list(runs)
                if len(runs) == len(SOURCES) and all(run.is_finished for run in runs)
                else []
            )

        location = served.ask(LOCATIONS)["repositoriesOrError"]["nodes"][0]["location"]["name"]
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "sensorName": NAME,
        }
        started = served.ask(START_SENSOR, selector=selector)["startSensor"]
        assert started["__typename"] == "Sensor", started
        runs = served.wait_until(ended, 900)
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}

        built_tables = DERIVED_TABLES + REPORT_PAGES

        def rests() -> bool:
            plan = due(instance, project.settings, built_tables, YESTERDAY + timedelta(days=1))
            unfinished = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
            return not plan.builds and not plan.waiting and not unfinished

        served.wait_until(rests, 900)
        built = instance.get_runs(dg.RunsFilter(tags={"dagster/sensor_name": NAME}))
        # A restarted daemon has no cursor.
        assert Robot(project, instance).tick() == ([], "Everything is up to date.")
    assert {run.status for run in built} == {dg.DagsterRunStatus.SUCCESS}
    for table in DERIVED_TABLES:
        assert project.warehouse.files(table), table.full_name
        of_table = [r for r in built if r.asset_selection == {dg.AssetKey(NO_PREFIX.key(table))}]
        assert len(of_table) == 1, table.full_name
    truth = sandbox.truth(first, YESTERDAY)
    for table in PROVIDER_TABLES:
        assert len(project.warehouse.days_held(table)) == 3
        assert project.warehouse.read_arrow(table).num_rows == truth[table.full_name]["rows"]
