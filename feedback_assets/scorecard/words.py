"""The findings as sentences with their caveats, and the reasons for withheld ones."""

from collections.abc import Iterable, Sequence

from feedback_assets.scorecard.findings import (
    AnswerDetractors,
    BringsPromoters,
    Careful,
    Changed,
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
from feedback_assets.scorecard.rows import ALL, ChannelRow
from feedback_assets.wording import (
    LONGEST_NAME,
    counted,
    money,
    number,
    percent,
    shortened,
    span,
)

CREDITED = "Credited, not caused; models share data, so agreement is not independent proof."
KNOWN_ALREADY = "It reaches people who already know you."
_KNOW_YOU = ("brand", "email", "newsletter", "welcome", "crm", "retarget", "direct")
_NAMED = 5
_KINDS = {
    LookAt: "Below the rest",
    BringsPromoters: "Above the rest",
    PromoterCosts: "Promoters cost more",
    Changed: "Changed",
    AnswerDetractors: "Detractors waiting",
}


def channel_label(row: ChannelRow, others: Iterable[ChannelRow] = ()) -> str:
    """``facebook/spring-sale``, with the medium if needed to distinguish it from ``others``.

    ``direct`` if all three parts are equal. At most 100 characters: providers accept any length.
    """
    return shortened(_whole_label(row, others), LONGEST_NAME)


def _whole_label(row: ChannelRow, others: Iterable[ChannelRow]) -> str:
    alike = {
        other.medium
        for other in others
        if (other.source, other.campaign) == (row.source, row.campaign)
    }
    if row.source == row.medium == row.campaign:
        return row.source
    parts = (row.source, row.medium, row.campaign)
    if row.campaign == "(none)":
        parts = (row.source, row.medium, "")
    elif not alike - {row.medium}:
        parts = (row.source, "", row.campaign)
    return "/".join(part for part in parts if part)


def sentence(finding: Finding, others: Iterable[ChannelRow] = ()) -> str:
    """A finding in one sentence, without its caveats; ``others`` are the rows of its view."""
    match finding:
        case LookAt() | BringsPromoters() | PromoterCosts() | Changed():
            return _of_channel(finding, tuple(others))
        case Careful():
            return _careful(finding)
        case AnswerDetractors():
            return _queue(finding)
        case NothingStandsOut():
            return _nothing(finding)


def caveats(finding: Finding) -> tuple[str, ...]:
    """The caveats of a finding on a channel."""
    if not isinstance(finding, LookAt | BringsPromoters | PromoterCosts | Changed):
        return ()
    rows = [finding.row]
    if isinstance(finding, PromoterCosts):
        rows.append(finding.cheaper)
    known = any(word in part for row in rows for part in row.channel for word in _KNOW_YOU)
    return (CREDITED, KNOWN_ALREADY) if known else (CREDITED,)


def withheld(found: Withheld, others: Iterable[ChannelRow] = ()) -> str:
    """A withheld finding and the reason: ``newsletter/weekly-digest, above the rest: …``."""
    kind = _KINDS[found.what]
    if found.row is not None:
        kind = f"{channel_label(found.row, others)}, {kind.lower()}"
    held = ""
    if found.holds is not None and not found.holds.is_robust:
        held = f" ({_holds(found.holds)})"
    return f"{kind}: {found.reason.value}{held}."


def left_out(found: Iterable[Withheld], others: Iterable[ChannelRow] = ()) -> tuple[str, ...]:
    """The withheld findings, those of one kind and reason together, displaced ones first."""
    others = tuple(others)
    groups: dict[tuple[type[Finding], Reason], list[Withheld]] = {}
    for each in found:
        groups.setdefault((each.what, each.reason), []).append(each)
    ordered = sorted(groups, key=lambda group: group[1] is not Reason.MORE_MONEY_ELSEWHERE)
    return tuple(_group(groups[group], others) for group in ordered)


def _group(found: Sequence[Withheld], others: tuple[ChannelRow, ...]) -> str:
    if len(found) == 1:
        return withheld(found[0], others)
    names = [channel_label(each.row, others) for each in found if each.row is not None]
    named = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        named += f" and {number(len(names) - _NAMED)} more"
    kind = _KINDS[found[0].what].lower()
    return f"{counted(len(found), 'channel')}, {kind}: {found[0].reason.value} ({named})."


def displaced(found: Iterable[Withheld], others: Iterable[ChannelRow] = ()) -> str:
    """The channels whose findings would be next, in one sentence; empty if there are none."""
    others = tuple(others)
    names = [
        f"{channel_label(each.row, others)} ({_KINDS[each.what].lower()})"
        for each in found
        if each.row is not None and each.reason is Reason.MORE_MONEY_ELSEWHERE
    ]
    return f"Also, with less money at stake: {', '.join(names[:_NAMED])}." if names else ""


def amount(found: Money) -> str:
    """Money in whole units: ``USD 3,336``."""
    return money(found.amount, currency_name(found.currency), 0)


def currency_name(code: str) -> str:
    """A currency of the scorecard by name."""
    return {"(none)": "(no currency)", ALL: "all currencies"}.get(code, code)


def pulled(average: float) -> str:
    """The sort order of a table of channels by shrunk NPS."""
    mean = number(average)
    return f"Sorted by NPS, pulled towards the average ({mean}) for channels with few customers."


def _of_channel(finding: OfChannel, others: tuple[ChannelRow, ...]) -> str:
    name = channel_label(finding.row, others)
    match finding:
        case LookAt(row, held, at_stake, answered):
            of = "" if answered is None else f" of the {number(float(answered.amount))}"
            return (
                f"Look at {name}: {_nps(row)}; {_holds(held)}; detractors spent "
                f"{amount(at_stake)}{of} from customers who answered."
            )
        case BringsPromoters(row, held, _, tipping):
            return f"Brings promoters: {name}, {_nps(row)}; {_holds(held)}{_vanishes(tipping)}."
        case PromoterCosts(row, cheaper, at_stake):
            currency = at_stake.currency
            return (
                f"A promoter costs {_cost(cheaper, currency)} through "
                f"{channel_label(cheaper, others)}, {_cost(row, currency)} through {name}."
            )
        case Changed(row):
            return f"{name} {_change(row)}."


def _vanishes(tipping: float | None) -> str:
    if tipping is None:
        return ""
    return (
        f"; the difference vanishes only if promoters here answer {number(tipping, 1)} times as "
        "readily as detractors"
    )


def _queue(finding: AnswerDetractors) -> str:
    detractors = counted(finding.waiting, "detractor")
    if finding.at_stake is None:
        # Whether customers behind unmatched answers bought anything is unknown.
        return f"Answer {detractors}."
    return f"Answer {detractors}; they spent {amount(finding.at_stake)}."


def _nothing(finding: NothingStandsOut) -> str:
    text = "No channel differs beyond chance"
    if finding.differ:
        text = "No difference between channels is certain enough to act on"
    if finding.customers is None:
        return f"{text}."
    return f"{text}; 20 points need about {number(finding.customers)} customers who answer."


def _careful(finding: Careful) -> str:
    parts = []
    if finding.matched_share is not None:
        parts.append(f"only {percent(finding.matched_share)} of answers are matched with an order")
    if finding.days_held is not None:
        parts.append(
            f"only {number(finding.days_held)} of the {number(finding.window_days)} days have data"
        )
    return f"Careful: {', and '.join(parts)}."


def _nps(row: ChannelRow) -> str:
    interval = None
    if row.nps_low is not None and row.nps_high is not None:
        interval = row.nps_low, row.nps_high
    rest = "" if row.rest_nps is None else f", rest {number(row.rest_nps)}"
    return f"NPS {number(row.nps or 0)} ({span(interval)}){rest}"


def _holds(held: Holds) -> str:
    return f"holds in {held.models} of {counted(held.tested, 'model')}"


def _change(row: ChannelRow) -> str:
    points = row.nps_change or 0
    verb, count, end = (
        ("rose", row.promoters_won, "won") if points > 0 else ("fell", row.promoters_lost, "lost")
    )
    text = f"{verb} {counted(abs(points), 'point')}"
    if row.nps_before is not None and row.nps is not None:
        text += f", from {number(row.nps_before)} to {number(row.nps)}"
    if count is None:
        return text
    return f"{text}; {counted(count, 'promoter')} {end}"


def _cost(row: ChannelRow, currency: str) -> str:
    low, high = row.cost_per_promoter_low or 0, row.cost_per_promoter_high
    places = 0 if (row.cost_per_promoter or 0) >= 10 else 2
    ends = f"{number(low, places)} or more"
    if high is not None and high != float("inf"):
        ends = f"{number(low, places)}–{number(high, places)}"
    return f"{money(row.cost_per_promoter, currency, places)} ({ends})"
