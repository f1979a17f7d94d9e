"""What is read from each provider, over HTTP from a server that responds as documented."""

import json
from datetime import date
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import EverythingSetAside, asked, read_window
from feedback_assets.providers.registry import find_provider
from feedback_assets.tables import PROVIDER_TABLES, find_table
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse

DAY = date(2024, 3, 2)


def test_every_provider_table_has_one_source() -> None:
    read = [table for source in SOURCES for table in source.tables]
    assert sorted(table.full_name for table in read) == sorted(
        table.full_name for table in PROVIDER_TABLES
    )


def test_a_quarantined_feedback_keeps_its_reviews_and_the_reviews_land(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    bad = {
        "order": {"orderno": "1", "date": "2024-03-01 10:00:00"},
        "score": 99,
        "comment": "x",
        "added_on": "2024-03-02 10:00:00",
        "product_reviews": [{"realid": "7", "added_on": "2024-03-02 11:00:00", "score": 5}],
    }
    httpserver.expect_request("/email-campaigns/json-feedback").respond_with_json(
        {"status": "success", "data": [bad]}
    )
    (source,) = (source for source in SOURCES if source.provider == "retargeting")
    warehouse = Warehouse(str(tmp_path / "held"))
    arguments = {"url": httpserver.url_for(""), "rest_key": "key-of-shop", "customer_id": "shop"}
    with find_provider("retargeting").connect(arguments, None) as client:
        tables = {table: source.typing("UTC") for table in source.tables}
        with pytest.raises(EverythingSetAside) as raised:
            read_window(lambda: source.read(client, *asked(DAY, DAY)), tables, DAY, DAY, warehouse)
    feedback, reviews = (
        find_table(f"retargeting.{name}") for name in ("order_feedback", "product_reviews")
    )
    assert list(raised.value.refused) == [feedback]
    assert warehouse.days_held(feedback) == []
    assert warehouse.read_arrow(reviews)["real_id"].to_pylist() == ["7"]
    (path,) = quarantine_files(warehouse, feedback)
    (row,) = read_quarantine_file(warehouse, path).to_pylist()
    assert json.loads(row["payload"]) == bad
    assert row["reason"] == "score: not in 0–10"


@pytest.mark.parametrize("shifts", [1, 2])
def test_a_row_skipped_by_a_list_that_shifts_lands_even_if_the_second_read_shifts_too(
    httpserver: HTTPServer, tmp_path: Path, shifts: int
) -> None:
    listed = [{"id": f"f{n}", "purchased_at": "2024-03-02T10:00:00Z"} for n in range(250)]
    reads = 0

    def serve(request: Request) -> Response:
        nonlocal reads
        number = int(request.args["page"])
        part = listed[(number - 1) * 100 : number * 100]
        if number == 1:
            reads += 1
            # A record of the first page is updated, and moves to the end of the list.
            if reads <= shifts:
                listed.append(listed.pop(50))
        said = {"current_page": number, "per_page": 100, "total_pages": 3}
        return Response(json.dumps({"feedbacks": part, "pagination": said}))

    httpserver.expect_request("/partner/feedbacks").respond_with_handler(serve)
    (source,) = (source for source in SOURCES if source.provider == "thanx")
    (table,) = source.tables
    warehouse = Warehouse(str(tmp_path / "held"))
    arguments = {"url": httpserver.url_for(""), "access_token": "t", "merchant_id": "m"}
    with find_provider("thanx").connect(arguments, None) as client:
        (day,) = read_window(
            lambda: source.read(client, *asked(DAY, DAY)),
            {table: source.typing("UTC")},
            DAY,
            DAY,
            warehouse,
            whole_list=True,
        )[table]
    held = warehouse.read_arrow(table)["id"].to_pylist()
    assert sorted(held) == sorted(row["id"] for row in listed)
    assert (reads, day.rows, day.fetched) == (2, 250, 500)
