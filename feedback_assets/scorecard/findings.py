"""The kinds of findings in the scorecard, each with its evidence; detection is in ``decisions``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from feedback_assets.scorecard.rows import ChannelRow


@dataclass(frozen=True)
class Facts:
    """The inputs of the findings besides the scorecard.

    ``matched_share`` is the share of answers matched to an order, 0 to 1, None without answers;
    ``days_held`` are the stored days of the window; ``waiting_bought`` is, by currency, the total
    purchases of the customers in ``marts.detractor_queue``.
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
    """In how many of the tested models a difference is significant in the same direction."""

    models: int
    tested: int

    @property
    def is_robust(self) -> bool:
        return self.tested >= 4 and 2 * self.models >= self.tested


@dataclass(frozen=True)
class Careful:
    """The figures are based on incomplete data; None for anything complete."""

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

    ``tipping`` is how many times as likely promoters would have to be to answer for the difference
    to vanish, None if no ratio has that effect.
    """

    row: ChannelRow
    holds: Holds
    at_stake: Money
    tipping: float | None


@dataclass(frozen=True)
class PromoterCosts:
    """A promoter costs more through one channel than another; ``at_stake`` is its spend."""

    row: ChannelRow
    cheaper: ChannelRow
    at_stake: Money


@dataclass(frozen=True)
class Changed:
    """A channel whose NPS changed since the previous window; ``at_stake`` is its net amount."""

    row: ChannelRow
    at_stake: Money


@dataclass(frozen=True)
class AnswerDetractors:
    """Detractors await a reply; ``at_stake`` is their purchases, None if none are known."""

    waiting: int
    at_stake: Money | None


@dataclass(frozen=True)
class NothingStandsOut:
    """No channel stands out; ``customers`` is the number needed to detect 20 points.

    ``differ``: whether there are differences nevertheless, whose findings are withheld.
    """

    customers: int | None
    differ: bool


OfChannel = LookAt | BringsPromoters | PromoterCosts | Changed
Finding = Careful | OfChannel | AnswerDetractors | NothingStandsOut


class Reason(StrEnum):
    """Why a finding is withheld."""

    FEW_MODELS = "few models agree"
    NOT_BY_FIRST_CLICK = "no difference beyond chance by first click"
    NO_MONEY_OF_DETRACTORS = "detractors bought nothing"
    FIRST_ORDERS_NOT_BETTER = "answers about first orders are no better than the shop’s"
    FIRST_ORDERS_UNKNOWN = "no answers about first orders"
    ORDERS_IN_OTHER_CURRENCIES = "too many orders are in other currencies than the spend"
    DAYS_BEFORE_NOT_HELD = "some days of the previous window have no data"
    SAID_ALREADY = "the channel already has a finding"
    MORE_MONEY_ELSEWHERE = "findings with more money at stake come first"


@dataclass(frozen=True)
class Withheld:
    """A withheld finding: its channel (None: all channels) and the reason."""

    what: type[Finding]
    row: ChannelRow | None
    reason: Reason
    holds: Holds | None = None


@dataclass(frozen=True)
class Decisions:
    """At most five findings in reporting order, and the withheld ones."""

    findings: tuple[Finding, ...]
    withheld: tuple[Withheld, ...]
    currency: str | None
