"""A record that moved to another day: found on both, reread by the monthly run, counted once."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.automation.schedules import MONTHLY
from feedback_assets.checks.asset_checks import results
from feedback_assets.freshness.moved import CHECK, checked, days_to_read_again
from feedback_assets.query.run import run_query
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES, find_table
from tests.automation.robot import Robot
from tests.conftest import YESTERDAY, Project

ORDERS = find_table("wicked_reports.orders")
OLD, NEW = YESTERDAY - timedelta(days=60), YESTERDAY - timedelta(days=1)


def _order(identity: str, day: date, amount: int) -> dict[str, Any]:
    return {
        "id": identity,
        "sourceId": f"s-{identity}",
        "date": f"{day}T10:00:00Z",
        "contact": {"id": "k1", "email": "ana@example.com"},
        "amount": amount,
        "currency": "EUR",
    }


@pytest.fixture
def served(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """The orders that Wicked Reports serves; the test may change them."""
    orders = [_order("o1", OLD, 100), _order("o2", OLD, 7), _order("o3", NEW, 1)]

    def answer(request: Request) -> Response:
        first, last = (request.args[name][:10] for name in ("from", "to"))
        found = [order for order in orders if first <= order["date"][:10] <= last]
        body = {
            "status": "success", "results": found, "page": 1, "totalPages": 1, "total": len(found)
        }  # fmt: skip
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/orders").respond_with_handler(answer)
    monkeypatch.setenv("WICKED_REPORTS_URL", httpserver.url_for(""))
    monkeypatch.setenv("WICKED_REPORTS_API_KEY", "key-of-the-shop")
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "wicked_reports")
    monkeypatch.setenv("FEEDBACK_START_DATE", str(OLD - timedelta(days=2)))
    return orders


def _number(project: Project, sql: str) -> Any:
    return run_query(sql, project.warehouse).column(0).to_pylist()[0]


def _check(project: Project, table: Table) -> dict[str, Any]:
    found = results(table, project.warehouse, project.settings, (NEW, NEW))
    return next(numbers for name, numbers, _ in found if name == CHECK)


@pytest.mark.slow
def test_a_moved_order_is_named_with_both_days_counted_once_and_fixed_after_the_monthly_run(
    project: Project, served: list[dict[str, Any]]
) -> None:
    wanted = ("--select", 'key:"wicked_reports/orders" or key:"unified/orders"')
    mart = ("--select", 'key:"marts/customers" or key:"marts/customer_value"')
    for day in (OLD, NEW):
        assert project.backfill(day, day, *wanted).exit_code == 0
    served[0] = _order("o1", NEW, 120)
    result = project.backfill(NEW, NEW, *wanted)
    assert result.exit_code == 0, "the marts are correct, so the check only warns"
    assert f"warning: wicked_reports.orders {CHECK}" in result.stderr
    assert project.backfill(NEW, NEW, *mart).exit_code == 0

    numbers = _check(project, ORDERS)
    assert numbers["violations"] == 1
    assert numbers["examples"] == f"o1 on {OLD} and {NEW}"
    assert numbers["days"] == f"{OLD}, {NEW}"
    for day in (OLD, NEW):
        command = f"feedback-assets backfill --from {day} --to {day} --select "
        assert command + "'key:\"wicked_reports/orders\"'" in numbers["what_to_do"].splitlines()
    total = "select sum(net_amount) from unified.orders"
    assert _number(project, total) == 228
    assert _number(project, "select sum(net_amount) from marts.customer_value") == Decimal(128)

    with open_instance(project.settings) as instance:
        assert days_to_read_again(instance, ORDERS, NO_PREFIX) == [OLD, NEW]
        robot = Robot(project, instance)
        first_of_month = datetime.combine(YESTERDAY + timedelta(days=1), time(9), UTC)
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=first_of_month
        ) as context:
            month = project.defs.resolve_schedule_def(MONTHLY).evaluate_tick(context)
        requests = [
            request
            for request in month.run_requests or []
            if request.asset_selection == [dg.AssetKey(NO_PREFIX.key(ORDERS))]
        ]
        spans = [request.partition_key_range for request in requests]
        assert [(span.start, span.end) for span in spans if span] == [
            (str(OLD), str(OLD)),
            (str(NEW), str(NEW)),
        ]
        for request in requests:
            robot.execute(request)
        built = robot.settle()
        assert built[find_table("unified.orders")] == {OLD}
        assert days_to_read_again(instance, ORDERS, NO_PREFIX) == []
    assert _check(project, ORDERS)["violations"] == 0
    assert _number(project, total) == 128
    assert _number(project, "select sum(net_amount) from marts.customer_value") == Decimal(128)


def test_every_daily_table_without_a_time_in_its_key_is_checked() -> None:
    assert {table.full_name for table in PROVIDER_TABLES if checked(table)} == {
        "wicked_reports.contacts",
        "wicked_reports.orders",
        "thanx.feedbacks",
        "fullwhere.survey_trackers",
        "feedbackpulse.submissions",
    }


@pytest.mark.parametrize(
    "table", [*filter(checked, PROVIDER_TABLES)], ids=lambda table: table.full_name
)
def test_a_key_on_three_days_is_named_once_and_personal_ids_are_not_named(
    project: Project, table: Table
) -> None:
    [key] = table.key
    for value in (1, 2):
        # The first key is stored on one day, the second on three.
        for day in [OLD, NEW, YESTERDAY][:: 1 if value == 2 else 3]:
            held = project.warehouse.read_arrow(table, day, day).drop_columns(["day"])
            row = dict.fromkeys(table.schema.names)
            row |= {key: pa.scalar(value).cast(table.schema.field(key).type).as_py()}
            row |= {table.event_time: datetime.combine(day, time(1), UTC)}
            new = pa.Table.from_pylist([row], schema=table.schema)
            project.warehouse.replace_day(table, day, pa.concat_tables([held, new]))
    numbers = _check(project, table)
    assert numbers["violations"] == 1
    assert numbers["days"] == f"{OLD}, {NEW} to {YESTERDAY}"
    named = f"2 on {OLD} and {NEW} and {YESTERDAY}"
    assert numbers.get("examples") == (None if "contacts" in table.name else named)
