"""The findings as sentences, and the format of numbers, money and days on the page."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from feedback_assets import wording
from feedback_assets.providers.registry import title_of
from feedback_assets.reports.names import short
from feedback_assets.reports.report import (
    Comment,
    Funnel,
    Location,
    Period,
    Product,
    Report,
    Value,
    Week,
)
from feedback_assets.reports.statistics import Counts, Difference, rate_difference

CLASSES = {
    "promoter": "Promoters",
    "passive": "Passives",
    "detractor": "Detractors",
    "(no answer)": "No answer",
}
KINDS = {
    "waits": "waiting for a reply",
    "detractor": "detractors",
    "passive": "passives",
    "promoter": "promoters",
}
METHODS = {
    "order_id": "by order number",
    "customer_id": "by customer id",
    "email": "by e-mail",
    "none": "not matched",
}

# The single module for the wording of the page.
number, percent, span, counted = wording.number, wording.percent, wording.span, wording.counted


def money(amount: Decimal | None, currency: str | None) -> str:
    """``EUR 1,234.50``; a dash if there is none."""
    return wording.money(amount, short(currency or "(no currency)"))


def nps(counts: Counts, interval: tuple[float, float] | None = None) -> str:
    """``42 (37 to 47)``; the interval by answers unless another is given."""
    if counts.nps is None:
        return "–"
    return f"{number(counts.nps)} ({span(interval or counts.interval)})"


def day(value: date | None) -> str:
    """``20 Nov 2026``."""
    return "–" if value is None else f"{value.day} {value:%b %Y}"


def moment(value: datetime | None) -> str:
    """``20 Nov 2026, 14:46 UTC``."""
    return "–" if value is None else f"{day(value.date())}, {value:%H:%M} UTC"


def provider(name: str) -> str:
    return title_of(name)


def table(name: str) -> str:
    """``thanx.feedbacks`` as ``Thanx feedbacks``, ``ad_spend.daily`` as ``Ad spend daily``."""
    group, _, rest = name.partition(".")
    title = provider(group)
    if title == group:
        title = group.capitalize().replace("_", " ")
    return f"{title} {rest.replace('_', ' ')}"


def newest(shown: int, whole: int, what: str = "") -> str:
    """``all 91 comments``, ``the newest 200 of 1,200 comments``, ``no comments``."""
    noun = f"{what} comment".strip()
    if not whole:
        return f"no {noun}s"
    named = counted(whole, noun)
    return f"all {named}" if shown == whole else f"the newest {number(shown)} of {named}"


def points(difference: Difference) -> str:
    """``3 points higher``, ``about the same``."""
    rounded = round(abs(difference.points))
    if not rounded:
        return "about the same"
    direction = "higher" if difference.points > 0 else "lower"
    return f"{counted(rounded, 'point')} {direction}"


def chance(difference: Difference) -> str:
    """Whether a difference is beyond chance."""
    return "beyond chance" if difference.beyond_chance() else "within chance"


def week(found: Week) -> str:
    """``16 Nov 2026``, and how many days are missing."""
    if found.is_complete:
        return day(found.first)
    return f"{day(found.first)} (incomplete: {counted(found.days, 'day')})"


def window(days: int, held: int) -> str:
    """``90 days``, with the stored ones where there are fewer."""
    return f"{days} days" if held >= days else f"{days} days ({held} stored)"


def headline(report: Report) -> str:
    """The overall result in one or two sentences."""
    period = report.month
    if period is None or period.now.nps is None:
        longest = max(report.periods, key=lambda p: p.now.responses, default=None)
        if period is None or longest is None or longest.now.nps is None:
            return "No scored answers yet."
        return (
            f"NPS {nps(longest.now, longest.interval)} in the last {longest.window_days} days; "
            f"no answers in the last {period.window_days}."
        )
    shown = nps(period.now, period.interval)
    return f"NPS {shown} in the last {period.window_days} days; {against_before(period)}."


def against_before(period: Period) -> str:
    """The comparison of the period with as many days before it."""
    window = period.window_days
    difference = period.difference
    if period.before is None:
        held = counted(period.days_before, "day")
        return f"only {held} of the previous {window} have data, too few to compare"
    if period.now.nps is None:
        return "no answers to compare"
    if difference is None:
        return f"no answers in the previous {window} days"
    if points(difference) == "about the same":
        return f"about the same as in the previous {window} days"
    verdict = "more than chance explains" if difference.beyond_chance() else "which may be chance"
    return f"{points(difference)} than in the previous {window} days, {verdict}"


def answers_against_before(period: Period) -> str:
    """The change in the number of answers."""
    if period.before is None:
        return "no full previous period"
    if not period.before.responses:
        return "none before"
    change = period.now.responses / period.before.responses - 1
    if abs(change) < 0.005:
        return f"as many as in the previous {period.window_days} days"
    return f"{percent(abs(change))} {'more' if change > 0 else 'fewer'} than before"


def rate_against_before(period: Period) -> str:
    """The change of the response rate since the period before."""
    difference = period.rate_difference
    if period.before is None:
        return "no full previous period"
    if difference is None:
        return "none before"
    if not round(difference.points, 1):
        return "as before"
    sign = "+" if difference.points > 0 else ""
    change = f"{sign}{number(difference.points, 1)} points"
    return f"{change} compared with before, {chance(difference)}"


def values(found: Sequence[Value]) -> str:
    """What promoters and detractors did after their answer, in the currency of most customers."""
    if not found:
        return "No customers with an order yet."
    currency = found[0].currency
    mine = {value.nps_class: value for value in found if value.currency == currency}
    promoter, detractor = mine.get("promoter"), mine.get("detractor")
    if promoter is None or detractor is None:
        return f"No orders in {_currency(currency)} from both promoters and detractors yet."
    if not any(value.followed for value in mine.values()):
        return "No answer is 30 days old yet, so what customers do after it is not known."
    difference = returned_difference(promoter, detractor)
    if difference is None:
        recent = " or ".join(each.nps_class for each in (promoter, detractor) if not each.followed)
        return (
            f"No {recent} who pays in {_currency(currency)} has a first answer that is 30 days old "
            "yet, so what promoters and detractors do after it cannot be compared."
        )
    return (
        f"In the 30 days after their first answer {percent(promoter.returned or 0)} of promoters "
        f"ordered again and {percent(detractor.returned or 0)} of detractors, a difference "
        f"{chance(difference)} (customers who pay in {_currency(currency)})."
    )


def returned_difference(promoter: Value, detractor: Value) -> Difference | None:
    """By how many percentage points more promoters came back than detractors."""
    hits, hits_before = (
        round((each.returned or 0) * each.followed) for each in (promoter, detractor)
    )
    return rate_difference(hits, promoter.followed, hits_before, detractor.followed)


def _currency(code: str | None) -> str:
    return short(code) if code else "no currency"


def spent(value: Value) -> str:
    """What a customer of a class spends: mean or median with its interval, a dash if too few."""
    spread = value.spread
    middle = spread.get("per_customer")
    if middle is None:
        return "–"
    text = money(Decimal(str(middle)), value.currency)
    low, high = spread.get("per_low"), spread.get("per_high")
    if low is not None and high is not None:
        return f"{text} ({span((low, high))})"
    low, high = spread.get("q1"), spread.get("q3")
    if low is not None and high is not None:
        return f"median {text} (half from {span((low, high))})"
    return text


def locations(found: Sequence[Location], few: int) -> str:
    """The places with the lowest and the highest NPS, and whether they can be told apart."""
    enough = [place for place in found if place.counts.responses >= few]
    if not found:
        return "No answer names a location."
    if not enough:
        return f"No location has the {few} answers needed for a comparison."
    ranked = sorted(enough, key=lambda place: (place.counts.nps or 0, place.name))
    worst, best = ranked[0], ranked[-1]
    if worst is best:
        return f"{short(best.name)} has an NPS of {nps(best.counts)}."
    text = (
        f"{short(worst.name)} has the lowest NPS, {nps(worst.counts)}; "
        f"{short(best.name)} the highest, {nps(best.counts)}."
    )
    (_, high), (low, _) = worst.counts.interval or (0, 0), best.counts.interval or (0, 0)
    return f"{text} Their intervals overlap, so the order may be chance." if high >= low else text


def funnel(found: Funnel) -> str:
    """The step at which most answers are lost."""
    if not found.planned:
        return "No surveys in the last 90 days."
    if not found.sent:
        return f"None of the {counted(found.planned, 'planned survey')} has been sent."
    losses = {
        "before they are sent": found.planned - found.sent,
        "between sending and the click": found.sent - found.clicked,
        "between the click and the answer": found.clicked - found.answered,
    }
    worst = max(losses, key=lambda step: losses[step])
    return (
        f"Of {counted(found.sent, 'survey')} sent in the last 90 days, "
        f"{percent(found.answered / found.sent)} were answered; most answers are lost {worst} "
        f"({number(losses[worst])})."
    )


def products(found: Sequence[Product], few: int) -> str:
    """The products that customers like best and least, and whether that is significant."""
    ranked = [p for p in found if p.is_enough and p.mean is not None]
    if not found:
        return "No product reviews yet."
    if not ranked:
        return f"No product has the {few} reviews needed for a comparison."
    best, worst = ranked[0], ranked[-1]
    if best is worst:
        return f"{short(best.name)} scores {_mean(best)}."
    text = f"{short(best.name)} scores highest, {_mean(best)}; "
    text += f"{short(worst.name)} lowest, {_mean(worst)}"
    if (worst.high or 0) >= (best.low or 0):
        return f"{text}. Their intervals overlap, so the order may be chance."
    return f"{text}."


def _mean(product: Product) -> str:
    if product.mean is None or product.low is None or product.high is None:
        return "–"
    return f"{number(product.mean, 1)} ({span((product.low, product.high), 1)})"


def said(report: Report) -> str:
    """The number of detractors awaiting a reply."""
    found = report.said
    if not found.waiting and not found.comments:
        return "No comments yet."
    if not found.waiting:
        return "No detractors from the last 30 days are waiting for a reply."
    wrote = (
        "all of them left a comment"
        if found.waiting_comments == found.waiting
        else f"{number(found.waiting_comments)} of them left a comment"
    )
    verb = "is waiting" if found.waiting == 1 else "are waiting"
    return (
        f"{counted(found.waiting, 'detractor')} from the last 30 days {verb} for a reply; {wrote}."
    )


def waited(report: Report) -> str:
    """How long detractors have waited for a reply; empty if nobody waits."""
    found = report.said
    if found.longest_days is None or found.median_days is None:
        return ""
    longest = counted(found.longest_days, "day") if found.longest_days else "less than a day"
    if found.waiting == 1:
        return f"The wait so far: {longest}."
    middle = counted(found.median_days, "day") if found.median_days else "less than a day"
    return f"The longest wait is {longest}, the median {middle}."


def replied(report: Report) -> str:
    """The share of detractors answered within a day, by provider that reports reply times."""
    parts = [
        f"{percent(each.within_a_day / each.detractors)} of the "
        f"{counted(each.detractors, 'detractor')} at {provider(each.provider)}"
        for each in report.said.replies
    ]
    if not parts:
        return ""
    return f"Replied to within a day, over the last 30 days: {', '.join(parts)}."


def behind(comment: Comment) -> str:
    """The order and the customer behind a comment; empty if neither is known."""
    parts = []
    if comment.order_source_id:
        touch = " / ".join(filter(None, dict.fromkeys((comment.source, comment.campaign))))
        parts.append(f"Order {comment.order_source_id}{f', via {touch}' if touch else ''}")
    if comment.customer_net_amount is not None:
        parts.append(f"spent {money(comment.customer_net_amount, comment.currency)} in all")
    if comment.customer_key:
        parts.append(f"customer {comment.customer_key[:8]}")
    return " · ".join(parts)


def trust(report: Report) -> str:
    """The share of the answers matched to an order."""
    whole = sum(responses for _, _, responses in report.coverage)
    if not whole:
        return "No answers matched with an order yet."
    matched = sum(responses for _, method, responses in report.coverage if method != "none")
    return (
        f"{percent(matched / whole)} of the {counted(whole, 'answer')} from the last 90 days "
        "are matched with an order."
    )
