"""Provider tables as assets: what a run records on each day's materialisation."""

import json
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.assets import provider_assets
from feedback_assets.assets.resources import provider_resource
from feedback_assets.days import days_between
from feedback_assets.http import session as http
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.runtime.tags import range_tags
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES, find_table
from feedback_assets.warehouse.generated import generated_providers
from tests.conftest import YESTERDAY, Project

COUNTS = (
    "dagster/partition_row_count",
    "fetched",
    "outside_window",
    "duplicates",
    "quarantined",
    "content_hash",
)


def materialise(
    project: Project, tables: list[str], first: date, last: date, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    job = project.defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name.split(".")) for name in tables],
        tags=range_tags(first, last),
        raise_on_error=False,
    )


def counts_by_day(instance: dg.DagsterInstance, table: Table) -> dict[str, dict[str, Any]]:
    records = instance.fetch_materializations(dg.AssetKey(NO_PREFIX.key(table)), limit=100).records
    found = {}
    for record in records:
        materialization = record.asset_materialization
        assert materialization is not None
        assert materialization.partition is not None
        found.setdefault(
            materialization.partition,
            {name: value.value for name, value in materialization.metadata.items()},
        )
    return found


@pytest.mark.parametrize("days", [1, 5])
def test_every_record_of_a_run_is_counted_on_its_day(
    shop: Project, sandbox: Sandbox, days: int
) -> None:
    first = YESTERDAY - timedelta(days=6)
    last = first + timedelta(days=days - 1)
    names = [table.full_name for table in PROVIDER_TABLES]
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialise(shop, names, first, last, instance).success
        for table in PROVIDER_TABLES:
            by_day = counts_by_day(instance, table)
            assert len(by_day) == days
            for day, counts in by_day.items():
                assert set(COUNTS) <= set(counts), (table.full_name, day)
                assert counts["fetched"] == (
                    counts["dagster/partition_row_count"]
                    + counts["outside_window"]
                    + counts["duplicates"]
                    + counts["quarantined"]
                )
                assert ("requests" in counts) == ("bytes" in counts) == (day == str(last))
            assert by_day[str(last)]["requests"] >= 1
            assert by_day[str(last)]["bytes"] > 0
            rows = sum(counts["dagster/partition_row_count"] for counts in by_day.values())
            assert rows == sandbox.truth(first, last)[table.full_name]["rows"]


def test_a_range_run_writes_the_same_days_as_single_day_runs(shop: Project) -> None:
    first = YESTERDAY - timedelta(days=4)
    names = ["wicked_reports.orders", "retargeting.product_reviews"]
    tables = [find_table(name) for name in names]
    with dg.DagsterInstance.ephemeral() as together, dg.DagsterInstance.ephemeral() as apart:
        assert materialise(shop, names, first, YESTERDAY, together).success
        for offset in range(5):
            day = first + timedelta(days=offset)
            assert materialise(shop, names, day, day, apart).success
        for table in tables:
            hashes = [
                {day: counts["content_hash"] for day, counts in counts_by_day(i, table).items()}
                for i in (together, apart)
            ]
            assert hashes[0] == hashes[1]
            assert len(hashes[0]) == 5


def test_materialising_without_credentials_names_every_missing_variable(project: Project) -> None:
    day = YESTERDAY - timedelta(days=1)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(project, ["fullwhere.survey_trackers"], day, day, instance)
    assert not result.success
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    text = str(failure.step_failure_data.user_failure_data)
    assert "FULLWHERE_API_KEY" in text
    assert "FULLWHERE_API_SECRET" in text
    assert "fullwhere.survey_trackers" in text
    assert str(day) in text


