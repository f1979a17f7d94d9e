"""The rows that the charts draw, with the words beside them."""

from collections.abc import Iterable, Sequence
from typing import Any

from feedback_assets.reports import words
from feedback_assets.reports.names import short
from feedback_assets.reports.report import Product, Survey, Value, Week
from feedback_assets.reports.statistics import Counts

Row = dict[str, Any]
METHODS = tuple(words.METHODS.values())


def week_rows(weeks: Iterable[Week], few: int) -> list[Row]:
    """A point for each week with answers."""
    return [
        {
            "week": week.first.isoformat(),
            "nps": week.counts.nps,
            "low": interval[0],
            "high": interval[1],
            "few": week.counts.responses < few,
            "tip": f"Week from {words.day(week.first)}: NPS {words.nps(week.counts)}, "
            f"{words.counted(week.counts.responses, 'answer')}"
            + ("" if week.days == 7 else f" on {words.counted(week.days, 'day')}"),
        }
        for week in weeks
        if (interval := week.counts.interval) is not None
    ]


def class_rows(now: Counts) -> list[Row]:
    """One bar, cut by class; none without answers."""
    if not now.responses:
        return []
    parts = (
        ("Promoters", now.promoters),
        ("Passives", now.passives),
        ("Detractors", now.detractors),
    )
    return [
        {
            "name": "all",
            "part": part,
            "value": value,
            "order": place,
            "shown": " · ".join(
                f"{words.percent(v / now.responses)} {p.lower()}" for p, v in parts
            ),
            "note": "",
            "tip": f"{words.counted(value, part.lower()[:-1])}, "
            f"{words.percent(value / now.responses)}",
        }
        for place, (part, value) in enumerate(parts)
    ]


def value_rows(values: Iterable[Value], currency: str | None) -> list[Row]:
    """A bar for each class of one currency."""
    return [
        {
            "name": value.nps_class,
            "colour": words.CLASSES[value.nps_class],
            "value": float(value.per_customer or 0),
            "shown": f"{words.CLASSES[value.nps_class]} ({words.number(value.customers)})",
            "note": words.money(value.per_customer, currency),
            "tip": f"{words.CLASSES[value.nps_class]}: "
            f"{words.money(value.per_customer, currency)} a customer",
        }
        for value in values
        if value.currency == currency
    ]


def funnel_rows(surveys: Iterable[Survey]) -> list[Row]:
    """A bar for each step from planned to answered; none where none was planned."""
    planned, sent, clicked, answered = words.funnel_steps(surveys)
    steps = (("Planned", planned), ("Sent", sent), ("Clicked", clicked), ("Answered", answered))
    return [
        {
            "name": step,
            "colour": "Promoters",
            "value": count,
            "shown": step,
            "note": words.number(count)
            + (f", {words.percent(count / sent)} of sent" if sent and place > 1 else ""),
            "tip": f"{step}: {words.counted(count, 'survey')}",
        }
        for place, (step, count) in enumerate(steps)
        if planned
    ]


def product_rows(products: Iterable[Product]) -> list[Row]:
    """An interval for each product with a score."""
    return [
        {
            "name": product.real_id,
            "shown": short(product.name),
            "value": product.mean,
            "low": product.low,
            "high": product.high,
            "verdict": "alike" if product.is_enough else "few",
            "note": f"{words.number(product.mean, 1)} · {words.number(product.reviews)}",
            "tip": f"{product.name}: {words.number(product.mean, 1)}"
            + (
                f" ({words.span((product.low, product.high), 1)})"
                if product.low is not None and product.high is not None
                else ""
            )
            + f", {words.counted(product.reviews, 'review')}",
        }
        for product in products
        if product.mean is not None
    ]


def coverage_rows(coverage: Sequence[tuple[str, str, int]]) -> list[Row]:
    """A bar for each provider, cut by the rule that found the order."""
    wholes: dict[str, int] = {}
    found: dict[tuple[str, str], int] = {}
    for name, method, responses in coverage:
        wholes[name] = wholes.get(name, 0) + responses
        found[name, words.METHODS[method]] = responses
    rows = []
    for name, whole in wholes.items():
        matched = whole - found.get((name, "not matched"), 0)
        for place, method in enumerate(METHODS):
            count = found.get((name, method), 0)
            rows.append(
                {
                    "name": name,
                    "part": method,
                    "order": place,
                    "value": count,
                    "shown": words.provider(name),
                    "note": f"{words.percent(matched / whole if whole else 0)} of "
                    f"{words.counted(whole, 'answer')}",
                    "tip": f"{words.provider(name)}: {words.counted(count, 'answer')} {method}",
                }
            )
    return rows
