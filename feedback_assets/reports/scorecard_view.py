"""The columns of the scorecard's table: which values a cell has, when, and how they are written.

The page's script writes the same cells from the same declarations when another view is chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feedback_assets.reports.queries import Row
from feedback_assets.reports.scorecard_report import Line, View
from feedback_assets.scorecard.rows import FEW_SHOWN
from feedback_assets.wording import counted, number

FEW_FOR_MEDIAN, FEW_FOR_MEAN = 10, 30
"""Minimum effective customers for the median, and for the mean, of what customers spend."""

VERDICTS = {
    "above": "above the rest, beyond chance",
    "below": "below the rest, beyond chance",
    "alike": "no clear difference",
    "few": "too few customers to compare",
    "unnamed": "no source named",
    "uncredited": "not credited to a channel",
    "smaller": "smaller channels together",
    "whole": "",
}
MOVED = {1: "risen, beyond chance", -1: "fallen, beyond chance"}
POINTS, SIGNED, COUNT, MONEY, RATIO, SHARE = "points", "signed", "count", "money", "ratio", "share"
DAYS = "days"


@dataclass(frozen=True)
class Column:
    """A column: ``key`` is its value and sorts it, ``small`` what may stand below.

    Of ``small``, texts with ``{value}`` in braces, the first whose values are all known is written.
    ``part`` is ``answers`` or ``money``.
    """

    key: str
    title: str
    part: str
    small: tuple[str, ...] = ()


COLUMNS = (
    Column("nps", "NPS", "answers", ("{nps_low}\u00a0to\u00a0{nps_high}",)),
    Column("responses", "Answers", "answers"),
    Column("promoters", "Promoters", "answers", ("{promoters_share}",)),
    Column("detractors", "Detractors", "answers", ("{detractors_share}",)),
    Column(
        "nps_change",
        "Change",
        "answers",
        ("{nps_change_low}\u00a0to\u00a0{nps_change_high}",),
    ),
    Column(
        "first_nps",
        "NPS, first orders",
        "answers",
        ("{first_nps_low}\u00a0to\u00a0{first_nps_high}",),
    ),
    Column("orders", "Orders", "money"),
    Column("net_amount", "Revenue", "money"),
    Column(
        "per_customer",
        "Revenue per customer",
        "money",
        ("{per_low}\u00a0to\u00a0{per_high}", "median; half from {q1}\u00a0to\u00a0{q3}"),
    ),
    Column("new_customers", "New customers", "money", ("at most\u00a0{new_most}",)),
    Column(
        "spend",
        "Spend",
        "money",
        ("{spend_days_missing} missing",),
    ),
    Column("cost_per_order", "Cost per order", "money"),
    Column("roas", "ROAS", "money", ("{roas_covers} of orders",)),
    Column(
        "cost_per_promoter",
        "Cost per promoter",
        "money",
        ("{cost_low}\u00a0to\u00a0{cost_high}", "{cost_low}\u00a0or more"),
    ),
)  # fmt: skip
KINDS = {
    **dict.fromkeys(("nps", "nps_low", "nps_high", "first_nps"), POINTS),
    **dict.fromkeys(("first_nps_low", "first_nps_high"), POINTS),
    **dict.fromkeys(("nps_change", "nps_change_low", "nps_change_high"), SIGNED),
    **dict.fromkeys(("responses", "promoters", "passives", "detractors", "effective"), COUNT),
    **dict.fromkeys(("promoters_share", "detractors_share", "roas_covers"), SHARE),
    **dict.fromkeys(("orders", "new_customers", "new_most"), COUNT),
    **dict.fromkeys(("net_amount", "per_customer", "per_low", "per_high", "q1", "q3"), MONEY),
    **dict.fromkeys(("spend", "cost_per_order", "cost_per_promoter"), MONEY),
    **dict.fromkeys(("cost_low", "cost_high"), MONEY),
    "roas": RATIO,
    "spend_days_missing": DAYS,
}
"""How each value is written."""


def answer_cells(row: Row) -> Mapping[str, float | None]:
    """The values about answers, of a row on all currencies; intervals from five customers on."""
    if not row.get("responses"):
        return {"responses": 0.0} if row else {}
    cells: dict[str, Any] = {
        name: row[name] for name in ("responses", "promoters", "passives", "detractors", "nps")
    }
    for name in ("promoters", "detractors"):
        cells[f"{name}_share"] = row[name] / row["responses"]
    effective = row["effective_responses"]
    cells["effective"] = effective
    if (effective or 0) < FEW_SHOWN:
        return _rounded(cells)
    cells |= {name: row[name] for name in ("nps_low", "nps_high")}
    if row["nps_change"] is not None and (row["responses_before"] or 0) >= FEW_SHOWN:
        names = ("nps_change", "nps_change_low", "nps_change_high")
        cells |= {name: row[name] for name in names}
    if (row["first_responses"] or 0) >= FEW_SHOWN:
        cells |= {name: row[name] for name in ("first_nps", "first_nps_low", "first_nps_high")}
    return _rounded(cells)


def money_cells(row: Row, answers: Row) -> Mapping[str, float | None]:
    """The values about orders and money, of a row on one currency."""
    cells: dict[str, Any] = {
        "orders": row["orders"],
        "net_amount": row["net_amount"],
        "new_customers": row["new_customers"],
        "spend": row["spend"],
        "cost_per_order": row["cost_per_order"],
        "roas": row["roas"],
    }
    if row["unknown_customers"]:
        cells["new_most"] = row["new_customers"] + row["unknown_customers"]
    if row["spend"] is not None and row["spend_days_missing"]:
        cells["spend_days_missing"] = row["spend_days_missing"]
    if row["roas"] is not None and (row["roas_covers"] or 0) < 1:
        cells["roas_covers"] = row["roas_covers"]
    cells |= spread_cells(row, row.get("effective_customers") or 0)
    # The share of promoters is over all currencies.
    if (answers.get("effective_responses") or 0) >= FEW_SHOWN:
        cells["cost_per_promoter"] = row["cost_per_promoter"]
        cells["cost_low"] = row["cost_per_promoter_low"]
        cells["cost_high"] = row["cost_per_promoter_high"]
    return _rounded(cells)


def _rounded(cells: Mapping[str, Any]) -> dict[str, float | None]:
    """To what the page embeds, so that its script and its HTML write the same text."""
    return {
        name: None if value is None else round(float(value), 3) for name, value in cells.items()
    }


def spread_cells(row: Row, customers: float) -> Mapping[str, float | None]:
    """What customers spend: the mean of many with its interval, of few the median, else nothing."""
    if customers >= FEW_FOR_MEAN:
        return {
            "per_customer": row["net_amount_per_customer"],
            "per_low": row["net_amount_per_customer_low"],
            "per_high": row["net_amount_per_customer_high"],
        }
    if customers >= FEW_FOR_MEDIAN:
        return {"per_customer": row["median"], "q1": row["q1"], "q3": row["q3"]}
    return {}


def value_of(line: Line, key: str, part: str, currency: str) -> float | None:
    """One value of a channel; None if it is unknown or too uncertain to show."""
    cells = line.answers if part == "answers" else line.money.get(currency, {})
    found = cells.get(key)
    return None if found is None else float(found)


def columns_of(view: View, currency: str) -> tuple[Column, ...]:
    """The columns in which a channel has a value."""
    return tuple(
        column
        for column in COLUMNS
        if any(
            value_of(line, column.key, column.part, currency) is not None
            for line in view.lines
            if line.verdict != "whole"
        )
    )


def cell(line: Line, column: Column, currency: str) -> tuple[str, str]:
    """The text of a cell and the small text below it."""
    value = value_of(line, column.key, column.part, currency)
    if value is None:
        return "–", ""
    cells = line.answers if column.part == "answers" else line.money[currency]
    known = {
        name: written(float(found), KINDS[name])
        for name, found in cells.items()
        if found is not None
    }
    for text in column.small:
        try:
            return written(value, KINDS[column.key]), text.format_map(known)
        except KeyError:
            continue
    return written(value, KINDS[column.key]), ""


def written(value: float, kind: str) -> str:
    """A value as text; money without its currency, which the table's caption names."""
    if kind == SIGNED:
        text = number(value)
        return f"+{text}" if value > 0 and text != "0" else text
    if kind == MONEY:
        return number(value, 0 if abs(value) >= 100 else 2)
    if kind == RATIO:
        return f"{number(value, 1)}×"
    if kind == DAYS:
        return counted(value, "day")
    if kind == SHARE:
        return f"{number(100 * value)}\u00a0%"
    return number(value)
