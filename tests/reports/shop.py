"""Rows of the marts on channels, for a shop whose channels are described briefly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from feedback_assets.scorecard.intervals import Sums, cost_per_promoter, estimate, z_between
from feedback_assets.scorecard.rows import ALL, UNNAMED

LAST = date(2026, 11, 20)
DAYS = 62
MODELS = ("first_click", "first_optin", "last_click", "linear")
WINDOWS = (7, 30, 90, 365)


@dataclass(frozen=True)
class Shown:
    """A channel: answers of as many customers, the shares of promoters and detractors, money."""

    source: str
    medium: str
    campaign: str
    answers: float
    up: float
    down: float
    spend: int | None = None
    orders: float | None = None
    before: float | None = None

    @property
    def ordered(self) -> float:
        return 2 * self.answers if self.orders is None else self.orders


CHANNELS = (
    Shown("google", "cpc", "brand", 200, 0.7, 0.1, spend=4000),
    Shown("tiktok", "paid_social", "flash", 200, 0.2, 0.6, spend=12000),
    Shown("mail", "email", "news", 150, 0.5, 0.25),
    Shown("podcast", "audio", "read", 24, 0.875, 0.125, spend=900),
    Shown("bing", "cpc", "brand", 12, 1.0, 0.0, spend=100),
    Shown("radio", "audio", "spot", 3, 1.0, 0.0),
    Shown("print", "ad", "flyer", 0, 0, 0, spend=700, orders=0),
    Shown("(unmatched)", "(unmatched)", "(unmatched)", 60, 0.5, 0.2, orders=0),
    Shown("(unattributed)", "(unattributed)", "(unattributed)", 20, 0.5, 0.2),
)


def scorecard(
    found: Sequence[Shown],
    *,
    models: Iterable[str] = MODELS,
    windows: Iterable[int] = WINDOWS,
    currencies: Sequence[tuple[str, float]] = (("EUR", 1.0),),
) -> list[dict[str, Any]]:
    """The same channels in every model and window; currencies have a share of the orders."""
    rows = []
    for level, parts in (("campaign", 3), ("medium", 2), ("source", 1), ("all", 0)):
        groups: dict[tuple[str, ...], list[Shown]] = {}
        for each in found:
            names = (each.source, each.medium, each.campaign)[:parts]
            groups.setdefault(names + (ALL,) * (3 - parts), []).append(each)
        for names, members in groups.items():
            rest = [each for each in found if each not in members]
            rows += _of_channel(level, names, members, rest, currencies)
    return [
        row | {"model": model, "window_days": window}
        for window in windows
        for model in models
        for row in rows
    ]


def _sums(found: Iterable[Shown]) -> Sums:
    found = list(found)
    n = sum(each.answers for each in found)
    x = sum(each.answers * (each.up - each.down) for each in found)
    xx = sum(each.answers * (each.up + each.down) for each in found)
    return Sums(n, x, n, x, xx)


def _money(amount: float) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.01"))


def _of_channel(
    level: str,
    names: tuple[str, ...],
    members: Sequence[Shown],
    rest: Sequence[Shown],
    currencies: Sequence[tuple[str, float]],
) -> Iterable[dict[str, Any]]:
    own, other = _sums(members), _sums(rest)
    mine, others = estimate(own), estimate(other)
    promoters = sum(each.answers * each.up for each in members)
    detractors = sum(each.answers * each.down for each in members)
    orders = sum(each.ordered for each in members)
    spent = [each.spend for each in members if each.spend is not None]
    spend = Decimal(sum(spent)) if spent else None
    nps = 100 * own.x / own.w if own.w else None
    answered = mine and {
        "nps": nps, "nps_low": mine.interval[0], "nps_high": mine.interval[1],
        "nps_adjusted": mine.nps_adjusted, "nps_se": mine.nps_se,
        "effective_responses": mine.effective_responses,
        "first_nps": nps, "first_nps_low": mine.interval[0], "first_nps_high": mine.interval[1],
    }  # fmt: skip
    row: dict[str, Any] = {
        "level": level, "source": names[0], "medium": names[1], "campaign": names[2],
        "currency": ALL, "orders": orders, "buyers": round(orders / 2), "customers": orders / 2,
        "effective_customers": orders / 2, "new_customers": orders / 4,
        "unknown_customers": orders / 8, "repeat_orders": orders * 5 / 8,
        "responses": own.w, "promoters": promoters, "detractors": detractors,
        "passives": own.w - promoters - detractors, "first_responses": own.w / 2,
        "response_base": orders, "response_rate": own.w / orders if orders else None,
        **(answered or {}),
    }  # fmt: skip
    if mine and others and names[0] not in UNNAMED:
        row["rest_nps"] = 100 * other.x / other.w
        row["versus_z"] = z_between(mine, others)
    before = [each.before for each in members if each.before is not None]
    if before and nps is not None and mine:
        change = nps - before[0]
        row |= {
            "responses_before": own.w, "nps_before": before[0], "nps_change": change,
            "nps_change_low": change - 2 * mine.nps_se, "nps_change_high": change + 2 * mine.nps_se,
            "change_z": change / mine.nps_se, "promoters_won": 3.0, "promoters_lost": 5.0,
        }  # fmt: skip
    yield row
    per_order = float(spend) / orders if spend is not None and orders else None
    costs = cost_per_promoter(per_order, promoters, own.w, own.w)
    for place, (currency, share) in enumerate(currencies):
        net = _money(orders * share * 50)
        yield row | {
            "currency": currency, "orders": orders * share, "net_amount": net,
            "customers": orders * share / 2, "effective_customers": orders * share / 2,
            "net_amount_per_customer": 100.0 if orders else None,
            "net_amount_per_customer_low": 90.0, "net_amount_per_customer_high": 115.0,
            "median": 80.0, "q1": 40.0, "q3": 130.0,
            "net_amount_detractors": _money(float(net) * detractors / own.w) if own.w else None,
            "net_amount_answered": net, "spend": None if place else spend,
            "spend_days_missing": 0 if spend is not None else 30,
            "cost_per_order": None if place else per_order,
            "roas": float(net / spend) if spend and not place else None, "roas_covers": share,
            "cost_per_promoter": costs.mean if costs and not place else None,
            "cost_per_promoter_low": costs.low if costs and not place else None,
            "cost_per_promoter_high": costs.high if costs and not place else None,
        }  # fmt: skip


def by_day(found: Iterable[Shown], days: int = DAYS, last: date = LAST) -> list[dict[str, Any]]:
    """Rows of ``marts.nps_by_attribution``: an even share of the answers on each day."""
    return [
        {
            "day": last - timedelta(days=back), "model": model, "source": each.source,
            "medium": each.medium, "campaign": each.campaign, "responses": each.answers / days,
            "promoters": each.answers * each.up / days,
            "passives": each.answers * (1 - each.up - each.down) / days,
            "detractors": each.answers * each.down / days, "nps": None,
        }
        for back in range(days)
        for model in MODELS
        for each in found
        if each.answers
    ]  # fmt: skip
