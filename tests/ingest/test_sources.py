"""What is read of each provider, over HTTP from a server that answers as the document shows."""

import json
from datetime import date
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import EverythingSetAside, asked, read_window
from feedback_assets.providers.registry import find_provider
from feedback_assets.tables import PROVIDER_TABLES, find_table
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse

DAY = date(2024, 3, 2)


def test_every_provider_table_is_read_by_one_source() -> None:
    read = [table for source in SOURCES for table in source.tables]
    assert sorted(table.full_name for table in read) == sorted(
        table.full_name for table in PROVIDER_TABLES
    )


def test_a_feedback_that_is_set_aside_is_kept_with_its_reviews_which_land(
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