def test_a_failed_run_keeps_existing_data_and_says_so(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = YESTERDAY - timedelta(days=1)
    table = find_table("feedbackpulse.submissions")
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialise(shop, [table.full_name], day, day, instance).success
        held = shop.warehouse.read_arrow(table)
        monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong")
        result = materialise(shop, [table.full_name], day, day, instance)
    assert not result.success
    assert shop.warehouse.read_arrow(table).equals(held)
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    assert "unchanged" in str(failure.step_failure_data.user_failure_data)
    assert not any(event.is_step_up_for_retry for event in result.all_node_events)


def test_one_read_produces_order_feedback_and_reviews(shop: Project, sandbox: Sandbox) -> None:
    names = ["retargeting.order_feedback", "retargeting.product_reviews"]
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialise(shop, names, YESTERDAY, YESTERDAY, instance).success
    asked = {key: count for key, count in sandbox.requests.items() if key[0] == "retargeting"}
    assert sum(asked.values()) == 1


def test_dagster_shows_no_credential_of_a_resource(shop: Project) -> None:
    settings = shop.settings
    secrets = [settings.of("retargeting", name) for name in ("rest_key", "customer_id")]
    assert None not in secrets
    shown = repr(shop.defs.resources) + str(
        [
            resource.get_resource_definition().config_schema.default_value  # type: ignore[union-attr]
            for resource in (shop.defs.resources or {}).values()
            if hasattr(resource, "get_resource_definition")
        ]
    )
    for secret in secrets:
        assert secret.get_secret_value() not in shown


def test_a_resource_shows_each_argument_of_its_client_and_secrets_by_variable(
    shop: Project,
) -> None:
    resource = provider_resource("retargeting", shop.settings)
    shown = resource.get_resource_definition().config_schema.default_value
    assert shown["rest_key"] == {"env": "RETARGETING_REST_KEY"}
    assert shown["url"] == shop.settings.retargeting_url
    assert shown["zone"] == shop.settings.zone("retargeting")


def test_a_list_with_missing_rows_is_read_twice_then_fails_and_keeps_the_old_day(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "a", "sourceId": "s", "date": f"{YESTERDAY}T10:00:00Z"}
    answer = {"status": "success", "results": [row], "page": 1, "totalPages": 1, "total": 3}
    httpserver.expect_request("/orders").respond_with_json(answer)
    monkeypatch.setenv("WICKED_REPORTS_URL", httpserver.url_for(""))
    monkeypatch.setenv("WICKED_REPORTS_API_KEY", "key-of-the-shop")
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(project, ["wicked_reports.orders"], YESTERDAY, YESTERDAY, instance)
    assert not result.success
    assert not any(event.is_step_up_for_retry for event in result.all_node_events)
    assert len(httpserver.log) == 2
    assert project.warehouse.files(find_table("wicked_reports.orders")) == []


def answer_orders_until(httpserver: HTTPServer, failing: date, status: int) -> None:
    """One order per window; a window that ends after ``failing`` is rejected."""

    def answer(request: Request) -> Response:
        if date.fromisoformat(request.args["to"][:10]) > failing:
            return Response(status=status)
        day = date.fromisoformat(request.args["from"][:10]) + timedelta(days=3)
        row = {"id": str(day), "sourceId": "s", "date": f"{day}T10:00:00Z"}
        body = {"status": "success", "results": [row], "page": 1, "totalPages": 1, "total": 1}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/orders").respond_with_handler(answer)


@pytest.fixture
def orders_only(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    monkeypatch.setenv("WICKED_REPORTS_URL", httpserver.url_for(""))
    monkeypatch.setenv("WICKED_REPORTS_API_KEY", "key-of-the-shop")
    return project


def test_windows_read_before_a_failed_window_count_as_materialised(
    orders_only: Project, httpserver: HTTPServer
) -> None:
    orders = find_table("wicked_reports.orders")
    first = YESTERDAY - timedelta(days=69)
    answer_orders_until(httpserver, YESTERDAY - timedelta(days=5), 400)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(orders_only, [orders.full_name], first, YESTERDAY, instance)
        known = counts_by_day(instance, orders)
    assert not result.success
    assert len(httpserver.log) == 3
    read = days_between(first, first + timedelta(days=55))
    assert sorted(known) == [str(day) for day in read]
    assert orders_only.warehouse.days_held(orders) == read
    assert sum(counts["dagster/partition_row_count"] for counts in known.values()) == 2


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_node_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    return failure.step_failure_data.user_failure_data.description or ""


def serve_orders(httpserver: HTTPServer, *rows: dict[str, Any]) -> None:
    answer = {"status": "success", "results": rows, "page": 1, "totalPages": 1, "total": len(rows)}
    httpserver.clear()
    httpserver.expect_request("/orders").respond_with_json(answer)


def test_a_changed_date_format_fails_the_asset_and_keeps_the_old_day(
    orders_only: Project, httpserver: HTTPServer
) -> None:
    orders = find_table("wicked_reports.orders")
    good = [{"id": f"o{n}", "date": f"{YESTERDAY}T10:00:00Z"} for n in range(200)]
    changed = [{**row, "date": f"{YESTERDAY:%d/%m/%Y} 10:00"} for row in good]
    with dg.DagsterInstance.ephemeral() as instance:
        serve_orders(httpserver, *good)
        assert materialise(orders_only, [orders.full_name], YESTERDAY, YESTERDAY, instance).success
        held = orders_only.warehouse.read_arrow(orders)
        serve_orders(httpserver, *changed)
        result = materialise(orders_only, [orders.full_name], YESTERDAY, YESTERDAY, instance)
    assert not result.success
    assert not any(event.is_step_up_for_retry for event in result.all_node_events)
    text = failure_of(result)
    for part in ("wicked_reports.orders", str(YESTERDAY), "all 200 records", "unchanged",
                 "date: the text is not an ISO 8601 time stamp", "quarantine"):  # fmt: skip
        assert part in text
    assert orders_only.warehouse.read_arrow(orders).equals(held)
    quarantined = orders_only.run(
        "query", 'select count(*) as n from quarantine."wicked_reports.orders"'
    )
    assert "200" in quarantined.stdout


def test_an_unreadable_window_does_not_block_later_windows(
    orders_only: Project, httpserver: HTTPServer
) -> None:
    orders = find_table("wicked_reports.orders")
    first = YESTERDAY - timedelta(days=69)

    def answer(request: Request) -> Response:
        day = date.fromisoformat(request.args["from"][:10]) + timedelta(days=3)
        amount: Any = "x" if day < first + timedelta(days=28) else 5
        row = {"id": str(day), "date": f"{day}T10:00:00Z", "amount": amount}
        body = {"status": "success", "results": [row], "page": 1, "totalPages": 1, "total": 1}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/orders").respond_with_handler(answer)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(orders_only, [orders.full_name], first, YESTERDAY, instance)
        known = counts_by_day(instance, orders)
    assert not result.success
    assert "the only record" in failure_of(result)
    read = days_between(first + timedelta(days=28), YESTERDAY)
    assert sorted(known) == [str(day) for day in read]
    assert orders_only.warehouse.days_held(orders) == read


def test_unreadable_reviews_fail_alone(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["retargeting.order_feedback", "retargeting.product_reviews"]
    feedback = {
        "order": {"orderno": 27047},
        "added_on": f"{YESTERDAY} 10:00:00",
        "score": "9",
        "product_reviews": {"1": {"realid": "p1", "added_on": "10.11.2026", "score": 2}},
    }
    httpserver.expect_request("/email-campaigns/json-feedback").respond_with_json(
        {"status": "success", "data": [feedback]}
    )
    monkeypatch.setenv("RETARGETING_URL", httpserver.url_for(""))
    monkeypatch.setenv("RETARGETING_REST_KEY", "rest-key-of-the-shop")
    monkeypatch.setenv("RETARGETING_CUSTOMER_ID", "customer-of-the-shop")
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(project, names, YESTERDAY, YESTERDAY, instance)
        (counts,) = counts_by_day(instance, find_table(names[0])).values()
    assert not result.success
    assert "retargeting.product_reviews" in failure_of(result)
    assert counts["fetched"] == counts["dagster/partition_row_count"] == 1
    (row,) = project.warehouse.read_arrow(find_table(names[0])).to_pylist()
    assert (row["order_no"], row["score"]) == ("27047", 9)
    assert project.warehouse.days_held(find_table(names[1])) == []


@pytest.fixture
def immediate_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RetryPolicy", lambda: RetryPolicy(2, first_wait=0.01))
    monkeypatch.setattr(provider_assets, "RETRY", dg.RetryPolicy(max_retries=1, delay=0))


@pytest.mark.usefixtures("immediate_retries")
def test_a_retry_resumes_at_the_failed_window(orders_only: Project, httpserver: HTTPServer) -> None:
    first = YESTERDAY - timedelta(days=55)
    answer_orders_until(httpserver, YESTERDAY - timedelta(days=5), 503)
    with dg.DagsterInstance.ephemeral() as instance:
        names = ["wicked_reports.orders"]
        result = materialise(orders_only, names, first, YESTERDAY, instance)
        known = counts_by_day(instance, find_table(names[0]))
    assert any(event.is_step_up_for_retry for event in result.all_node_events)
    assert len(known) == 28
    assert [response.status_code for _, response in httpserver.log] == [200] + [503] * 4


@pytest.mark.usefixtures("immediate_retries")
def test_a_successful_retry_also_counts_the_days_of_the_first_try(
    orders_only: Project, httpserver: HTTPServer
) -> None:
    orders = find_table("wicked_reports.orders")
    first = YESTERDAY - timedelta(days=55)
    failures = [503, 503]

    def answer(request: Request) -> Response:
        begins = date.fromisoformat(request.args["from"][:10])
        if begins > first and failures:
            return Response(status=failures.pop())
        day = begins + timedelta(days=3)
        row = {"id": str(day), "sourceId": "s", "date": f"{day}T10:00:00Z"}
        body = {"status": "success", "results": [row], "page": 1, "totalPages": 1, "total": 1}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/orders").respond_with_handler(answer)
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(orders_only, [orders.full_name], first, YESTERDAY, instance)
        known = counts_by_day(instance, orders)
    assert result.success
    assert any(event.is_step_up_for_retry for event in result.all_node_events)
    assert sorted(known) == [str(day) for day in days_between(first, YESTERDAY)]
    assert sum(counts["dagster/partition_row_count"] for counts in known.values()) == 2
    assert all(counts["content_hash"] and counts["definition"] for counts in known.values())
    # The first window is requested once.
    assert [response.status_code for _, response in httpserver.log] == [200, 503, 503, 200]


def test_a_warehouse_filled_from_a_sandbox_stays_marked(
    shop: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "wicked_reports.orders"
    answer_orders_until(httpserver, YESTERDAY + timedelta(days=9), 400)

    def read_own() -> None:
        with monkeypatch.context() as own, dg.DagsterInstance.ephemeral() as instance:
            own.setenv("WICKED_REPORTS_URL", httpserver.url_for(""))
            assert materialise(shop, [name], YESTERDAY, YESTERDAY, instance).success

    read_own()
    assert generated_providers(shop.warehouse) == ()
    with dg.DagsterInstance.ephemeral() as instance:
        day = YESTERDAY - timedelta(days=1)
        assert materialise(shop, [name], day, day, instance).success
    assert generated_providers(shop.warehouse) == ("wicked_reports",)
    read_own()
    assert generated_providers(shop.warehouse) == ("wicked_reports",)
