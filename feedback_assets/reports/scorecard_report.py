"""The scorecard of the page as plain values: views of channels, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from feedback_assets.reports.names import bounded
from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW
from feedback_assets.scorecard.findings import Decisions
from feedback_assets.scorecard.rows import ALL, ChannelRow

MODELS = {
    "first_click": "First click",
    "first_optin": "First opt-in",
    "re_optin": "Last opt-in",
    "last_click": "Last click",
    "linear": "Linear",
    "position_based": "Position based",
    "time_decay": "Time decay",
}
"""The models by title, in the order in which the page offers them."""
LEVELS = ("source", "medium", "campaign")
UNCREDITED = frozenset({"(unmatched)", "(unattributed)"})
SMALLER = "(smaller ones)"
WEEKS = 13
"""Weeks of a channel's trend, counted back from the last stored day."""

Names = tuple[str, str, str]
"""Source, medium and campaign; ``(all)`` where the level does not group by it."""
Cells = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A channel in one view.

    ``verdict``: ``above`` or ``below`` if its NPS differs from the rest beyond chance, ``alike`` if
    not, ``few`` if it has too few customers to be tested, ``unnamed`` without a source,
    ``uncredited`` for answers without an order or touch, ``smaller`` for the sum of all other
    channels, ``whole`` for all of them. ``moved`` is 1 or −1 if its NPS rose or fell beyond chance.
    ``answers`` are columns on all currencies; ``money`` are columns by currency, with orders of all
    of them under ``(all)``.
    """

    names: Names
    label: str
    verdict: str
    channels: int
    moved: int
    answers: Cells
    money: Mapping[str, Cells]

    @property
    def is_channel(self) -> bool:
        return self.verdict in ("above", "below", "alike", "few", "unnamed")


@dataclass(frozen=True)
class View:
    """One window, model and level: channels in the default order, then the sums.

    ``average`` is what the NPS of the ranked channels is pulled towards, None if they cannot be
    told apart. ``trends``: the NPS of each week, None with few answers, in order of ``lines``.
    """

    window_days: int
    model: str
    level: str
    lines: tuple[Line, ...]
    average: float | None
    trends: tuple[tuple[float | None, ...] | None, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no channel is credited with anything."""
        return not any(line.is_channel for line in self.lines)

    def count(self, *verdicts: str) -> int:
        return sum(line.verdict in verdicts for line in self.lines)


@dataclass(frozen=True)
class Answering:
    """Who answered about a channel: how its NPS changes if first and later orders weigh equally.

    ``standardised`` is None with few answers of either kind; ``is_moved``: it differs from the NPS
    by more than half of the interval's half-width. ``tipping``: see ``selection.tipping_ratio``,
    None unless the channel differs beyond chance.
    """

    names: Names
    label: str
    responses: float
    response_rate: float | None
    nps: float
    interval: tuple[float, float]
    first_nps: float | None
    standardised: float | None
    is_moved: bool
    tipping: float | None


@dataclass(frozen=True)
class Unsold:
    """A spend without orders, or a channel without spend."""

    names: Names
    currency: str
    orders: float
    net_amount: Decimal | None
    spend: Decimal | None

    @property
    def label(self) -> str:
        return bounded(" / ".join(self.names))


@dataclass(frozen=True)
class Scorecard:
    """Everything on the page that comes from the scorecard; ``currencies`` by net amount."""

    currencies: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    decisions: Decisions | None = None
    compared: tuple[ChannelRow, ...] = ()
    answering: tuple[Answering, ...] = ()
    unsold: tuple[Unsold, ...] = ()
    unspent: tuple[Unsold, ...] = ()
    weeks: tuple[date, ...] = ()
    has_spend: bool = False

    def view(self, window_days: int, model: str, level: str) -> View | None:
        return next(
            (
                view
                for view in self.views
                if (view.window_days, view.model, view.level) == (window_days, model, level)
            ),
            None,
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The models that credit a channel with anything."""
        found = {view.model for view in self.views if not view.is_empty}
        return tuple(model for model in MODELS if model in found)

    @property
    def windows(self) -> tuple[int, ...]:
        return tuple(sorted({view.window_days for view in self.views if not view.is_empty}))

    @property
    def money_in(self) -> tuple[str, ...]:
        """The currencies to choose from; all of them together, without money, if there are many."""
        return (*self.currencies, ALL) if len(self.currencies) != 1 else self.currencies

    @property
    def shown(self) -> View | None:
        """The view the page opens with: that of the findings, where there is one."""
        models = self.models
        if not models:
            return None
        window = WINDOW if WINDOW in self.windows else max(self.windows)
        return self.view(window, MODEL if MODEL in models else models[0], LEVEL)
