"""The refresh sensor on a real instance: only what changed at the providers is rebuilt."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.test_utils import create_run_for_test

from feedback_assets.assets.derived_assets import parameters
from feedback_assets.automation.refresh_sensor import NAME, due
from feedback_assets.automation.schedules import DAILY
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, REPORT_PAGES, find_table
from feedback_assets.transforms.engine import build_days, build_whole
from feedback_assets.transforms.inputs import Day
from feedback_assets.warehouse.content import content_hash
from tests.conftest import YESTERDAY, Project, configure
from tests.service.test_ui import LOCATIONS, ROOT, webserver

DAYS = 14
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
MIDNIGHT = datetime.combine(YESTERDAY + timedelta(days=1), time.min, UTC)
ALL = PROVIDER_TABLES + DERIVED_TABLES
ASSETS = {table.full_name: table for table in ALL + REPORT_PAGES}
(PAGE,) = REPORT_PAGES
START_SENSOR = """
mutation ($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) {
    __typename
    ... on PythonError { message }
  }
}
"""
Partitions = dict[Table, set[Day]]


class Robot:
    """A daemon without a clock: evaluates schedule and sensor and launches the requested runs."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.defs = project.defs
        self.instance = instance
        self.job = self.defs.resolve_implicit_global_asset_job_def()
        self.cursor: str | None = None
        self.keys: set[str] = set()

    def tick(self) -> tuple[list[dg.RunRequest], str]:
        """The sensor's requests that are new, and its message."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs
        ) as context:
            found = self.defs.resolve_sensor_def(NAME).evaluate_tick(context)
        self.cursor = found.cursor
        fresh = [r for r in found.run_requests or [] if r.run_key not in self.keys]
        self.keys |= {str(request.run_key) for request in fresh}
        return fresh, found.skip_message or ""

    def read_again(self) -> list[dg.RunRequest]:
        with dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=MIDNIGHT + timedelta(hours=6)
        ) as context:
            found = self.defs.resolve_schedule_def(DAILY).evaluate_tick(context)
        for request in found.run_requests or []:
            self.execute(request)
        return list(found.run_requests or [])

    def execute(self, request: dg.RunRequest) -> None:
        result = self.job.execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags=dict(request.tags),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert result.success

    def settle(self) -> Partitions:
        """Tick until nothing is due; return every built partition, each built once."""
        built: Partitions = {}
        for _ in range(10):
            requests, _ = self.tick()
            if not requests:
                return built
            for request in requests:
                self.execute(request)
                (key,) = request.asset_selection or []
                table = ASSETS[".".join(key.path)]
                span = request.partition_key_range
                days: list[Day] = [None]
                if span is not None:
                    start, end = date.fromisoformat(span.start), date.fromisoformat(span.end)
                    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
                assert built.setdefault(table, set()).isdisjoint(days)
                built[table] |= set(days)
        raise AssertionError(f"still not settled: {built}")


def contents(project: Project) -> dict[tuple[str, Day], str]:
    """The content of every partition in the files; "" if it is empty."""
    found: dict[tuple[str, Day], str] = {}
    for table in ALL:
        rows = project.warehouse.read_arrow(table)
        if not table.partitioned:
            found[table.full_name, None] = content_hash(rows)
            continue
        for day in project.warehouse.days_held(table):
            of_day = rows.filter(pc.equal(rows["day"], pa.scalar(day))).drop_columns("day")
            found[table.full_name, day] = content_hash(of_day) if of_day.num_rows else ""
    return found


def rebuild(project: Project, table: Table) -> None:
    values = parameters(project.settings)
    if not table.partitioned:
        project.warehouse.replace_whole(table, build_whole(table, project.warehouse, values))
        return
    for day, rows in build_days(table, FIRST, YESTERDAY, project.warehouse, values):
        project.warehouse.replace_day(table, day, rows)


def reads(table: Table, day: Day, changed: set[tuple[str, Day]], settings: Settings) -> bool:
    """Whether a partition depends on a changed one, by the table's declaration."""
    for other, moved in changed:
        depends = table.depends.get(other)
        if depends is None or moved is None:
            continue
        back = depends.days_back(settings.feedback_match_days, settings.feedback_touch_days)
        if day is None or -back <= (moved - day).days <= depends.ahead:
            return True
    return False


