"""Derived tables of one warehouse are built one at a time, whatever the pools of the instance."""

import threading
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.assets import derived_assets
from feedback_assets.coordination.shared_locks import LockTaken
from feedback_assets.definitions import build_defs
from feedback_assets.environment.account import Account
from feedback_assets.runtime.tags import range_tags
from feedback_assets.schema.names import Names
from feedback_assets.settings import load_settings
from feedback_assets.warehouse.warehouse import Warehouse


def test_a_second_builder_of_the_same_warehouse_waits(tmp_path: Path) -> None:
    one, same = Warehouse(str(tmp_path / "a")), Warehouse(str(tmp_path / "a"))
    other = Warehouse(str(tmp_path / "b"))
    with one.building():
        with pytest.raises(LockTaken), same.building(wait=False):
            pytest.fail("two builders at once")
        with other.building(wait=False):
            pass
    with same.building(wait=False):
        pass


def test_an_error_while_building_is_raised_and_releases_the_lock(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "a"))
    with pytest.raises(ZeroDivisionError), warehouse.building():
        raise ZeroDivisionError
    with warehouse.building(wait=False):
        pass


def test_runs_of_an_instance_without_pools_do_not_build_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"FEEDBACK_WAREHOUSE": "data"}
    names = Names("brand_a", "brand_a")
    settings = load_settings(
        {"DAGSTER_HOME": str(tmp_path)}, Account(names, given, "", {}, tmp_path)
    )
    building: list[str] = []
    most: list[int] = []
    both_started = threading.Barrier(2, timeout=120)
    really = derived_assets._build

    def noted(table, *arguments):  # type: ignore[no-untyped-def]
        building.append(table.full_name)
        most.append(len(building))
        threading.Event().wait(0.3)
        try:
            return really(table, *arguments)
        finally:
            building.remove(table.full_name)

    monkeypatch.setattr(derived_assets, "_build", noted)
    outcomes = []

    def run(table: str) -> None:
        # Threads stand for the processes of a host's executor, each with its own instance.
        with dg.DagsterInstance.ephemeral() as instance:
            both_started.wait()
            result = build_defs(settings).resolve_implicit_global_asset_job_def()
            outcomes.append(
                result.execute_in_process(
                    instance=instance,
                    asset_selection=[dg.AssetKey(names.path(table))],
                    tags=range_tags(date(2026, 11, 1), date(2026, 11, 1)),
                ).success
            )

    threads = [
        threading.Thread(target=run, args=(name,))
        for name in ("unified.orders", "unified.attribution")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [True, True]
    assert most == [1, 1]
