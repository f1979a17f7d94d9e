"""Files that no run recorded are noticed and put right, however they came about."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from feedback_assets.assets.derived_assets import parameters
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.operations import on_disk
from feedback_assets.operations.home import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.store.content import content_hash
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.transforms.engine import build_days, build_whole
from tests.conftest import YESTERDAY, Project, configure
from tests.operations.test_refresh_sensor import Robot, contents

ORDERS = find_table("wicked_reports.orders")
FIRST = YESTERDAY - timedelta(days=2)


@pytest.fixture
def held(project: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three days of everything, up to date."""
    configure(monkeypatch, sandbox)
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same in both homes, long enough")
    assert project.backfill(FIRST, YESTERDAY).exit_code == 0
    return project


def _doubled(orders: pa.Table) -> pa.Table:
    index = orders.schema.get_field_index("amount")
    twice = pc.multiply(orders["amount"].cast(pa.float64()), 2).cast(
        orders.schema.field(index).type
    )
    return orders.set_column(index, orders.schema.field(index), twice)


def _restate(project: Project) -> None:
    """Replace a day of orders as a run does that is killed before it records anything."""
    rows = project.warehouse.read_arrow(ORDERS, FIRST, FIRST).drop_columns("day")
    project.warehouse.replace_day(ORDERS, FIRST, _doubled(rows))


def _amounts(project: Project, table: str) -> object:
    return pc.sum(project.warehouse.read_arrow(find_table(table))["amount"]).as_py()


def _equals_a_clean_build(project: Project, first: date = FIRST) -> None:
    """Every derived table, in order, is what its query makes of the files on disk."""
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
            assert not len(on_disk.difference(read_recorded(instance, table), there)), table
        assert Robot(project, instance).tick() == ([], "All is up to date.")


def test_missing_builds_what_depends_on_a_day_that_a_killed_run_replaced(held: Project) -> None:
    before = _amounts(held, "unified.orders")
    _restate(held)
    assert _amounts(held, "unified.orders") == before
    with open_instance(held.settings) as instance:
        shown = on_disk.numbers(held.warehouse, ORDERS, read_recorded(instance, ORDERS))
    assert (shown["changed"], shown["violations"], shown["days"]) == (1, 1, str(FIRST))
    assert "--missing" in shown["what_to_do"]

    result = held.backfill(FIRST, YESTERDAY, "--missing")

    assert result.exit_code == 0, result.output
    assert _amounts(held, "unified.orders") == _amounts(held, "wicked_reports.orders") != before
    _nothing_left(held)
    _equals_a_clean_build(held)
    assert "unified.orders" not in held.backfill(FIRST, YESTERDAY, "--missing").stdout


def test_the_sensor_notices_replaced_restored_and_deleted_files(held: Project) -> None:
    unified, nps = find_table("unified.orders"), find_table("marts.nps_daily")
    with open_instance(held.settings) as instance:
        robot = Robot(held, instance)
        assert robot.tick() == ([], "All is up to date.")

        _restate(held)
        assert robot.settle()[unified] == {FIRST}
        _equals_a_clean_build(held)

        rows = held.warehouse.read_arrow(unified, YESTERDAY, YESTERDAY).drop_columns("day")
        held.warehouse.replace_day(unified, YESTERDAY, _doubled(rows))
        Path(held.warehouse.path(ORDERS, FIRST)).unlink()
        Path(held.warehouse.path(nps, YESTERDAY)).unlink()
        built = robot.settle()
    assert built[unified] == {FIRST, YESTERDAY}
    assert YESTERDAY in built[nps]
    _equals_a_clean_build(held)


def test_another_home_learns_what_is_held_without_asking_a_provider(
    held: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = contents(held)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another"))
    sandbox.forget_requests()
    with open_instance(held.settings) as instance:
        built = Robot(held, instance).settle()
    assert not sandbox.requests
    assert set(built) >= set(DERIVED_TABLES)
    assert contents(held) == before
    _nothing_left(held)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("group", sorted({table.group for table in PROVIDER_TABLES}))
def test_a_reading_that_is_killed_at_any_moment_leaves_nothing_stale(
    project: Project, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    moments = random.Random(group)
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same in both homes, long enough")
    first = YESTERDAY - timedelta(days=39)  # two windows
    with running_sandbox(seed=7, days=60, customers=60, faults=Faults(quotas=False)) as sandbox:
        configure(monkeypatch, sandbox)
        assert project.backfill(first, YESTERDAY).exit_code == 0
    # Everything is restated: other people, other orders.
    with running_sandbox(seed=8, days=60, customers=60, faults=Faults(quotas=False)) as sandbox:
        configure(monkeypatch, sandbox)
        command = [
            sys.executable, "-m", "feedback_assets.cli", "backfill",
            "--from", str(first), "--to", str(YESTERDAY), "--select", f"group:{group}",
        ]  # fmt: skip
        begun = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        takes = time.monotonic() - begun
        for _ in range(int(os.environ.get("KILLS", "2"))):
            with subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as p:
                time.sleep(takes * moments.uniform(0.4, 1))
                p.send_signal(signal.SIGKILL)
    result = project.backfill(first, YESTERDAY, "--missing")
    assert result.exit_code == 0, result.output
    _nothing_left(project)
    _equals_a_clean_build(project, first)
