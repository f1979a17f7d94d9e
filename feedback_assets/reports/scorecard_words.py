"""The wording of the findings and the scorecard on the page, beyond ``scorecard.words``."""

from collections.abc import Iterable, Sequence

from feedback_assets.providers.registry import REGISTRY
from feedback_assets.reports.scorecard_report import Answering, Line, Scorecard, View
from feedback_assets.scorecard import words
from feedback_assets.scorecard.findings import (
    AnswerDetractors,
    BringsPromoters,
    Careful,
    Changed,
    Finding,
    LookAt,
    Money,
    NothingStandsOut,
    PromoterCosts,
)
from feedback_assets.scorecard.rows import FEW_TESTED
from feedback_assets.wording import counted, number, percent

_NAMED = 3
_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five")


def lead(found: Sequence[Finding]) -> str:
    """How many findings there are and what they go by."""
    acts = [each for each in found if not is_remark(each)]
    if not acts:
        return "Nothing to change on these figures."
    things = "thing" if len(acts) == 1 else "things"
    order = ", the most money first" if len(acts) > 1 else ""
    return f"{_NUMBERS[len(acts)]} {things} to do{order}."


def is_remark(found: Finding) -> bool:
    """Whether a finding is about the figures themselves rather than something to do."""
    return isinstance(found, Careful | NothingStandsOut)


_STEPS = {
    "look at": "Read what its detractors write and compare it with what the campaign promises. "
    "Do not raise its budget before you know why. Only a test shows whether a smaller budget "
    "would lose orders: pause the campaign in one region or for two weeks.",
    "known already": "Keep it. These people knew you before, so a larger budget here may not "
    "bring more of them.",
    "brings promoters": "Try a larger budget for a month, and watch its new customers and its cost "
    "per promoter in the table below.",
    "costs": "Compare the new customers of both, then move part of the budget for a month and "
    "watch the cost per promoter: it rises if the cheaper channel is exhausted.",
    "fell": "Find out what changed: the offer, the audience, the product or delivery.",
    "rose": "Find out what changed, and keep it.",
    "answer": "Reply to each; their comments are below, with the days they have waited.",
    "careful": "Take what follows as provisional until the data is complete.",
    "nothing": "Leave the budgets as they are, and ask more customers.",
}


def step(found: Finding) -> str:
    """What to do about a finding."""
    match found:
        case LookAt():
            kind = "look at"
        case BringsPromoters():
            known = words.KNOWN_ALREADY in words.caveats(found)
            kind = "known already" if known else "brings promoters"
        case PromoterCosts():
            kind = "costs"
        case Changed(row):
            kind = "fell" if (row.nps_change or 0) < 0 else "rose"
        case AnswerDetractors():
            kind = "answer"
        case Careful():
            kind = "careful"
        case NothingStandsOut():
            kind = "nothing"
    return _STEPS[kind]


def stake(found: Finding) -> str:
    """The money at stake, and what it is; empty if there is none or the sentence says it."""
    at_stake = getattr(found, "at_stake", None)
    if not isinstance(at_stake, Money):
        return ""
    what = {
        LookAt: "from its detractors",
        BringsPromoters: "of revenue credited to it",
        PromoterCosts: "spent on the dearer channel",
        Changed: "of revenue credited to it",
    }.get(type(found))
    return f"{words.amount(at_stake)} {what}." if what else ""


def respondents(found: Finding, answering: Iterable[Answering]) -> str:
    """Whether those who answered about the channel are like those who ordered; empty if unknown."""
    if not isinstance(found, LookAt | BringsPromoters | Changed):
        return ""
    mine = next((each for each in answering if each.names == found.row.channel), None)
    if mine is None or mine.standardised is None:
        return ""
    if mine.is_moved:
        return (
            "First and later orders were not answered equally often: weighted by its orders, its "
            f"NPS is {number(mine.standardised)}."
        )
    return "First and later orders are answered about equally often, so answers match the orders."


def channels(view: View) -> str:
    """The channels of a view that differ from the rest."""
    compared = view.count("above", "below", "alike")
    if not compared:
        return f"No channel has the {FEW_TESTED} customers needed for a comparison."
    above = [line for line in view.lines if line.verdict == "above"]
    below = [line for line in view.lines if line.verdict == "below"][::-1]
    if not above and not below:
        return (
            f"None of the {counted(compared, 'channel')} that can be compared differs from the "
            "rest beyond chance."
        )
    parts = []
    if above:
        parts.append(f"Above the rest, beyond chance: {_named(above)}.")
    if below:
        parts.append(f"Below: {_named(below)}.")
    return " ".join(parts)


def _named(found: Sequence[Line]) -> str:
    names = [f"{line.label} ({number(line.answers['nps'] or 0)})" for line in found[:_NAMED]]
    if len(found) > _NAMED:
        names.append(f"{len(found) - _NAMED} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def order(view: View) -> str:
    """How a view is sorted."""
    if view.average is not None:
        return words.pulled(view.average)
    return (
        "Sorted by number of answers: the channels cannot be told apart by NPS, so there is no "
        "ranking."
    )


def needs(provider: str) -> str:
    """A provider by title, with the settings that connect it."""
    found = next(one for one in REGISTRY if one.name == provider)
    return f"{found.title} ({', '.join(found.needed_variables)})"


def without_spend(scorecard: Scorecard) -> str:
    """What is missing about costs, and how to get it; empty if nothing is."""
    if scorecard.has_spend:
        return ""
    return (
        "Costs are missing: set FEEDBACK_AD_SPEND to CSV or Parquet files with the columns day, "
        "source, medium, campaign, currency and spend. Then this table has spend, cost per order, "
        "ROAS and cost per promoter."
    )


def share(value: float | None) -> str:
    return "–" if value is None else percent(value)
