"""What the page shows, as plain values: what ``figures`` reads, and words and charts are made of.

Bounded whatever the warehouse holds: of channels, products and comments as many as ``Bounds``
says, with the number of those left out.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from feedback_assets.reports.statistics import (
    Counts,
    Difference,
    nps_difference,
    rate_difference,
)

MODELS = (
    "first_click", "first_optin", "re_optin", "last_click",
    "linear", "position_based", "time_decay",
)  # fmt: skip
WINDOWS = (7, 30, 90, 365)
LEVELS = ("source", "medium", "campaign")
SMALLER = "(smaller ones)"


@dataclass(frozen=True)
class Bounds:
    """How much of what can be without end the page holds, and from when on a number is ranked."""

    waiting: int = 200
    comments: int = 300
    channels: int = 30
    products: int = 15
    surveys: int = 30
    values: int = 40
    characters: int = 2000
    few_answers: int = 30
    few_reviews: int = 10


@dataclass(frozen=True)
class Period:
    """The last ``window_days`` days and as many before; ``before`` None unless all are held."""

    window_days: int
    now: Counts
    before: Counts | None
    days_before: int
    sent: int
    answered: int
    sent_before: int
    answered_before: int

    @property
    def difference(self) -> Difference | None:
        return None if self.before is None else nps_difference(self.now, self.before)

    @property
    def response_rate(self) -> float | None:
        """Surveys answered of those sent, in per cent."""
        return 100 * self.answered / self.sent if self.sent else None

    @property
    def rate_difference(self) -> Difference | None:
        if self.before is None:
            return None
        return rate_difference(self.answered, self.sent, self.answered_before, self.sent_before)


@dataclass(frozen=True)
class Week:
    """One week from Monday on, and how many of its days had answers."""

    first: date
    days: int
    counts: Counts


@dataclass(frozen=True)
class Channel:
    """One channel by one model over one window, on one level of detail.

    ``verdict`` is ``above`` or ``below`` where its NPS differs from that of all other answers
    beyond chance, ``few`` under ``Bounds.few_answers``, ``uncredited`` for answers without an
    order or touch, ``smaller`` for those not named, else ``alike``.
    """

    window_days: int
    model: str
    level: str
    name: str
    channels: int
    counts: Counts
    verdict: str


@dataclass(frozen=True)
class Value:
    """What one class bought in one currency."""

    nps_class: str
    currency: str | None
    customers: int
    orders: int
    net_amount: Decimal | None
    per_customer: Decimal | None
    repeat_rate: float | None


@dataclass(frozen=True)
class Survey:
    """Surveys of one name and kind, from planned to answered, over the last 90 days."""

    survey_name: str | None
    sending_type: str | None
    planned: int
    sent: int
    resent: int
    clicked: int
    answered: int


@dataclass(frozen=True)
class Product:
    """Mean score of one product with its 95 % interval; ``is_enough`` to be ranked."""

    real_id: str
    name: str
    reviews: int
    mean: float | None
    low: float | None
    high: float | None
    comments: int
    is_enough: bool


@dataclass(frozen=True)
class Comment:
    """What one customer wrote, and what is known of the order; no e-mail, no name."""

    feedback_id: str
    provider: str
    responded_at: datetime
    score: int | None
    nps_class: str | None
    text: str
    reply: str | None
    days_waiting: int | None
    customer_key: str | None
    order_source_id: str | None
    currency: str | None
    customer_net_amount: Decimal | None
    source: str | None
    campaign: str | None

    @property
    def waits(self) -> bool:
        return self.days_waiting is not None


@dataclass(frozen=True)
class Said:
    """The comments shown, those that wait for a reply first, and how many there are of each."""

    shown: tuple[Comment, ...] = ()
    waiting: int = 0
    waiting_comments: int = 0
    comments: int = 0

    @property
    def shown_waiting(self) -> int:
        return sum(comment.waits for comment in self.shown)


@dataclass(frozen=True)
class Source:
    """What is held of one provider table: its days, gaps, rows set aside, and when it was read."""

    table: str
    first: date | None
    last: date | None
    missing: tuple[date, ...]
    quarantined: int
    read_at: datetime | None


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    built_at: datetime
    bounds: Bounds
    last_day: date | None = None
    first_day: date | None = None
    missing_days: int = 0
    absent: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    weeks: tuple[Week, ...] = ()
    channels: tuple[Channel, ...] = ()
    values: tuple[Value, ...] = ()
    surveys: tuple[Survey, ...] = ()
    products: tuple[Product, ...] = ()
    products_in_all: int = 0
    said: Said = field(default_factory=Said)
    coverage: tuple[tuple[str, str, int], ...] = ()
    sources: tuple[Source, ...] = ()

    def period(self, window_days: int) -> Period | None:
        return next((p for p in self.periods if p.window_days == window_days), None)

    def chosen(self, window_days: int, model: str, level: str) -> tuple[Channel, ...]:
        """The channels of one window, model and level."""
        wanted = (window_days, model, level)
        return tuple(c for c in self.channels if (c.window_days, c.model, c.level) == wanted)

    @property
    def windows(self) -> tuple[int, ...]:
        """The windows that channels are held for, but those longer than all that is held."""
        held = 0 if self.first_day is None else days_between_count(self.first_day, self.last_day)
        there = sorted({channel.window_days for channel in self.channels})
        return tuple(
            days for place, days in enumerate(there) if not place or there[place - 1] < held
        )

    @property
    def read_at(self) -> datetime | None:
        """When data was read last."""
        return max((s.read_at for s in self.sources if s.read_at is not None), default=None)


def days_between_count(first: date, last: date | None) -> int:
    """How many days there are from ``first`` to ``last``, both included."""
    return 0 if last is None else (last - first).days + 1
