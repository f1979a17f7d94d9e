"""The numbers that the UI plots for a table: its key figures rather than its row count.

Each is computed from the rows of one partition with PyArrow, about 0.05 ms a day; a run may have
thousands of days. A number that a partition does not have, such as the NPS of a day without
responses, is omitted and leaves a gap in the plot.
"""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.table import Table

Numbers = dict[str, int | float]

# Currencies are free text from a provider, and each gets its own plot.
_MOST_CURRENCIES = 5
_CURRENCY = re.compile(r"[A-Z]{3}")
_MODEL, _WINDOW_DAYS = "linear", 90
_ALL = "(all)"


def plotted(table: Table, rows: pa.Table) -> Numbers:
    """The numbers of one partition of a derived table, or of a table without days."""
    numbers = _NUMBERS.get(table.full_name)
    return numbers(rows) if numbers else {}


def _nps_by_attribution(rows: pa.Table) -> Numbers:
    # Every attribution model covers the same answers.
    return _nps(rows.filter(pc.equal(rows["model"], _MODEL)))


def _nps_by_channel(rows: pa.Table) -> Numbers:
    shown = rows.filter(
        pc.and_(pc.equal(rows["model"], _MODEL), pc.equal(rows["window_days"], _WINDOW_DAYS))
    )
    return {f"{name}_{_WINDOW_DAYS}_days": value for name, value in _nps(shown).items()}


def _channel_scorecard(rows: pa.Table) -> Numbers:
    """The whole shop; its orders and answers are the same in every model."""
    of_window = pc.equal(rows["window_days"], _WINDOW_DAYS)
    shop = pc.and_(pc.equal(rows["model"], _MODEL), pc.equal(rows["level"], "all"))
    shown = rows.filter(pc.and_(of_window, shop))
    whole = shown.filter(pc.equal(shown["currency"], _ALL))
    numbers = {
        "orders": round(_sum(whole, "orders")),
        **_nps(whole),
        **_by_currency(shown),
        # Unknown spend is not 0.
        **_by_currency(shown.filter(pc.is_valid(shown["spend"])), "spend"),
    }
    return {f"{name}_{_WINDOW_DAYS}_days": value for name, value in numbers.items()}


def _customer_value_spread(rows: pa.Table) -> Numbers:
    # A customer may buy in several currencies.
    currencies = {"currencies": pc.count_distinct(rows["currency"], mode="all").as_py()}
    return {**currencies, **_by_currency(rows, "customers"), **_by_currency(rows)}


def _nps_by_location(rows: pa.Table) -> Numbers:
    shown = rows.filter(pc.equal(rows["window_days"], _WINDOW_DAYS))
    numbers = {"locations": shown.num_rows, **_nps(shown)}
    return {f"{name}_{_WINDOW_DAYS}_days": value for name, value in numbers.items()}


def _match_coverage(rows: pa.Table) -> Numbers:
    matched = _sum(rows.filter(pc.is_valid(rows["match_method"])), "responses")
    answers = _sum(rows, "responses")
    return {"answers": answers, **_share("matched_percent", matched, answers)}


def _order_feedback(rows: pa.Table) -> Numbers:
    return {"scored": _present(rows, "score"), "matched": _present(rows, "order_id")}


def _feedback(rows: pa.Table) -> Numbers:
    return {"scored": _present(rows, "score"), "commented": _present(rows, "comment")}


def _orders(rows: pa.Table) -> Numbers:
    return {"orders": rows.num_rows, **_by_currency(rows)}


def _attribution(rows: pa.Table) -> Numbers:
    return {"orders": pc.count_distinct(rows["order_id"]).as_py()}


def _customers(rows: pa.Table) -> Numbers:
    customers = pc.count_distinct(rows["customer_key"]).as_py()
    return {"customers": customers, "orders": _sum(rows, "orders"), **_by_currency(rows)}


def _customer_value(rows: pa.Table) -> Numbers:
    return {"orders": _sum(rows, "orders"), **_by_currency(rows)}


def _survey_funnel(rows: pa.Table) -> Numbers:
    counts = {name: _sum(rows, name) for name in ("planned", "sent", "clicked", "answered")}
    return {**counts, **_share("response_percent", counts["answered"], counts["sent"])}


def _product_scores(rows: pa.Table) -> Numbers:
    return {"products": rows.num_rows, "reviews": _sum(rows, "reviews")}


def _detractor_queue(rows: pa.Table) -> Numbers:
    longest = pc.max(rows["days_waiting"]).as_py()
    return {"waiting": rows.num_rows, **({} if longest is None else {"longest_days": longest})}


def _nps(rows: pa.Table) -> Numbers:
    responses = _sum(rows, "responses")
    if not responses:
        return {"responses": 0}
    nps = 100 * (_sum(rows, "promoters") - _sum(rows, "detractors")) / responses
    # Weights are fractions; their sum may be 3.0000000000000004.
    return {"responses": round(responses), "nps": round(nps, 2)}


def _by_currency(rows: pa.Table, column: str = "net_amount") -> Numbers:
    """A sum by currency, for the currencies with the most rows."""
    currencies, amounts = rows["currency"], rows[column]
    counted = [
        (-count["counts"], count["values"])
        for count in pc.value_counts(currencies).to_pylist()
        if _CURRENCY.fullmatch(count["values"] or "")
    ]
    # One filter per currency takes half the time of ``group_by``.
    return {
        f"{column}_{name}": float(pc.sum(amounts.filter(pc.equal(currencies, name))).as_py() or 0)
        for _, name in sorted(counted)[:_MOST_CURRENCIES]
    }


def _share(name: str, part: int | float, whole: int | float) -> Numbers:
    return {name: round(100 * part / whole, 2)} if whole else {}


def _sum(rows: pa.Table, column: str) -> Any:
    return pc.sum(rows[column]).as_py() or 0


def _present(rows: pa.Table, column: str) -> int:
    return int(pc.count(rows[column], mode="only_valid").as_py())


_NUMBERS: dict[str, Callable[[pa.Table], Numbers]] = {
    "unified.feedback": _feedback,
    "unified.orders": _orders,
    "unified.attribution": _attribution,
    "marts.order_feedback": _order_feedback,
    "marts.nps_daily": _nps,
    "marts.nps_by_attribution": _nps_by_attribution,
    "marts.nps_by_channel": _nps_by_channel,
    "marts.channel_scorecard": _channel_scorecard,
    "marts.customers": _customers,
    "marts.customer_value": _customer_value,
    "marts.customer_value_spread": _customer_value_spread,
    "marts.nps_by_location": _nps_by_location,
    "marts.survey_funnel": _survey_funnel,
    "marts.product_scores": _product_scores,
    "marts.match_coverage": _match_coverage,
    "marts.detractor_queue": _detractor_queue,
}
