"""The scorecard's rows and facts, read from a warehouse."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from feedback_assets.assets.previews import channels_preview, findings_preview, mart_previews
from feedback_assets.days import days_between
from feedback_assets.scorecard.rows import ChannelRow
from feedback_assets.summary.reading import read_scorecard
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.scorecard.shops import channel, shop

LAST = date(2026, 11, 20)
SCORECARD = find_table("marts.channel_scorecard")
QUEUE = find_table("marts.detractor_queue")
HELD = find_table("marts.nps_by_attribution")


@pytest.fixture
def warehouse(tmp_path: Any) -> Warehouse:
    return Warehouse(str(tmp_path))


def put(
    warehouse: Warehouse, rows: list[ChannelRow], waiting: list[dict[str, Any]] | None = None
) -> None:
    """A warehouse of 60 days with these rows of the scorecard, and detractors waiting."""
    given = [{**dict.fromkeys(SCORECARD.schema.names), **vars(row)} for row in rows]
    counted = [column.name for column in SCORECARD.columns if not column.nullable]
    held = [{**row, **{name: row[name] or 0 for name in counted}} for row in given]
    warehouse.replace_whole(SCORECARD, pa.Table.from_pylist(held, SCORECARD.schema))
    asked = [{**dict.fromkeys(QUEUE.schema.names), **one} for one in waiting or ()]
    warehouse.replace_whole(QUEUE, pa.Table.from_pylist(asked, QUEUE.schema))
    for day in days_between(LAST - timedelta(days=59), LAST):
        warehouse.replace_day(HELD, day, HELD.schema.empty_table())


def detractor(number: int, customer: str | None, currency: str | None, bought: int | None) -> Any:
    return {
        "feedback_id": f"thanx:{number}",
        "provider": "thanx",
        "responded_at": datetime(2026, 11, 19, tzinfo=UTC),
        "days_waiting": 1,
        "score": 2,
        "customer_key": customer,
        "currency": currency,
        "customer_net_amount": None if bought is None else Decimal(bought),
    }


def test_an_empty_warehouse_has_no_channels_and_nothing_is_known(warehouse: Warehouse) -> None:
    found = read_scorecard(warehouse)
    assert (found.rows, found.last_day) == ((), None)
    assert (found.facts.matched_share, found.facts.days_held, found.facts.waiting) == (None, 0, 0)
    assert channels_preview(found) == {}


def test_the_facts_are_those_of_the_window_and_a_customer_waiting_twice_bought_once(
    warehouse: Warehouse,
) -> None:
    (unmatched, *_) = channel("(unmatched)/(unmatched)", responses=200.0)
    rows = [*shop(channel("a/a")), unmatched]
    other = [row for row in channel("b/b") if row.model == "linear"]
    put(
        warehouse,
        rows + other,
        [
            detractor(1, "one", "USD", 50),
            detractor(2, "one", "USD", 50),
            detractor(3, "two", "USD", 7),
            detractor(4, "two", "EUR", 5),
            detractor(5, None, None, None),
        ],
    )
    found = read_scorecard(warehouse)
    assert len(found.rows) == len(rows + other)
    assert found.last_day == LAST
    assert found.facts.matched_share == 0.75
    assert found.facts.days_held == 60
    assert found.facts.waiting == 5
    assert found.facts.waiting_bought == {"USD": Decimal(57), "EUR": Decimal(5)}


def records(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    assert isinstance(found[name], dg.TableMetadataValue)
    return [dict(record.data) for record in found[name].records]


def test_the_ui_shows_the_channels_and_what_to_do_without_addresses_in_names(
    warehouse: Warehouse,
) -> None:
    private = channel("jane@example.com/x", z=-5, orders=9.0, nps_adjusted=1.0, nps_se=5.0)
    plain = channel("google/brand", z=5, orders=9.0, nps_adjusted=30.0, nps_se=5.0)
    put(warehouse, shop(plain, private))
    found = mart_previews(SCORECARD, warehouse)
    assert found == channels_preview(read_scorecard(warehouse))
    first, second = records(found, "scorecard")
    assert first["channel"] == "google/brand"
    assert first["orders"] == "9"
    assert second["channel"] == "(not shown: it contains an e-mail address)"
    said = findings_preview(read_scorecard(warehouse))
    texts = [record["finding"] for record in records(said, "what_to_do")]
    assert any("google/brand" in text for text in texts)
    assert not [text for text in texts if "jane" in text]
