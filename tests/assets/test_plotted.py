"""The numbers plotted on a table's page: NPS, shares and money of each day."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.assets.plotted import plotted
from feedback_assets.schema.table import Table
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table


def rows(name: str, *given: dict[str, Any]) -> pa.Table:
    table = find_table(name)
    held = [{column: one.get(column) for column in table.schema.names} for one in given]
    return pa.Table.from_pylist(held, table.schema)


def numbers(name: str, *given: dict[str, Any]) -> dict[str, int | float]:
    return plotted(find_table(name), rows(name, *given))


def counts(responses: float, promoters: float, detractors: float, **more: Any) -> dict[str, Any]:
    passives = responses - promoters - detractors
    named = {"responses": responses, "promoters": promoters, "detractors": detractors}
    return {**named, "passives": passives, **more}


def test_nps_daily_plots_the_nps_and_the_responses_of_all_providers_together() -> None:
    found = numbers(
        "marts.nps_daily",
        counts(8, 6, 1, provider="thanx", score_sum=70),
        counts(2, 0, 2, provider="retargeting", score_sum=5),
    )
    assert found == {"responses": 10, "nps": 30.0}


def test_a_day_without_responses_has_no_nps() -> None:
    assert numbers("marts.nps_daily") == {"responses": 0}
    no_responses = counts(0, 0, 0, provider="thanx", score_sum=0)
    assert numbers("marts.nps_daily", no_responses) == {"responses": 0}


def test_attribution_models_are_not_added_up() -> None:
    third = 1 / 3
    credited = [counts(third, third, 0, model="linear") for _ in range(3)]
    assert numbers("marts.nps_by_attribution", *credited, counts(1, 1, 0, model="last_click")) == {
        "responses": 1,
        "nps": 100.0,
    }
    windows = [
        counts(size, 1, 0, model=model, window_days=days)
        for days, size in ((30, 2), (90, 4))
        for model in ("linear", "last_click")
    ]
    assert numbers("marts.nps_by_channel", *windows) == {
        "responses_90_days": 4,
        "nps_90_days": 25.0,
    }


def test_the_scorecard_plots_the_whole_shop_once_and_leaves_out_unknown_spend() -> None:
    shop = {"window_days": 90, "model": "linear", "level": "all"}
    money = [
        {"currency": "USD", "net_amount": Decimal(90), "spend": Decimal(7)},
        {"currency": "EUR", "net_amount": Decimal(10)},
    ]
    found = numbers(
        "marts.channel_scorecard",
        counts(8, 6, 1, **shop, currency="(all)", orders=19.9999),
        *({**shop, **one, "orders": 10.0} for one in money),
        counts(8, 6, 1, **{**shop, "model": "last_click"}, currency="(all)", orders=20.0),
        counts(8, 6, 1, **{**shop, "level": "source"}, currency="(all)", orders=20.0),
        counts(8, 6, 1, **{**shop, "window_days": 30}, currency="(all)", orders=20.0),
    )
    assert found == {
        "orders_90_days": 20,
        "responses_90_days": 8,
        "nps_90_days": 62.5,
        "net_amount_EUR_90_days": 10.0,
        "net_amount_USD_90_days": 90.0,
        "spend_USD_90_days": 7.0,
    }


def test_the_value_spread_plots_customers_by_currency_as_one_may_buy_in_two() -> None:
    spread = [
        {"nps_class": name, "currency": "USD", "customers": 2, "net_amount": Decimal(5)}
        for name in ("promoter", "detractor")
    ]
    assert numbers("marts.customer_value_spread", *spread) == {
        "currencies": 1,
        "customers_USD": 4.0,
        "net_amount_USD": 10.0,
    }


def test_locations_are_plotted_over_one_window() -> None:
    given = [counts(2, 1, 1, window_days=days, provider="thanx") for days in (30, 90, 90)]
    assert numbers("marts.nps_by_location", *given) == {
        "locations_90_days": 2,
        "responses_90_days": 4,
        "nps_90_days": 0.0,
    }


def test_match_coverage_plots_the_matched_share() -> None:
    found = numbers(
        "marts.match_coverage",
        {"provider": "thanx", "match_method": "order_id", "responses": 2},
        {"provider": "thanx", "match_method": "email", "responses": 1},
        {"provider": "thanx", "match_method": None, "responses": 5},
    )
    assert found == {"answers": 8, "matched_percent": 37.5}


def test_money_is_plotted_by_currency_and_invalid_codes_are_not_plotted() -> None:
    given = [("EUR", "10.5"), ("USD", "1"), ("EUR", "2"), ("<b>", "7"), (None, "8"), ("GBP", None)]
    orders = [
        {"currency": currency, "net_amount": amount and Decimal(amount)}
        for currency, amount in given
    ]
    assert numbers("unified.orders", *orders) == {
        "orders": 6,
        "net_amount_EUR": 12.5,
        "net_amount_GBP": 0.0,
        "net_amount_USD": 1.0,
    }


def test_only_the_five_currencies_with_the_most_orders_are_plotted() -> None:
    orders = [
        {"currency": f"A{letter}A", "net_amount": Decimal(1)}
        for many, letter in enumerate("ABCDEFG")
        for _ in range(many + 1)
    ]
    found = numbers("unified.orders", *orders)
    assert list(found) == ["orders", *(f"net_amount_A{letter}A" for letter in "GFEDC")]


def test_the_funnel_plots_its_stages_and_the_response_rate() -> None:
    stage = {"planned": 5, "sent": 4, "clicked": 2, "answered": 1, "resent": 0}
    assert numbers("marts.survey_funnel", stage, stage) == {
        "planned": 10, "sent": 8, "clicked": 4, "answered": 2, "response_percent": 25.0,
    }  # fmt: skip


def test_attribution_counts_orders_not_touches() -> None:
    touches = [{"order_id": order} for order in "aab"]
    assert numbers("unified.attribution", *touches) == {"orders": 2}


@pytest.mark.parametrize("table", DERIVED_TABLES, ids=lambda table: table.full_name)
def test_every_derived_table_has_metrics_with_and_without_rows(table: Table) -> None:
    found = plotted(table, table.schema.empty_table())
    assert found
    assert all(type(value) in (int, float) for value in found.values())


@pytest.mark.parametrize("table", PROVIDER_TABLES, ids=lambda table: table.full_name)
def test_provider_tables_report_read_counts_instead(table: Table) -> None:
    assert plotted(table, table.schema.empty_table()) == {}
