"""A row of ``marts.channel_scorecard`` as the findings read it, and which rows are compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from feedback_assets.scorecard.intervals import p_value
from feedback_assets.scorecard.ranking import benjamini_hochberg

ALL = "(all)"
UNNAMED = frozenset({"(none)", "(unmatched)", "(unattributed)"})
"""Sources that are not channels: they are part of the rest, and never compared with it."""
FEW_SHOWN = 5
"""Minimum effective responses to show an interval."""
FEW_TESTED = 20
"""Minimum effective responses to test and rank a channel."""

Channel = tuple[str, str, str]


@dataclass(frozen=True)
class ChannelRow:
    """One window, model, level, channel and currency; columns and units as in the mart."""

    window_days: int
    model: str
    level: str
    source: str
    medium: str
    campaign: str
    currency: str
    orders: float = 0.0
    net_amount: Decimal | None = None
    responses: float = 0.0
    promoters: float = 0.0
    passives: float = 0.0
    detractors: float = 0.0
    effective_responses: float = 0.0
    nps: float | None = None
    nps_low: float | None = None
    nps_high: float | None = None
    nps_adjusted: float | None = None
    nps_se: float | None = None
    rest_nps: float | None = None
    versus_z: float | None = None
    first_nps: float | None = None
    responses_before: float | None = None
    nps_before: float | None = None
    nps_change: float | None = None
    change_z: float | None = None
    promoters_won: float | None = None
    promoters_lost: float | None = None
    net_amount_detractors: Decimal | None = None
    net_amount_answered: Decimal | None = None
    spend: Decimal | None = None
    spend_days_missing: int | None = None
    cost_per_order: float | None = None
    roas: float | None = None
    roas_covers: float | None = None
    cost_per_promoter: float | None = None
    cost_per_promoter_low: float | None = None
    cost_per_promoter_high: float | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ChannelRow":
        """The row of the mart without its other columns; ``KeyError`` if one is missing."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    @property
    def channel(self) -> Channel:
        return self.source, self.medium, self.campaign

    @property
    def is_named(self) -> bool:
        return self.source not in UNNAMED and self.level != "all"

    @property
    def is_tested(self) -> bool:
        """Whether the channel belongs to the tested family."""
        return self.is_named and self.effective_responses >= FEW_TESTED


def view(
    rows: Iterable[ChannelRow], window_days: int, model: str, level: str, currency: str
) -> tuple[ChannelRow, ...]:
    """The rows of one window, model, level and currency, within which channels are compared."""
    wanted = (window_days, model, level, currency)
    return tuple(
        row for row in rows if (row.window_days, row.model, row.level, row.currency) == wanted
    )


def beyond_chance(rows: Iterable[ChannelRow]) -> dict[Channel, int]:
    """The channels of one view that differ significantly from the rest: 1 above, −1 below."""
    tested = [row for row in rows if row.is_tested]
    return _significant({row.channel: row.versus_z for row in tested})


def changed(rows: Iterable[ChannelRow]) -> dict[Channel, int]:
    """The channels of one view that changed significantly: 1 risen, −1 fallen."""
    tested = [row for row in rows if row.is_tested and (row.responses_before or 0) >= FEW_TESTED]
    return _significant({row.channel: row.change_z for row in tested})


def _significant(given: Mapping[Channel, float | None]) -> dict[Channel, int]:
    z = {channel: value for channel, value in given.items() if value is not None}
    found = benjamini_hochberg([p_value(value) for value in z.values()])
    return {
        channel: 1 if value > 0 else -1
        for (channel, value), is_found in zip(z.items(), found, strict=True)
        if is_found
    }
