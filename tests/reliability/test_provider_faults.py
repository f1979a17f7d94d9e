"""Faults between provider and client: correct rows or a clear error, and the old day intact."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets import settings as settings_module
from feedback_assets.assets import provider_assets
from feedback_assets.definitions import build_defs
from feedback_assets.http import session as http
from feedback_assets.http.quota import Allowance
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.providers.fullwhere import client as fullwhere
from feedback_assets.providers.retargeting import client as retargeting
from feedback_assets.runtime.tags import range_tags
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.settings import load_settings
from feedback_assets.tables import find_table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, configure
from tests.reliability.faults import ALL, FAULTS, TRANSIENT, Fault
from tests.reliability.wire import Wire, pass_on, running_wire

pytestmark = pytest.mark.slow

DAY = YESTERDAY - timedelta(days=2)
NOON = datetime.combine(DAY, time(12), UTC)
EVENING = datetime.combine(DAY + timedelta(days=1), time(0), UTC)
QUICK = RetryPolicy(attempts=3, factor=0.002, connect=30, read=60, total=300)
SHORT = {"read": 0.5, "total": 1.0}


@dataclass(frozen=True)
class Run:
    """The result of materialising the day: the failures by table."""

    failures: dict[str, str]


@dataclass(frozen=True)
class Shop:
    """A project that reads through a wire, and the day's tables as of the evening."""

    root: Path
    wire: Wire
    environment: dict[str, str]
    job: Any
    evening: dict[str, tuple[int, str]]

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def restore_noon(self) -> None:
        """Restore the day as it was read at noon."""
        shutil.rmtree(self.root / "warehouse", ignore_errors=True)
        shutil.copytree(self.root / "noon", self.root / "warehouse")

    def read(self, tables: tuple[str, ...]) -> Run:
        with dg.DagsterInstance.ephemeral() as instance:
            result = self.job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(name.split(".")) for name in tables],
                tags=range_tags(DAY, DAY),
                raise_on_error=False,
            )
        failed = [event for event in result.all_events if event.is_step_failure]
        texts = [event.step_failure_data.error_display_string for event in failed]
        texts = [
            event.step_failure_data.user_failure_data.description
            if event.step_failure_data.user_failure_data
            else text
            for event, text in zip(failed, texts, strict=True)
        ]
        assert result.success == (not failed)
        return Run({name: text for text in texts for name in tables if name in text})


def contents(warehouse: Warehouse) -> dict[str, tuple[int, str]]:
    found = {}
    for name in ALL:
        rows = warehouse.read_arrow(find_table(name), DAY, DAY)
        found[name] = (rows.num_rows, content_hash(rows))
    return found


def files(root: Path) -> dict[str, tuple[str, int]]:
    """Every file below: the hash of its bytes, and its modification time."""
    return {
        str(path.relative_to(root)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("shop")
    world = running_sandbox(seed=7, days=60, customers=2500, faults=Faults(quotas=False))
    with world as sandbox, running_wire(sandbox.url) as wire, pytest.MonkeyPatch.context() as patch:
        for name in settings_module.variables():
            patch.delenv(name, raising=False)
        patch.setenv("FEEDBACK_WAREHOUSE", str(root / "warehouse"))
        patch.setenv("DAGSTER_HOME", str(root / "dagster_home"))
        patch.setattr(provider_assets, "RETRY", dg.RetryPolicy(max_retries=1, delay=0))
        patch.setattr(http, "RetryPolicy", lambda: QUICK)
        # These two have no setting for it, and hundreds of requests would wait minutes.
        for module in (retargeting, fullwhere):
            patch.setattr(module, "Allowance", lambda _, seconds: Allowance(100_000, seconds))
        configure(patch, sandbox)
        environment = wire.environment(sandbox.environment())
        for name, value in environment.items():
            patch.setenv(name, value)
        job = build_defs(load_settings()).resolve_implicit_global_asset_job_def()
        shop = Shop(root, wire, environment, job, {})
        sandbox.set_now(NOON)
        assert not shop.read(ALL).failures
        (root / "warehouse").rename(root / "noon")
        sandbox.set_now(EVENING)
        assert not shop.read(ALL).failures
        evening = contents(shop.warehouse)
        shop.restore_noon()
        noon = contents(shop.warehouse)
        assert all(evening[name][0] > 0 and evening[name] != noon[name] for name in ALL), noon
        yield replace(shop, evening=evening)


@pytest.fixture
def shop(_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The project with the day as of noon; the sandbox is at evening."""
    for name, value in _shop.environment.items():
        monkeypatch.setenv(name, value)
    _shop.restore_noon()
    yield _shop
    _shop.wire.set(pass_on)


def use_short_limit(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault.limit:
        short = replace(QUICK, **{fault.limit: SHORT[fault.limit]})
        monkeypatch.setattr(http, "RetryPolicy", lambda: short)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_lasting_fault_ends_in_a_clear_error_with_the_old_day_intact_or_in_correct_rows(
    fault: Fault, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_short_limit(fault, monkeypatch)
    before = files(shop.root / "warehouse")
    shop.wire.set(fault.spoil)
    failures = shop.read(fault.tables).failures
    asked = dict(shop.wire.asked)
    if not fault.says:
        assert failures == {}
        after = contents(shop.warehouse)
        for name in fault.tables:
            assert after[name][0] == shop.evening[name][0], name
            assert after[name] == shop.evening[name] or not fault.same, name
        return
    assert set(failures) == set(fault.tables)
    for name, text in failures.items():
        assert text.startswith(name) or f", {name}" in text
        assert str(DAY) in text
        assert name.split(".", maxsplit=1)[0] in text.split(":", 1)[1]
        assert re.search(fault.says, text), text
        assert "unchanged" in text
    assert files(shop.root / "warehouse") == before
    if fault.tries is not None:
        assert set(asked.values()) == {fault.tries}, asked


@pytest.mark.parametrize("fault", TRANSIENT, ids=lambda fault: fault.name)
def test_a_transient_fault_costs_no_row(
    fault: Fault, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_short_limit(fault, monkeypatch)
    shop.wire.set(fault.spoil, first=2)
    assert shop.read(fault.tables).failures == {}
    after = contents(shop.warehouse)
    assert {name: after[name] for name in fault.tables} == {
        name: shop.evening[name] for name in fault.tables
    }
