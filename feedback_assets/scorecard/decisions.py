"""From scorecard rows to at most five findings, and the findings withheld with the reason."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from feedback_assets.scorecard.findings import (
    AnswerDetractors,
    BringsPromoters,
    Careful,
    Changed,
    Decisions,
    Facts,
    Finding,
    Holds,
    LookAt,
    Money,
    NothingStandsOut,
    OfChannel,
    PromoterCosts,
    Reason,
    Withheld,
)
from feedback_assets.scorecard.rows import (
    ALL,
    FEW_TESTED,
    Channel,
    ChannelRow,
    beyond_chance,
    changed,
    view,
)
from feedback_assets.scorecard.selection import tipping_ratio

WINDOW = 90
MODEL = "first_click"
LEVEL = "campaign"
MOST = 5
_ENOUGH_MATCHED = 0.6
_ENOUGH_COVERED = 0.9
_POINTS = 20
# (1.96 + 0.84)²: a false alarm rate of 5 % and a power of 80 %.
_POWER = (1.96 + 0.8416) ** 2

Found = list[OfChannel | Withheld]


def decide(rows: Iterable[ChannelRow], facts: Facts) -> Decisions:
    """The findings of the last 90 days, by first click and by campaign.

    NPS and its tests cover all answers, whatever the currency; money is in the currency with the
    highest net amount. ``rows`` cover all models, currencies and levels; other windows are ignored.
    """
    rows = [row for row in rows if row.window_days == WINDOW]
    currency = main_currency(rows)
    chosen = view(rows, WINDOW, MODEL, LEVEL, ALL)
    shop = next(iter(view(rows, WINDOW, MODEL, "all", ALL)), None)
    money = {row.channel: row for row in view(rows, WINDOW, MODEL, LEVEL, currency or ALL)}
    found: Found = [
        *_differences(rows, chosen, money, shop, currency),
        *_changes(chosen, money, currency),
        *_costs(chosen, money, currency),
    ]
    said, withheld = _one_a_channel(found)
    ranked: list[Finding] = [*said]
    if facts.waiting:
        ranked.append(_queue(facts, currency))
    ranked.sort(key=lambda finding: _by_money(finding, currency))
    first: list[Finding] = [*_careful(facts)]
    if not said:
        differ = any(each.row is not None for each in withheld)
        first.append(NothingStandsOut(customers_needed(shop), differ))
    room = MOST - len(first)
    withheld += [
        Withheld(type(finding), getattr(finding, "row", None), Reason.MORE_MONEY_ELSEWHERE)
        for finding in ranked[room:]
    ]
    return Decisions((*first, *ranked[:room]), tuple(withheld), currency)


def main_currency(rows: Iterable[ChannelRow]) -> str | None:
    """The currency with the highest net amount in the whole shop; None without orders."""
    whole = [
        row
        for row in rows
        if (row.window_days, row.model, row.level) == (WINDOW, MODEL, "all")
        and row.currency != ALL
        and row.net_amount is not None
    ]
    best = min(whole, key=lambda row: (-(row.net_amount or 0), row.currency), default=None)
    return best.currency if best is not None else None


def holds(rows: Iterable[ChannelRow], sides: Mapping[Channel, int]) -> dict[Channel, Holds]:
    """For each channel of ``sides``, in how many tested models it differs in that direction."""
    of_model: dict[str, list[ChannelRow]] = {}
    for row in rows:
        if (row.window_days, row.level, row.currency) == (WINDOW, LEVEL, ALL):
            of_model.setdefault(row.model, []).append(row)
    models, tested = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0)
    for found in of_model.values():
        differs = beyond_chance(found)
        for row in found:
            if row.channel in sides and row.is_tested:
                tested[row.channel] += 1
                models[row.channel] += differs.get(row.channel) == sides[row.channel]
    return {channel: Holds(models[channel], tested[channel]) for channel in sides}


def customers_needed(shop: ChannelRow | None) -> int | None:
    """Customers needed to detect a difference of 20 points with 80 % power, to the next ten."""
    if shop is None or shop.responses <= 0:
        return None
    p, d = shop.promoters / shop.responses, shop.detractors / shop.responses
    needed = _POWER * (p + d - (p - d) ** 2) / (_POINTS / 100) ** 2
    return max(FEW_TESTED, 10 * math.ceil(needed / 10))


def _careful(facts: Facts) -> Iterator[Careful]:
    share = facts.matched_share
    share = share if share is not None and share < _ENOUGH_MATCHED else None
    days = facts.days_held if facts.days_held < WINDOW else None
    if share is not None or days is not None:
        yield Careful(share, days, WINDOW)


def _differences(
    rows: Sequence[ChannelRow],
    chosen: Sequence[ChannelRow],
    money: Mapping[Channel, ChannelRow],
    shop: ChannelRow | None,
    currency: str | None,
) -> Iterator[OfChannel | Withheld]:
    by_first_click = beyond_chance(chosen)
    sides = {row.channel: 1 if (row.versus_z or 0) > 0 else -1 for row in chosen if row.is_tested}
    robust = holds(rows, sides)
    for row in chosen:
        held = robust.get(row.channel)
        if held is None or not held.models:
            continue
        side = sides[row.channel]
        what: type[OfChannel] = LookAt if side < 0 else BringsPromoters
        own = money.get(row.channel)
        if not held.is_robust:
            yield Withheld(what, row, Reason.FEW_MODELS, held)
        elif row.channel not in by_first_click:
            yield Withheld(what, row, Reason.NOT_BY_FIRST_CLICK, held)
        elif side < 0:
            yield _below(row, held, own, currency)
        else:
            yield _above(row, held, own, shop, currency)


def _below(
    row: ChannelRow, held: Holds, own: ChannelRow | None, currency: str | None
) -> OfChannel | Withheld:
    if own is None or currency is None or not own.net_amount_detractors:
        return Withheld(LookAt, row, Reason.NO_MONEY_OF_DETRACTORS, held)
    answered = own.net_amount_answered
    return LookAt(
        row,
        held,
        Money(own.net_amount_detractors, currency),
        None if answered is None else Money(answered, currency),
    )


def _above(
    row: ChannelRow,
    held: Holds,
    own: ChannelRow | None,
    shop: ChannelRow | None,
    currency: str | None,
) -> OfChannel | Withheld:
    if row.first_nps is None or shop is None or shop.first_nps is None:
        return Withheld(BringsPromoters, row, Reason.FIRST_ORDERS_UNKNOWN, held)
    if row.first_nps <= shop.first_nps:
        return Withheld(BringsPromoters, row, Reason.FIRST_ORDERS_NOT_BETTER, held)
    tipping = None
    if row.rest_nps is not None:
        tipping = tipping_ratio(row.promoters, row.passives, row.detractors, row.rest_nps)
    return BringsPromoters(row, held, _net_amount(own, currency), tipping)


def _changes(
    chosen: Sequence[ChannelRow], money: Mapping[Channel, ChannelRow], currency: str | None
) -> Iterator[OfChannel | Withheld]:
    tested = [row for row in chosen if row.is_tested]
    if tested and all(row.responses_before is None for row in tested):
        yield Withheld(Changed, None, Reason.DAYS_BEFORE_NOT_HELD)
    found = changed(chosen)
    for row in chosen:
        if row.channel in found:
            yield Changed(row, _net_amount(money.get(row.channel), currency))


def _costs(
    chosen: Sequence[ChannelRow], money: Mapping[Channel, ChannelRow], currency: str | None
) -> Iterator[OfChannel | Withheld]:
    """Channels whose promoters cost more than another's, each with the cheapest of the others."""
    if currency is None:
        return
    priced = [
        own
        for row in chosen
        if row.is_tested and (own := money.get(row.channel)) and _is_priced(own)
    ]
    if not priced:
        return
    least, most = min(map(_high, priced)), max(map(_low, priced))
    for row in priced:
        if not _is_covered(row) and (_low(row) > least or _high(row) < most):
            yield Withheld(PromoterCosts, row, Reason.ORDERS_IN_OTHER_CURRENCIES)
    covered = sorted(filter(_is_covered, priced), key=_high)
    highs = [_high(row) for row in covered]
    cheapest = list(accumulate(covered, _cheaper))
    for row in covered:
        # Channels whose interval ends below the start of this one.
        below = bisect_left(highs, _low(row))
        if below and row.spend is not None:
            yield PromoterCosts(row, cheapest[below - 1], Money(row.spend, currency))