@pytest.fixture
def small(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Project, Sandbox]]:
    """A project and providers with few people, so that a few hours change only a day or two."""
    faults = Faults(quotas=False)
    with running_sandbox(seed=7, days=60, customers=60, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        monkeypatch.setenv("FEEDBACK_REFRESH_DAYS", str(DAYS))
        monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same in both homes")
        yield project, sandbox


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_only_changed_partitions_are_rebuilt_and_tables_equal_a_full_rebuild(
    small: tuple[Project, Sandbox],
) -> None:
    project, sandbox = small
    sandbox.set_now(MIDNIGHT - timedelta(hours=12))
    assert project.backfill(FIRST, YESTERDAY).exit_code == 0
    with open_instance(project.settings) as instance:
        robot = Robot(project, instance)
        # The command's builds are recorded like the daemon's.
        assert robot.tick() == ([], "Everything is up to date.")
        assert robot.tick()[0] == []
        before = contents(project)

        sandbox.set_now(MIDNIGHT)
        requests = robot.read_again()
        assert {str(request.partition_key_range) for request in requests} == {
            str(dg.PartitionKeyRange(str(FIRST), str(YESTERDAY)))
        }
        built = robot.settle()
        assert robot.tick() == ([], "Nothing has changed since the last build.")
        after = contents(project)

        # A restarted daemon without a cursor.
        assert Robot(project, instance).tick() == ([], "Everything is up to date.")
        # Read again without changes at the providers.
        for request in requests:
            if request.asset_selection == [dg.AssetKey(["wicked_reports", "orders"])]:
                robot.execute(request)
        assert robot.tick() == ([], "Everything is up to date.")

    changed = {partition for partition in after if after[partition] != before[partition]}
    restated = {day for name, day in changed if find_table(name) in PROVIDER_TABLES}
    assert 1 <= len(restated) < DAYS / 2
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    for table in DERIVED_TABLES:
        partitions: list[Day] = [*days] if table.partitioned else [None]
        due = {day for day in partitions if reads(table, day, changed, project.settings)}
        assert built.get(table, set()) == due, table.full_name
    mart_changed = any(name in PAGE.depends for name, _ in changed)
    assert built.get(PAGE, set()) == ({None} if mart_changed else set())
    assert any(table not in built or built[table] < set(days) for table in DERIVED_TABLES)

    for table in DERIVED_TABLES:
        shutil.rmtree(project.warehouse.directory(table))
    for table in DERIVED_TABLES:
        rebuild(project, table)
    assert contents(project) == after


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
        derived = [find_table(name) for name in ("unified.orders", "marts.customer_value")]
        plan = due(instance, shop.settings, derived, YESTERDAY + timedelta(days=2))
        assert [build.table.full_name for build in plan.builds] == ["unified.orders"]
        assert [table.full_name for table in plan.waiting] == ["marts.customer_value"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_daemon_builds_what_the_command_read_and_then_stays_idle(
    small: tuple[Project, Sandbox], tmp_path: Path
) -> None:
    project, _ = small
    first = YESTERDAY - timedelta(days=2)
    select = ("--select", "not (group:unified or group:marts)")
    assert project.backfill(first, YESTERDAY, *select).exit_code == 0
    with open_instance(project.settings) as instance, webserver("dagster", tmp_path) as served:
        location = served.ask(LOCATIONS)["repositoriesOrError"]["nodes"][0]["location"]["name"]
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "sensorName": NAME,
        }
        started = served.ask(START_SENSOR, selector=selector)["startSensor"]
        assert started["__typename"] == "Sensor", started

        def rests() -> bool:
            plan = due(instance, project.settings, DERIVED_TABLES, YESTERDAY + timedelta(days=1))
            unfinished = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
            return not plan.builds and not plan.waiting and not unfinished

        served.wait_until(rests, 900)
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/sensor_name": NAME}))
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    for table in DERIVED_TABLES:
        assert project.warehouse.files(table), table.full_name
        of_table = [r for r in runs if r.asset_selection == {dg.AssetKey(table.asset_key)}]
        assert len(of_table) == 1, table.full_name


def _switch_daily(command: str) -> None:
    executable = Path(sys.executable).with_name("dagster")
    subprocess.run([str(executable), "schedule", command, DAILY], cwd=ROOT, check=True, timeout=240)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_daemon_reads_every_list_at_the_configured_time(
    small: tuple[Project, Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, sandbox = small
    monkeypatch.setenv("FEEDBACK_REFRESH_DAYS", "3")
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

        runs = served.wait_until(ended, 900)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    truth = sandbox.truth(first, YESTERDAY)
    for table in PROVIDER_TABLES:
        assert len(project.warehouse.days_held(table)) == 3
        assert project.warehouse.read_arrow(table).num_rows == truth[table.full_name]["rows"]
