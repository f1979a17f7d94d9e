"""Survey links for a day's orders: who gets a request, once, and what is kept after an error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from pyarrow import Table
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.jobs.survey_links import Busy, find_due, generate_links
from feedback_assets.providers.fullwhere.client import Fullwhere
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import OPERATION_TABLES, find_table
from feedback_assets.transforms.sources import ArrowTables, connect
from feedback_assets.warehouse.erased import Addition, Erased
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project
from tests.jobs.launching import fill, launch

FIRST = YESTERDAY - timedelta(days=30)
DAY = YESTERDAY - timedelta(days=2)
JOB = "generate_survey_trackers"
GENERATED = find_table("survey_links.generated")
TRACKERS = find_table("fullwhere.survey_trackers")
ASKED = ("fullwhere", "survey_tracker_generate")


@pytest.fixture
def orders(shop: Project, sandbox: Sandbox) -> Iterator[Project]:
    """A shop with the orders of some days and the trackers since then in its warehouse."""
    sandbox.forget_written()
    fill(shop, FIRST, YESTERDAY, "wicked_reports.orders", "fullwhere.survey_trackers")
    fill(shop, FIRST, YESTERDAY, "unified.orders")
    sandbox.forget_requests()
    yield shop
    sandbox.forget_written()


@pytest.fixture
def day(orders: Project) -> date:
    """A past day whose surveys are due, with orders that have no tracker."""
    days = (FIRST + timedelta(days=offset) for offset in range(20))
    return next(day for day in days if len(find_due(orders.warehouse, day).due) >= 3)


def links(project: Project) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = project.warehouse.read_arrow(GENERATED).to_pylist()
    return rows


def test_dry_run_is_the_default_and_sends_no_request(
    orders: Project, day: date, sandbox: Sandbox
) -> None:
    run = launch(orders, JOB, {"day": str(day)})
    assert run.success
    metadata = run.metadata
    assert metadata["dry_run"] is True
    assert (
        metadata["orders"]
        == orders.warehouse.read_arrow(find_table("unified.orders"), day, day).num_rows
    )
    assert metadata["to_ask"] == metadata["orders"] - metadata["with_tracker"] > 1
    assert metadata["asked_before"] == metadata["without_source_id"] == 0
    assert sum(sandbox.requests.values()) == 0
    assert not orders.warehouse.files(GENERATED)


def test_a_tracker_matches_an_order_by_source_id_or_id(
    orders: Project,
    day: date,
) -> None:
    named = set(orders.warehouse.read_arrow(TRACKERS)["purchase_id"].to_pylist())
    rows = orders.warehouse.read_arrow(find_table("unified.orders"), day, day).to_pylist()
    without = [row for row in rows if not {row["order_id"], row["source_id"]} & named]
    due = find_due(orders.warehouse, day)
    assert [order.order_id for order in due.due] == [row["order_id"] for row in without]
    assert due.with_tracker == len(rows) - len(without)


def test_every_order_without_a_tracker_is_requested_once_and_its_link_stored(
    orders: Project, day: date, sandbox: Sandbox
) -> None:
    due = find_due(orders.warehouse, day).due
    first = launch(orders, JOB, {"day": str(day), "dry_run": False, "limit": 1})
    assert first.success
    assert (first.metadata["asked"], first.metadata["links"]) == (1, 1)
    second = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert second.metadata["asked_before"] == 1
    assert second.metadata["asked"] == len(due) - 1
    third = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert (third.metadata["asked"], third.metadata["to_ask"]) == (0, 0)
    assert sandbox.requests[ASKED] == len(due)

    rows = links(orders)
    assert [(row["order_id"], row["purchase_id"]) for row in rows] == [
        (order.order_id, order.source_id) for order in due
    ]
    assert {row["day"] for row in rows} == {day}
    assert all(str(row["link"]).startswith("https://survey.example/") for row in rows)
    assert len({row["tracker_id"] for row in rows}) == len(due)
    assert any("AssetMaterialization" in event for event in second.events)
    assert not any("survey.example" in event for run in (first, second) for event in run.events)


@pytest.mark.parametrize("listed", [True, False])
def test_no_survey_is_requested_for_an_order_of_an_erased_person(
    orders: Project, day: date, sandbox: Sandbox, listed: bool
) -> None:
    unified = find_table("unified.orders")
    due = find_due(orders.warehouse, day).due
    if listed:
        # As if forget were running: the list is complete, the table is not rewritten yet.
        writing = Warehouse(orders.settings.warehouse, orders.settings.erasure_secret)
        key = Erased(orders.settings.erasure_secret())
        hashes = frozenset({key.hash_of("order", due[0].source_id)})
        writing.add_erased(Addition("somebody", hashes))
    else:
        rows = orders.warehouse.read_arrow(unified, day, day).drop_columns("day").to_pylist()
        (theirs,) = [row for row in rows if row["order_id"] == due[0].order_id]
        theirs["contact_id"] = "erased:" + "0" * 32
        orders.warehouse.replace_day(unified, day, Table.from_pylist(rows, schema=unified.schema))
    run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert run.success
    assert (run.metadata["erased"], run.metadata["asked"]) == (1, len(due) - 1)
    assert sandbox.requests[ASKED] == len(due) - 1
    assert {row["order_id"] for row in links(orders)} == {order.order_id for order in due[1:]}


def test_links_can_be_queried(orders: Project, day: date) -> None:
    sql = "select count(link) as n from survey_links.generated"
    assert orders.run("query", sql, "--csv").stdout == "n\n0\n"
    run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert orders.run("query", sql, "--csv").stdout == f"n\n{run.metadata['links']}\n"


def serve(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, *answers: Response) -> list[str]:
    """A Fullwhere that returns these responses in turn; yields the requested purchases."""
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(json.loads(request.get_data())["purchaseId"])
        return answers[min(len(asked), len(answers)) - 1]

    httpserver.expect_request("/partners/survey-tracker/generate").respond_with_handler(answer)
    monkeypatch.setenv("FULLWHERE_URL", httpserver.url_for("").rstrip("/"))
    return asked


def tracker(**changes: object) -> Response:
    body = {"id": "t1", "sendAt": "2024-05-01T10:00:00Z", "link": "https://survey.example/1"}
    return Response(json.dumps(body | changes), 201, mimetype="application/json")


def refusal(status: int) -> Response:
    body = {"statusCode": status, "message": "Purchase not found"}
    return Response(json.dumps(body), status, mimetype="application/json")


def test_an_error_midway_fails_the_run_and_the_next_run_requests_the_rest(
    orders: Project,
    day: date,
    sandbox: Sandbox,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due = find_due(orders.warehouse, day).due
    with monkeypatch.context() as broken:
        asked = serve(httpserver, broken, tracker(), refusal(503))
        run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert not run.success
    assert not run.retried
    # The request that may have landed is not sent again.
    assert asked == [order.source_id for order in due[:2]]
    assert "may have been processed" in run.failure
    stored = "for 1 order before the error. The links received so far are stored"
    assert stored in run.failure
    assert run.metadata["asked"] == 1
    assert [row["order_id"] for row in links(orders)] == [due[0].order_id]
    assert launch(orders, JOB, {"day": str(day), "dry_run": False}).success
    assert sandbox.requests[ASKED] == len(due) - 1
    assert {row["order_id"] for row in links(orders)} == {order.order_id for order in due}


def test_an_order_unknown_to_fullwhere_does_not_block_the_others(
    orders: Project, day: date, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = find_due(orders.warehouse, day).due
    asked = serve(httpserver, monkeypatch, refusal(404), tracker())
    run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert run.success
    assert len(asked) == len(due)
    assert run.metadata["refused"] == 1
    assert run.metadata["refused_orders"] == {due[0].order_id: "Purchase not found"}
    assert [order.order_id for order in find_due(orders.warehouse, day).due] == [due[0].order_id]


def test_a_response_with_an_unreadable_tracker_is_quarantined_and_not_requested_again(
    orders: Project, day: date, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = find_due(orders.warehouse, day).due
    serve(httpserver, monkeypatch, tracker(sendAt=None))
    run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert run.success
    assert (run.metadata["asked"], run.metadata["trackers"]) == (len(due), 0)
    assert run.metadata["unreadable"] == len(due)
    (path,) = quarantine_files(orders.warehouse, TRACKERS)
    (bad,) = read_quarantine_file(orders.warehouse, path).to_pylist()
    assert "sendAt" in bad["reason"]
    assert [(row["tracker_id"], row["link"]) for row in links(orders)] == [(None, None)] * len(due)
    assert not find_due(orders.warehouse, day).due


def test_a_response_of_another_shape_fails_and_names_its_keys(
    orders: Project, day: date, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Response('{"queued": true}', 201, mimetype="application/json")
    asked = serve(httpserver, monkeypatch, other)
    run = launch(orders, JOB, {"day": str(day), "dry_run": False})
    assert not run.success
    assert "the keys queued" in run.failure
    assert len(asked) == 1
    assert not orders.warehouse.files(GENERATED)


def test_two_concurrent_runs_do_not_request_the_same_orders(orders: Project, day: date) -> None:
    @contextmanager
    def another() -> Iterator[Fullwhere]:
        generate_links(another, orders.warehouse, day)
        yield Fullwhere(api_key="key", api_secret="secret")

    with pytest.raises(Busy, match=str(day)):
        generate_links(another, orders.warehouse, day)


@pytest.mark.parametrize(
    ("config", "words"),
    [({"day": "yesterday"}, "YYYY-MM-DD"), ({"day": "2024-05-01", "limit": 0}, "1 or more")],
)
def test_an_invalid_config_is_rejected_with_an_explanation(
    shop: Project, config: dict[str, object], words: str
) -> None:
    run = launch(shop, JOB, config)
    assert not run.success
    assert words in run.failure


def test_a_day_without_data_is_reported(shop: Project) -> None:
    run = launch(shop, JOB, {"day": str(DAY)})
    assert run.metadata["to_ask"] == 0
    assert "unified.orders has no data" in run.metadata["warning"]
    fill(shop, DAY, DAY, "wicked_reports.orders", "unified.orders")
    run = launch(shop, JOB, {"day": str(DAY)})
    assert run.metadata["to_ask"] == run.metadata["orders"] > 0
    assert "fullwhere.survey_trackers has no data" in run.metadata["warning"]


def test_tables_written_by_jobs_are_declared_like_every_other() -> None:
    for table in OPERATION_TABLES:
        assert find_table(table.full_name) is table
        names = set(table.schema.names)
        assert {*table.key, *table.order_by, table.event_time} <= names
        for column in table.columns:
            for source in column.source:
                name, _, field = source.rpartition(".")
                find_table(name).column(field)
        with connect(ArrowTables({}), [table]) as connection:
            connection.execute(table.example)
