"""The rows of the charts, with their labels."""

from collections.abc import Iterable, Sequence
from typing import Any

from feedback_assets.reports import words
from feedback_assets.reports.names import short
from feedback_assets.reports.report import Funnel, Location, Product, Value, Week
from feedback_assets.reports.statistics import Counts

Row = dict[str, Any]
METHODS = tuple(words.METHODS.values())


def week_rows(weeks: Iterable[Week], few: int) -> list[Row]:
    """A point for each week; without values, so that the line breaks, for one without answers.

    Empty if no week has answers.
    """
    rows = []
    for week in weeks:
        low, high = week.counts.interval or (None, None)
        said = f"NPS {words.nps(week.counts)}, {words.counted(week.counts.responses, 'answer')}"
        rows.append(
            {
                "week": week.first.isoformat(),
                "nps": week.counts.nps,
                "low": low,
                "high": high,
                "few": week.counts.responses < few,
                "complete": week.is_complete,
                "tip": f"Week from {words.week(week)}: {said}",
            }
        )
    return rows if any(row["nps"] is not None for row in rows) else []


def class_rows(now: Counts) -> list[Row]:
    """One bar, split by class; empty without answers."""
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
    """What a customer spends, for each class in one currency with enough customers."""
    return [
        {
            "name": value.nps_class,
            "shown": f"{words.CLASSES[value.nps_class]} ({words.number(value.customers)})",
            "value": value.spread["per_customer"],
            "low": value.spread.get("per_low", value.spread.get("q1")),
            "high": value.spread.get("per_high", value.spread.get("q3")),
            "verdict": "alike" if "per_low" in value.spread else "few",
            "note": words.number(value.spread["per_customer"] or 0),
            "tip": f"{words.CLASSES[value.nps_class]}: {words.spent(value)} per customer",
        }
        for value in values
        if value.currency == currency and value.spread.get("per_customer") is not None
    ]


def location_rows(locations: Iterable[Location], few: int) -> list[Row]:
    """An interval for each place, the lowest NPS first, those with few answers last."""
    return [
        {
            "name": f"{place.provider} {place.name}",
            "shown": short(place.name),
            "value": place.counts.nps,
            "low": interval[0],
            "high": interval[1],
            "verdict": "alike" if place.counts.responses >= few else "few",
            "note": f"{words.number(place.counts.nps or 0)} · "
            f"{words.number(place.counts.responses)}",
            "tip": f"{place.name}: NPS {words.nps(place.counts)}, "
            f"{words.counted(place.counts.responses, 'answer')}",
        }
        for place in locations
        if (interval := place.counts.interval) is not None
    ]


def funnel_rows(found: Funnel) -> list[Row]:
    """A bar for each step from planned to answered; empty if none was planned."""
    sent = found.sent
    steps = (
        ("Planned", found.planned),
        ("Sent", sent),
        ("Clicked", found.clicked),
        ("Answered", found.answered),
    )
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
        if found.planned
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
    """A bar for each provider, split by the rule that matched the order."""
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