def _is_priced(row: ChannelRow) -> bool:
    """Whether the spend of all days is known, and therefore the cost of a promoter."""
    known = row.cost_per_promoter is not None and row.cost_per_promoter_low is not None
    return known and row.spend is not None and row.spend_days_missing == 0


def _is_covered(row: ChannelRow) -> bool:
    return (row.roas_covers or 0) >= _ENOUGH_COVERED


def _cost(row: ChannelRow) -> tuple[float, Channel]:
    return row.cost_per_promoter or 0, row.channel


def _cheaper(row: ChannelRow, other: ChannelRow) -> ChannelRow:
    return min(row, other, key=_cost)


def _low(row: ChannelRow) -> float:
    return row.cost_per_promoter_low or 0


def _high(row: ChannelRow) -> float:
    """The upper end of the cost of a promoter; null means unbounded."""
    return math.inf if row.cost_per_promoter_high is None else row.cost_per_promoter_high


def _one_a_channel(found: Found) -> tuple[list[OfChannel], list[Withheld]]:
    """The first finding of each channel in the order of kinds, and a single one on cost."""
    withheld = [each for each in found if isinstance(each, Withheld)]
    said: dict[Channel, OfChannel] = {}
    findings = [each for each in found if not isinstance(each, Withheld)]
    costs = [each for each in findings if isinstance(each, PromoterCosts)]
    for each in findings:
        if isinstance(each, PromoterCosts):
            continue
        if each.row.channel in said:
            withheld.append(Withheld(type(each), each.row, Reason.SAID_ALREADY))
        else:
            said[each.row.channel] = each
    free = sorted(
        (each for each in costs if each.row.channel not in said),
        key=lambda each: _by_money(each, each.at_stake.currency),
    )
    withheld += [
        Withheld(PromoterCosts, each.row, Reason.MORE_MONEY_ELSEWHERE) for each in free[1:]
    ]
    withheld += [
        Withheld(PromoterCosts, each.row, Reason.SAID_ALREADY)
        for each in costs
        if each.row.channel in said
    ]
    return [*said.values(), *free[:1]], withheld


def _queue(facts: Facts, currency: str | None) -> AnswerDetractors:
    """With purchases in the shop's currency or else, where there are none, in their largest."""
    bought = {code: amount for code, amount in facts.waiting_bought.items() if amount > 0}
    if not bought:
        return AnswerDetractors(facts.waiting, None)
    shown = currency if currency in bought else min(bought, key=lambda c: (-bought[c], c))
    return AnswerDetractors(facts.waiting, Money(bought[shown], shown))


def _net_amount(own: ChannelRow | None, currency: str | None) -> Money:
    amount = own.net_amount if own is not None else None
    return Money(amount or Decimal(0), currency or ALL)


def _by_money(finding: Finding, currency: str | None) -> tuple[Decimal, str, Channel]:
    """Highest amount in ``currency`` first; equal ones by kind and channel, so always the same."""
    stake = getattr(finding, "at_stake", None)
    row = getattr(finding, "row", None)
    amount = Decimal(0)
    if isinstance(stake, Money) and stake.currency == currency:
        amount = stake.amount
    channel = row.channel if isinstance(row, ChannelRow) else ("", "", "")
    return -amount, type(finding).__name__, channel
