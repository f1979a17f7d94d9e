"""The example query of each table runs as shown and returns what its column names promise."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, find_table
from feedback_assets.transforms.sources import ArrowTables, ask, connect

DAY = date(2026, 11, 20)


def answers(name: str, *given: dict[str, Any]) -> list[dict[str, Any]]:
    """The result of the example of ``name`` if the table has these rows."""
    table = find_table(name)
    schema = table.schema
    if table.partitioned:
        schema = schema.append(pa.field("day", pa.date32()))
    held = pa.Table.from_pylist(
        [{column: one.get(column) for column in schema.names} | {"day": DAY} for one in given],
        schema,
    )
    with connect(ArrowTables({name: held})) as connection:
        return list(ask(connection, table.example).to_pylist())


def counts(responses: float, promoters: float, detractors: float, **more: Any) -> dict[str, Any]:
    return {"responses": responses, "promoters": promoters, "detractors": detractors, **more}


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)
def test_every_column_of_an_example_has_a_plain_name(table: Table) -> None:
    with connect(ArrowTables({})) as connection:
        names = ask(connection, table.example).schema.names
    assert all(name.isidentifier() for name in names), names


def test_nps_is_a_percentage_of_responses_not_a_difference_of_counts() -> None:
    daily = answers("marts.nps_daily", counts(8, 6, 1), counts(2, 0, 2))
    assert [row["nps"] for row in daily] == [30.0]
    campaigns = answers(
        "marts.nps_by_attribution",
        counts(0.5, 0.5, 0, model="linear", campaign="spring"),
        counts(1.5, 0, 0.5, model="linear", campaign="spring"),
        counts(9, 0, 9, model="last_click", campaign="spring"),
    )
    assert campaigns == [{"campaign": "spring", "nps": 0.0}]
    scores = (10, 9, 8, 6, None)
    asked = answers("retargeting.order_feedback", *({"score": score} for score in scores))
    assert asked == [{"nps": 25.0}]


def test_shares_use_the_full_denominator() -> None:
    assert answers(
        "marts.match_coverage",
        {"provider": "thanx", "match_method": "email", "responses": 3},
        {"provider": "thanx", "match_method": None, "responses": 1},
    ) == [{"provider": "thanx", "share_matched": 0.75}]
    funnel = answers(
        "marts.survey_funnel",
        {"survey_name": "after delivery", "sent": 3, "answered": 1},
        {"survey_name": "after delivery", "sent": 1, "answered": 1},
        {"survey_name": "never sent", "sent": 0, "answered": 0},
    )
    assert {row["survey_name"]: row["response_rate"] for row in funnel} == {
        "after delivery": 0.5,
        "never sent": None,
    }


def test_money_is_never_added_across_currencies() -> None:
    found = answers(
        "unified.orders",
        {"currency": "EUR", "net_amount": Decimal(2)},
        {"currency": "EUR", "net_amount": Decimal(3)},
        {"currency": "USD", "net_amount": Decimal(7)},
    )
    assert {row["currency"]: row["net_amount"] for row in found} == {"EUR": 5, "USD": 7}
