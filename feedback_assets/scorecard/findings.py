"""What can be found in the scorecard, each kind with its evidence; how it is found is elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from feedback_assets.scorecard.rows import ChannelRow


@dataclass(frozen=True)
class Facts:
    """What the findings take besides the scorecard.

    ``matched_share`` is that of answers which met an order, 0 to 1, and None without answers;
    ``days_held`` are days of the window; ``waiting_bought`` is by currency what the customers in
    ``marts.detractor_queue`` bought in all.
    """

    matched_share: float | None
    days_held: int
    waiting: int = 0
    waiting_bought: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Holds:
    """In how many models a difference is beyond chance and points the same way, of those tested."""

    models: int
    tested: int

    @property
    def is_robust(self) -> bool:
        return self.tested >= 4 and 2 * self.models >= self.tested


@dataclass(frozen=True)
class Careful:
    """The figures rest on less than they seem to; None for what is as it should be."""

    matched_share: float | None
    days_held: int | None
    window_days: int


@dataclass(frozen=True)
class LookAt:
    """A channel below the rest; ``at_stake`` is its detractors' money, of ``answered`` in all."""

    row: ChannelRow
    holds: Holds
    at_stake: Money
    answered: Money | None


@dataclass(frozen=True)
class BringsPromoters:
    """A channel above the rest; ``at_stake`` is its net amount.

    ``tipping`` is how many times as readily promoters would have to answer, None where no ratio
    makes the difference vanish.
    """

    row: ChannelRow
    holds: Holds
    at_stake: Money
    tipping: float | None


@dataclass(frozen=True)
class PromoterCosts:
    """A promoter costs more through one channel than another; ``at_stake`` is what it spends."""

    row: ChannelRow
    cheaper: ChannelRow
    at_stake: Money


@dataclass(frozen=True)
class Changed:
    """A channel whose NPS changed against the window before; ``at_stake`` is its net amount."""

    row: ChannelRow
    at_stake: Money


@dataclass(frozen=True)
class AnswerDetractors:
    """Detractors wait for a reply; ``at_stake`` is what they bought, None if nothing is known."""

    waiting: int
    at_stake: Money | None


@dataclass(frozen=True)
class NothingStandsOut:
    """No channel is worth a sentence; ``customers`` would show a difference of 20 points.

    ``differ``: whether there is a difference all the same, of which what would be said is withheld.
    """

    customers: int | None
    differ: bool


OfChannel = LookAt | BringsPromoters | PromoterCosts | Changed
Finding = Careful | OfChannel | AnswerDetractors | NothingStandsOut


class Reason(StrEnum):
    """Why a finding is withheld."""

    FEW_MODELS = "few models agree"
    NOT_BY_FIRST_CLICK = "it does not differ beyond chance by first click"
    NO_MONEY_OF_DETRACTORS = "its detractors bought nothing"
    FIRST_ORDERS_NOT_BETTER = "answers about first orders are no better than the shop’s"
    FIRST_ORDERS_UNKNOWN = "no answers about first orders"
    ORDERS_IN_OTHER_CURRENCIES = "too many of its orders are in other currencies than its spend"
    DAYS_BEFORE_NOT_HELD = "not all days of the window before are held"
    SAID_ALREADY = "the channel has a sentence already"
    MORE_MONEY_ELSEWHERE = "five sentences with more money at stake come first"


@dataclass(frozen=True)
class Withheld:
    """What is not said, of which channel (None: of all), and why."""

    what: type[Finding]
    row: ChannelRow | None
    reason: Reason
    holds: Holds | None = None


@dataclass(frozen=True)
class Decisions:
    """At most five findings in the order in which they are said, and what is withheld."""

    findings: tuple[Finding, ...]
    withheld: tuple[Withheld, ...]
    currency: str | None
