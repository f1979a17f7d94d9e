"""Files that no run recorded are noticed and handled, whatever their origin."""

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from feedback_assets import settings
from feedback_assets.assets.derived_assets import parameters
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.freshness import on_disk
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.transforms.engine import build_days, build_whole
from feedback_assets.transforms.inputs import Recorded
from feedback_assets.warehouse.content import content_hash
from tests.automation.robot import Robot, contents
from tests.conftest import YESTERDAY, Project, configure
from tests.reliability.processes import running_runner

ORDERS = find_table("wicked_reports.orders")
FIRST = YESTERDAY - timedelta(days=2)
KILLS = int(os.environ.get("KILLS", "1"))
"""How often the reading of each provider is killed; docs/reliability.md has the figures of 10."""


SECRET = "the same in every home, long enough"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Sandbox]]:
    """Home and warehouse after a full backfill of three days, for tests to copy."""
    root = tmp_path_factory.mktemp("built")
    with (
        running_sandbox(seed=7, days=20, customers=250, faults=Faults(quotas=False)) as sandbox,
        pytest.MonkeyPatch.context() as environment,
    ):
        _use(environment, root, sandbox)
        assert Project(root).backfill(FIRST, YESTERDAY).exit_code == 0
        yield root, sandbox


@pytest.fixture
def held(project: Project, built: tuple[Path, Sandbox], monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three complete, up-to-date days."""
    root, sandbox = built
    # Keep the modification times, which identify the files.
    shutil.copytree(root, project.home, dirs_exist_ok=True)
    _use(monkeypatch, project.home, sandbox)
    return project


def _use(environment: pytest.MonkeyPatch, root: Path, sandbox: Sandbox) -> None:
    environment.setattr(settings, "PROJECT_ROOT", root)
    configure(environment, sandbox)
    environment.setenv("DAGSTER_HOME", str(root / "dagster_home"))
    environment.setenv("FEEDBACK_WAREHOUSE", str(root / "warehouse"))
    environment.setenv("FEEDBACK_CUSTOMER_SECRET", SECRET)


def _doubled(orders: pa.Table) -> pa.Table:
    index = orders.schema.get_field_index("amount")
    twice = pc.multiply(orders["amount"].cast(pa.float64()), 2).cast(
        orders.schema.field(index).type
    )
    return orders.set_column(index, orders.schema.field(index), twice)


def _restate(project: Project) -> None:
    """Replace a day of orders like a run that is killed before it records anything."""
    rows = project.warehouse.read_arrow(ORDERS, FIRST, FIRST).drop_columns("day")
    project.warehouse.replace_day(ORDERS, FIRST, _doubled(rows))


def _amounts(project: Project, table: str) -> object:
    return pc.sum(project.warehouse.read_arrow(find_table(table))["amount"]).as_py()


def _equals_a_clean_build(project: Project, first: date = FIRST) -> None:
    """Every derived table, in order, equals the result of its query over the files on disk."""
    held = contents(project)
    values = parameters(project.settings)
    for table in DERIVED_TABLES:
        if not table.partitioned:
            rows = build_whole(table, project.warehouse, values)
            assert held[table.full_name, None] == content_hash(rows), table.full_name
            continue
        for day, rows in build_days(table, first, YESTERDAY, project.warehouse, values):
            content = content_hash(rows) if rows.num_rows else ""
            assert held[table.full_name, day] == content, f"{table.full_name} {day}"


def _nothing_left(project: Project) -> None:
    with open_instance(project.settings) as instance:
        for table in PROVIDER_TABLES + DERIVED_TABLES:
            there = on_disk.marks(project.warehouse, table)
            assert not len(on_disk.difference(read_recorded(instance, table, NO_PREFIX), there)), (
                table
            )
        assert Robot(project, instance).tick() == ([], "Everything is up to date.")


@pytest.mark.slow
def test_missing_builds_the_dependants_of_a_day_replaced_by_a_killed_run(held: Project) -> None:
    before = _amounts(held, "unified.orders")
    _restate(held)
    assert _amounts(held, "unified.orders") == before
    with open_instance(held.settings) as instance:
        shown = on_disk.numbers(held.warehouse, ORDERS, read_recorded(instance, ORDERS, NO_PREFIX))
    assert (shown["changed"], shown["violations"], shown["days"]) == (1, 1, str(FIRST))
    assert "--missing" in shown["what_to_do"]

    result = held.backfill(FIRST, YESTERDAY, "--missing")

    assert result.exit_code == 0, result.output
    assert _amounts(held, "unified.orders") == _amounts(held, "wicked_reports.orders") != before
    _nothing_left(held)
    _equals_a_clean_build(held)


@pytest.mark.slow
def test_missing_rebuilds_tables_that_read_newly_stored_days(held: Project) -> None:
    first = FIRST - timedelta(days=2)
    assert held.backfill(first, YESTERDAY, "--missing").exit_code == 0
    _nothing_left(held)
    _equals_a_clean_build(held, first)


@pytest.mark.slow
def test_the_sensor_notices_replaced_restored_and_deleted_files(held: Project) -> None:
    unified, nps = find_table("unified.orders"), find_table("marts.nps_daily")
    with open_instance(held.settings) as instance:
        robot = Robot(held, instance)
        assert robot.tick() == ([], "Everything is up to date.")

        _restate(held)
        assert robot.settle()[unified] == {FIRST}
        _equals_a_clean_build(held)

        rows = held.warehouse.read_arrow(unified, YESTERDAY, YESTERDAY).drop_columns("day")
        held.warehouse.replace_day(unified, YESTERDAY, _doubled(rows))
        Path(held.warehouse.path(ORDERS, FIRST)).unlink()
        Path(held.warehouse.path(nps, YESTERDAY)).unlink()
        done = robot.settle()
    assert done[unified] == {FIRST, YESTERDAY}
    assert YESTERDAY in done[nps]
    _equals_a_clean_build(held)


def test_an_unrecorded_file_differs_from_every_recorded_input() -> None:
    known = Recorded({FIRST: "a", YESTERDAY: "b"}, files={FIRST: "mark a", YESTERDAY: "mark b"})
    there = {FIRST: "mark a", YESTERDAY: "copied by hand", None: "new"}
    assert known.content_of(there) == {
        FIRST: "a",
        YESTERDAY: "unrecorded copied by hand",
        None: "unrecorded new",
    }
    assert known.content_of({}) == {}
    # The first version recorded no marks.
    assert Recorded({FIRST: "a"}).content_of({FIRST: "mark a"}) == {FIRST: "a"}


@pytest.mark.slow
def test_moving_the_start_date_changes_no_table_and_moving_it_back_catches_up(
    held: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(held)
    monkeypatch.setenv("FEEDBACK_START_DATE", str(YESTERDAY))
    _nothing_left(held)
    refused = held.backfill(FIRST, YESTERDAY, "--missing")
    assert refused.exit_code == 2
    assert f"--from {FIRST} is before FEEDBACK_START_DATE={YESTERDAY}" in refused.stderr
    assert contents(held) == before

    _restate(held)
    unified = find_table("unified.orders")
    with open_instance(held.settings) as instance:
        assert unified not in Robot(held, instance).settle()
    monkeypatch.setenv("FEEDBACK_START_DATE", str(FIRST))
    with open_instance(held.settings) as instance:
        assert Robot(held, instance).settle()[unified] == {FIRST}
    _nothing_left(held)
    _equals_a_clean_build(held)


@pytest.mark.slow
def test_a_new_home_learns_the_stored_partitions_without_requests(
    held: Project, built: tuple[Path, Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, sandbox = built
    before = contents(held)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another"))
    sandbox.forget_requests()
    with open_instance(held.settings) as instance:
        done = Robot(held, instance).settle()
    assert not sandbox.requests
    assert set(done) >= set(DERIVED_TABLES)
    assert contents(held) == before
    _nothing_left(held)


@pytest.mark.slow
@pytest.mark.timeout(1800 + 120 * KILLS)
def test_a_killed_reread_leaves_no_stale_mart(
    project: Project, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, Any], None]
) -> None:
    first = YESTERDAY - timedelta(days=34)  # two windows
    span = ("--from", str(first), "--to", str(YESTERDAY))
    moments = random.Random()
    log = project.home / "log"
    with (
        running_sandbox(seed=7, days=45, customers=60, faults=Faults(quotas=False)) as one,
        # The same days restated with other people and orders.
        running_sandbox(seed=8, days=45, customers=60, faults=Faults(quotas=False)) as other,
    ):
        _use(monkeypatch, project.home, one)
        with running_runner({}, log) as runner:
            assert runner.run("backfill", *span)[0] == 0, log.read_text()
            commands = {
                group: ("backfill", *span, "--select", f"group:{group}")
                for group in sorted({table.group for table in PROVIDER_TABLES})
            }
            seconds = {group: runner.run(*command)[1] for group, command in commands.items()}
            killed, left = 0, 0
            for attempt in range(KILLS):
                served = (other, one)[attempt % 2].environment()
                for group, command in commands.items():
                    after = seconds[group] * moments.uniform(0.2, 1)
                    status, took = runner.run_killed(after, *command, **served)
                    assert status in (0, -signal.SIGKILL), log.read_text()
                    killed += status != 0
                    seconds[group] = seconds[group] if status else took
                left += _unrecorded(project)
                assert runner.run("backfill", *span, "--missing")[0] == 0, log.read_text()
                end_killed_runs(project)
                _nothing_left(project)
                _equals_a_clean_build(project, first)
    record_property("killed", killed)
    record_property("partitions that no run had recorded", left)
    assert killed


def end_killed_runs(project: Project) -> None:
    """Do the work of the daemon's run monitoring; until then the sensor waits for these runs."""
    with open_instance(project.settings) as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
            health = instance.run_launcher.check_run_worker_health(run)
            assert health.status.name == "NOT_FOUND"
            instance.report_run_failed(run)


def _unrecorded(project: Project) -> int:
    with open_instance(project.settings) as instance:
        return sum(
            len(
                on_disk.difference(
                    read_recorded(instance, table, NO_PREFIX),
                    on_disk.marks(project.warehouse, table),
                )
            )
            for table in PROVIDER_TABLES
        )
