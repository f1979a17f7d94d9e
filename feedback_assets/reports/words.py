"""The findings as sentences, and how numbers, money and days are written on the page."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from feedback_assets.providers.registry import title_of
from feedback_assets.reports.names import short
from feedback_assets.reports.report import Channel, Comment, Period, Product, Report, Survey, Value
from feedback_assets.reports.statistics import Counts, Difference
from feedback_assets.scorecard import numbers

CLASSES = {
    "promoter": "Promoters",
    "passive": "Passives",
    "detractor": "Detractors",
    "(no answer)": "No answer",
}
MODELS = {
    "first_click": "First click",
    "first_optin": "First opt-in",
    "re_optin": "Last opt-in",
    "last_click": "Last click",
    "linear": "Linear",
    "position_based": "Position based",
    "time_decay": "Time decay",
}
METHODS = {
    "order_id": "by order number",
    "customer_id": "by customer id",
    "email": "by e-mail",
    "none": "not matched",
}
_NAMED = 3

# The page finds all its words here.
number, percent, span, counted = numbers.number, numbers.percent, numbers.span, numbers.counted


def money(amount: Decimal | None, currency: str | None) -> str:
    """``EUR 1,234.50``; a dash where there is none."""
    return numbers.money(amount, short(currency or "(no currency)"))


def nps(counts: Counts) -> str:
    """``42 (37 to 47)``."""
    if counts.nps is None:
        return "–"
    return f"{number(counts.nps)} ({span(counts.interval)})"


def day(value: date | None) -> str:
    """``20 Nov 2026``."""
    return "–" if value is None else f"{value.day} {value:%b %Y}"


def moment(value: datetime | None) -> str:
    """``20 Nov 2026, 14:46 UTC``."""
    return "–" if value is None else f"{day(value.date())}, {value:%H:%M} UTC"


def provider(name: str) -> str:
    return title_of(name)


def table(name: str) -> str:
    """``thanx.feedbacks`` as ``Thanx feedbacks``."""
    group, _, rest = name.partition(".")
    return f"{provider(group)} {rest.replace('_', ' ')}"


def points(difference: Difference) -> str:
    """``3 points more``, ``about the same``."""
    rounded = round(abs(difference.points))
    if not rounded:
        return "about the same"
    direction = "more" if difference.points > 0 else "fewer"
    return f"{counted(rounded, 'point')} {direction}"


def chance(difference: Difference) -> str:
    """Whether a difference is more than chance would make."""
    return "beyond chance" if difference.beyond_chance() else "within chance"


def headline(report: Report) -> str:
    """How we are doing, in one or two sentences."""
    period = next((p for p in report.periods if p.window_days == 30), None)
    if period is None or period.now.nps is None:
        longest = max(report.periods, key=lambda p: p.now.responses, default=None)
        if longest is None or longest.now.nps is None:
            return "There is no answer with a score yet."
        return (
            f"NPS {nps(longest.now)} in the last {longest.window_days} days; "
            "nobody answered in the last 30."
        )
    return f"NPS {nps(period.now)} in the last 30 days; {against_before(period)}."


def against_before(period: Period) -> str:
    """How the period compares with as many days before it."""
    window = period.window_days
    difference = period.difference
    if period.before is None:
        held = counted(period.days_before, "day")
        return f"of the {window} days before {held} are held, too few to compare with"
    if difference is None:
        return f"nobody answered in the {window} days before"
    verdict = (
        "which is more than chance would make"
        if difference.beyond_chance()
        else "which is within chance"
    )
    than = "as" if points(difference) == "about the same" else "than"
    return f"{points(difference)} {than} the {window} days before, {verdict}"


def answers_against_before(period: Period) -> str:
    """How many more answers there are than before."""
    if period.before is None or not period.before.responses:
        return "no full period before"
    change = period.now.responses / period.before.responses - 1
    if abs(change) < 0.005:
        return f"as many as the {period.window_days} days before"
    return f"{percent(abs(change))} {'more' if change > 0 else 'fewer'} than before"


def rate_against_before(period: Period) -> str:
    """How the response rate compares with the period before."""
    difference = period.rate_difference
    if difference is None:
        return "no full period before"
    if not round(difference.points, 1):
        return "as before"
    sign = "+" if difference.points > 0 else ""
    change = f"{sign}{number(difference.points, 1)} points"
    return f"{change} against before, {chance(difference)}"


def channels(chosen: Sequence[Channel], few: int) -> str:
    """Which channels stand out beyond chance."""
    compared = [c for c in chosen if c.verdict in ("above", "below", "alike")]
    if not compared:
        return f"No channel has the {few} answers that a comparison takes."
    above, below = _by_nps(compared, "above"), _by_nps(compared, "below")[::-1]
    if not above and not below:
        return (
            f"None of the {counted(len(compared), 'channel')} with {few} answers or more "
            "differs from the others beyond chance."
        )
    parts = []
    if above:
        parts.append(f"More promoters than elsewhere, beyond chance: {_named(above)}.")
    if below:
        parts.append(f"More detractors: {_named(below)}.")
    return " ".join(parts)


def _by_nps(found: Iterable[Channel], verdict: str) -> list[Channel]:
    return sorted(
        (c for c in found if c.verdict == verdict), key=lambda c: (-(c.counts.nps or 0), c.name)
    )


def _named(found: Sequence[Channel]) -> str:
    names = [f"{short(c.name)} ({number(c.counts.nps or 0)})" for c in found[:_NAMED]]
    rest = len(found) - _NAMED
    if rest > 0:
        names.append(f"{rest} more")
    return _list(names)


def _list(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def values(found: Sequence[Value]) -> str:
    """What a promoter bought against a detractor, in the currency of most customers."""
    if not found:
        return "No customer with an order is known yet."
    currency = found[0].currency
    mine = {value.nps_class: value for value in found if value.currency == currency}
    promoter, detractor = mine.get("promoter"), mine.get("detractor")
    if promoter is None or promoter.per_customer is None:
        return f"No promoter has an order in {currency or 'the main currency'} yet."
    text = (
        f"A promoter who pays in {currency or '(no currency)'} bought for "
        f"{money(promoter.per_customer, currency)} on average"
    )
    if detractor is None or not detractor.per_customer:
        return f"{text}."
    ratio = float(promoter.per_customer / detractor.per_customer)
    return (
        f"{text}, {number(ratio, 1)} times a detractor’s "
        f"{money(detractor.per_customer, currency)}; "
        f"{percent(promoter.repeat_rate or 0)} of promoters ordered again, "
        f"{percent(detractor.repeat_rate or 0)} of detractors."
    )


def funnel(found: Sequence[Survey]) -> str:
    """Where most answers are lost."""
    planned, sent, clicked, answered = funnel_steps(found)
    if not planned:
        return "No survey of the last 90 days is known."
    if not sent:
        return f"None of the {counted(planned, 'planned survey')} was sent."
    losses = {
        "before they are sent": planned - sent,
        "between sending and the click": sent - clicked,
        "between the click and the answer": clicked - answered,
    }
    worst = max(losses, key=lambda step: losses[step])
    return (
        f"Of {counted(sent, 'survey')} sent in the last 90 days {percent(answered / sent)} "
        f"were answered; most are lost {worst} ({number(losses[worst])})."
    )


def funnel_steps(found: Iterable[Survey]) -> tuple[int, int, int, int]:
    """Planned, sent, clicked, answered, over all surveys."""
    found = list(found)
    return (
        sum(s.planned for s in found),
        sum(s.sent for s in found),
        sum(s.clicked for s in found),
        sum(s.answered for s in found),
    )


def products(found: Sequence[Product], few: int) -> str:
    """Which product customers like best and least, and whether that is sure."""
    ranked = [p for p in found if p.is_enough and p.mean is not None]
    if not found:
        return "No product was reviewed yet."
    if not ranked:
        return f"No product has the {few} reviews that a comparison takes."
    best, worst = ranked[0], ranked[-1]
    if best is worst:
        return f"{short(best.name)} scores {_mean(best)}."
    text = f"{short(best.name)} scores best, {_mean(best)}; "
    text += f"{short(worst.name)} least, {_mean(worst)}"
    if (worst.high or 0) >= (best.low or 0):
        return f"{text}. Their intervals overlap, so the order may be chance."
    return f"{text}."


def _mean(product: Product) -> str:
    if product.mean is None or product.low is None or product.high is None:
        return "–"
    return f"{number(product.mean, 1)} ({span((product.low, product.high), 1)})"


def said(report: Report) -> str:
    """How many detractors wait for a reply."""
    found = report.said
    if not found.waiting and not found.comments:
        return "Nobody wrote a comment yet."
    if not found.waiting:
        return "No detractor of the last 30 days waits for a reply."
    wrote = (
        "all of them wrote why"
        if found.waiting_comments == found.waiting
        else f"{number(found.waiting_comments)} of them wrote why"
    )
    verb = "waits" if found.waiting == 1 else "wait"
    return f"{counted(found.waiting, 'detractor')} of the last 30 days {verb} for a reply; {wrote}."


def behind(comment: Comment) -> str:
    """The order and the customer behind a comment; empty where neither is known."""
    parts = []
    if comment.order_source_id:
        touch = " / ".join(filter(None, dict.fromkeys((comment.source, comment.campaign))))
        parts.append(f"Order {comment.order_source_id}{f', by {touch}' if touch else ''}")
    if comment.customer_net_amount is not None:
        parts.append(f"bought for {money(comment.customer_net_amount, comment.currency)} in all")
    if comment.customer_key:
        parts.append(f"customer {comment.customer_key[:8]}")
    return " · ".join(parts)


def trust(report: Report) -> str:
    """How much of the answers met an order."""
    whole = sum(responses for _, _, responses in report.coverage)
    if not whole:
        return "No answer was matched with an order yet."
    matched = sum(responses for _, method, responses in report.coverage if method != "none")
    return (
        f"{percent(matched / whole)} of the {counted(whole, 'answer')} of the last 90 days "
        "met the order they are about."
    )
