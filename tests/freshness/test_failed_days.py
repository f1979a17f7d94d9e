"""Days whose last run failed are named until they recover, even if no check ran."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from feedback_assets.freshness.failed_days import CHECK, SENSOR
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from tests.assets.test_provider_assets import materialise
from tests.conftest import YESTERDAY, Project

FIRST = YESTERDAY - timedelta(days=9)
SUBMISSIONS = find_table("feedbackpulse.submissions")
FEEDBACKS = find_table("thanx.feedbacks")


def last_result(instance: dg.DagsterInstance, table: Table) -> tuple[bool, dict[str, Any]] | None:
    key = dg.AssetCheckKey(dg.AssetKey(NO_PREFIX.key(table)), CHECK)
    record = instance.get_latest_asset_check_evaluation_record(key)
    if record is None or record.event is None:
        return None
    event = record.event.dagster_event
    assert event is not None
    if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        return None
    evaluation = event.asset_check_evaluation_data
    found = {name: value.value for name, value in evaluation.metadata.items()}
    return evaluation.passed, found


def tick(project: Project, instance: dg.DagsterInstance, cursor: str | None) -> str | None:
    sensor = project.defs.resolve_sensor_def(SENSOR)
    with dg.build_sensor_context(instance, cursor, sensor_name=SENSOR) as context:
        return sensor.evaluate_tick(context).cursor


def test_the_sensor_names_failed_days_as_ranges_until_they_recover(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [SUBMISSIONS.full_name]
    right = shop.settings.of("feedbackpulse", "api_key")
    assert right is not None
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = tick(shop, instance, None)
        monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong")
        assert not materialise(shop, names, FIRST, FIRST + timedelta(days=3), instance).success
        assert not materialise(shop, names, YESTERDAY, YESTERDAY, instance).success
        assert last_result(instance, SUBMISSIONS) is None
        tick(shop, instance, cursor)
        assert last_result(instance, SUBMISSIONS) == (
            False,
            {
                "failed_days": 5,
                "days": f"{FIRST} to {FIRST + timedelta(days=3)}, {YESTERDAY}",
                "violations": 5,
            },
        )
        monkeypatch.setenv("FEEDBACKPULSE_API_KEY", right.get_secret_value())
        assert materialise(shop, names, FIRST, FIRST + timedelta(days=2), instance).success
        found = last_result(instance, SUBMISSIONS)
        assert found is not None
        assert not found[0]
        assert found[1]["days"] == f"{FIRST + timedelta(days=3)}, {YESTERDAY}"
        assert materialise(shop, names, FIRST, YESTERDAY, instance).success
        found = last_result(instance, SUBMISSIONS)
        assert found == (True, {"failed_days": 0, "days": "none", "violations": 0})


@pytest.mark.slow
def test_an_unavailable_provider_fails_its_days_blocks_no_other_and_recovers(
    shop: Project, sandbox: Sandbox
) -> None:
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"thanx"})))
    tables = [
        find_table(name)
        for name in (
            "thanx.feedbacks", "feedbackpulse.submissions", "retargeting.order_feedback",
            "wicked_reports.orders", "unified.orders", "unified.feedback", "marts.order_feedback",
        )
    ]  # fmt: skip
    select = " or ".join(f'key:"{table.group}/{table.name}"' for table in tables)
    result = shop.backfill(FIRST, YESTERDAY, "--select", select)
    assert result.exit_code == 1
    assert "failed: thanx.feedbacks" in result.stderr
    assert "not built because of that: unified.feedback, marts.order_feedback" in result.stderr
    built = {table.full_name for table in tables if shop.warehouse.files(table)}
    assert built == {
        "feedbackpulse.submissions",
        "retargeting.order_feedback",
        "wicked_reports.orders",
        "unified.orders",
    }
    with open_instance(shop.settings) as instance:
        found = last_result(instance, FEEDBACKS)
        assert found is not None
        assert not found[0]
        assert found[1]["days"] == f"{FIRST} to {YESTERDAY}"
        sandbox.set_faults(Faults(quotas=False))
        assert shop.backfill(FIRST, YESTERDAY, "--select", select, "--missing").exit_code == 0
        found = last_result(instance, FEEDBACKS)
        assert found is not None
        assert found[0]
    assert len(shop.warehouse.days_held(find_table("marts.order_feedback"))) == 10
