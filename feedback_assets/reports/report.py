"""The content of the page as plain values, read by ``figures`` and used for text and charts.

Its size is bounded whatever the warehouse holds: ``Bounds`` limits channels, products and
comments, and the number omitted is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from feedback_assets.reports.scorecard_report import Scorecard
from feedback_assets.reports.statistics import (
    Counts,
    Difference,
    nps_difference,
    rate_difference,
)

WINDOWS = (7, 30, 90, 365)
DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Bounds:
    """Limits on unbounded lists of the page, and the minimum size for a number to be ranked."""

    waiting: int = 200
    comments: int = 300
    channels: int = 30
    currencies: int = 4
    unsold: int = 10
    locations: int = 30
    products: int = 15
    surveys: int = 30
    values: int = 40
    characters: int = 2000
    few_answers: int = 30
    few_reviews: int = 10


@dataclass(frozen=True)
class ByCustomers:
    """The 95 % interval of an NPS, and its change since the period before, by customers."""

    interval: tuple[float, float]
    change: Difference | None


@dataclass(frozen=True)
class Period:
    """The last ``window_days`` days and as many before; ``before`` is None unless all are held.

    ``days`` and ``days_before`` are how many of them are stored. ``by_customers`` are interval and
    change from the scorecard, which counts customers rather than answers; None without it.
    """

    window_days: int
    days: int
    now: Counts
    before: Counts | None
    days_before: int
    sent: int
    answered: int
    sent_before: int
    answered_before: int
    by_customers: ByCustomers | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        return self.now.interval if self.by_customers is None else self.by_customers.interval

    @property
    def difference(self) -> Difference | None:
        if self.before is None:
            return None
        if self.by_customers is not None and self.by_customers.change is not None:
            return self.by_customers.change
        return nps_difference(self.now, self.before)

    @property
    def response_rate(self) -> float | None:
        """Percentage of sent surveys that were answered."""
        return 100 * self.answered / self.sent if self.sent else None

    @property
    def rate_difference(self) -> Difference | None:
        if self.before is None:
            return None
        return rate_difference(self.answered, self.sent, self.answered_before, self.sent_before)


@dataclass(frozen=True)
class Week:
    """One week from Monday on, and how many of its days are stored, with answers or without."""

    first: date
    days: int
    counts: Counts

    @property
    def is_complete(self) -> bool:
        return self.days == DAYS_A_WEEK


@dataclass(frozen=True)
class Value:
    """The purchases of one class in one currency, and what it did after its first answer.

    ``spread``: what a customer spends, as in ``scorecard_view.spread_cells``. Of the ``followed``
    customers, a share of ``returned`` ordered again within 30 days, for ``spent`` each.
    """

    nps_class: str
    currency: str | None
    customers: int
    orders: int | None
    net_amount: Decimal | None
    repeat_rate: float | None
    spread: Mapping[str, float | None]
    followed: int
    returned: float | None
    spent: float | None


@dataclass(frozen=True)
class Location:
    """The answers about one place. ``Report.locations_in_all`` counts the places of a window."""

    window_days: int
    provider: str
    name: str
    counts: Counts


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
class Funnel:
    """The sums over all ``kinds`` of surveys, those included that ``Report.surveys`` leaves out."""

    kinds: int = 0
    planned: int = 0
    sent: int = 0
    clicked: int = 0
    answered: int = 0


@dataclass(frozen=True)
class Product:
    """Mean score of one product with its 95 % interval; ``is_enough`` if it can be ranked."""

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
    """A customer's comment and what is known about the order; no e-mail, no name.

    ``days_waiting``: whole days without a reply until the page was built, None with one.
    """

    feedback_id: str
    provider: str
    responded_at: datetime
    score: int | None
    nps_class: str | None
    text: str
    reply: str | None
    waits: bool
    days_waiting: int | None
    customer_key: str | None
    order_source_id: str | None
    currency: str | None
    customer_net_amount: Decimal | None
    source: str | None
    campaign: str | None


@dataclass(frozen=True)
class Replies:
    """Detractors at a provider that reports reply times, and those answered within a day."""

    provider: str
    detractors: int
    within_a_day: int


@dataclass(frozen=True)
class Said:
    """The comments shown, those awaiting a reply first, and the total of each kind.

    ``longest_days`` and ``median_days``: the whole days that the waiting detractors, with a comment
    or without, had waited when the page was built; None if nobody waits.
    """

    shown: tuple[Comment, ...] = ()
    waiting: int = 0
    waiting_comments: int = 0
    comments: int = 0
    longest_days: int | None = None
    median_days: int | None = None
    replies: tuple[Replies, ...] = ()

    @property
    def shown_waiting(self) -> int:
        return sum(comment.waits for comment in self.shown)


@dataclass(frozen=True)
class Source:
    """State of one provider table: stored days, gaps, quarantined rows, and when it was read."""

    table: str
    first: date | None
    last: date | None
    missing: tuple[date, ...]
    quarantined: int
    read_at: datetime | None


@dataclass(frozen=True)
class Freshness:
    """How fresh the answers of a provider are.

    ``answered_at``: when the latest answer seen was given. ``last_day``: the last day read.
    ``looked_at``: when it was last polled for new answers, None if it is not watched.
    """

    provider: str
    answered_at: datetime | None
    last_day: date | None
    looked_at: datetime | None


@dataclass(frozen=True)
class Report:
    """Everything on the page.

    ``windows`` are those that differ: of the windows longer than the stored data only the shortest.
    """

    built_at: datetime
    bounds: Bounds
    last_day: date | None = None
    first_day: date | None = None
    missing_days: int = 0
    absent: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    weeks: tuple[Week, ...] = ()
    windows: tuple[int, ...] = ()
    scorecard: Scorecard = field(default_factory=Scorecard)
    values: tuple[Value, ...] = ()
    surveys: tuple[Survey, ...] = ()
    funnel: Funnel = Funnel()
    locations: tuple[Location, ...] = ()
    locations_in_all: Mapping[int, int] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    products_in_all: int = 0
    said: Said = field(default_factory=Said)
    coverage: tuple[tuple[str, str, int], ...] = ()
    sources: tuple[Source, ...] = ()
    freshness: tuple[Freshness, ...] = ()

    def period(self, window_days: int) -> Period | None:
        return next((p for p in self.periods if p.window_days == window_days), None)

    @property
    def month(self) -> Period | None:
        """The last 30 days or, while fewer than eight are stored, the only period."""
        return self.period(30) or next(iter(self.periods), None)

    @property
    def span_days(self) -> int:
        """Days from the first to the last stored one."""
        return span_days(self.first_day, self.last_day)

    @property
    def read_at(self) -> datetime | None:
        """When data was last read."""
        return max((s.read_at for s in self.sources if s.read_at is not None), default=None)


def offered(held: int) -> tuple[int, ...]:
    """The windows that differ with so many days stored; none without any."""
    return tuple(
        days
        for place, days in enumerate(WINDOWS)
        if held and (not place or WINDOWS[place - 1] < held)
    )


def span_days(first: date | None, last: date | None) -> int:
    """The number of days from ``first`` to ``last``, both included; 0 without them."""
    return 0 if first is None or last is None else (last - first).days + 1
