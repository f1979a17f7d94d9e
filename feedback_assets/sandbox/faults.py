"""The fault switches of the sandbox; the faults are implemented in the modules that read them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

PROVIDERS = ("wicked_reports", "thanx", "fullwhere", "feedbackpulse", "retargeting")

ResetNotation = Literal["epoch", "seconds", "milliseconds", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Faults, and undocumented behaviour that may vary. Off by default.

    Rates are from 0 to 1. Request faults are drawn for each request; malformed records are fixed,
    so that reading a record again gives the same result.
    """

    latency: float = 0.0
    """Seconds of delay before each response of the slow providers."""
    slow: frozenset[str] = frozenset(PROVIDERS)
    """Providers that respond after this delay."""
    error_rate: float = 0.0
    """Share of requests answered with 500, 502, 503 or 504."""
    reset_rate: float = 0.0
    """Share of requests whose connection is reset, before or in the middle of the body."""
    truncate_rate: float = 0.0
    """Share of requests whose body is complete according to HTTP but truncated JSON."""
    malformed_rate: float = 0.0
    """Share of records with a missing key, wrong type, invalid date or score out of range."""
    down: frozenset[str] = frozenset()
    """Providers that answer every request with 503."""
    quotas: bool = True
    """Whether the providers' request quotas are enforced."""
    quota_scale: float = 1.0
    """Factor applied to every quota."""
    wicked_reports_per_minute: int = 120
    feedbackpulse_per_minute: int = 60
    thanx_per_second: int = 5
    thanx_per_quarter_hour: int = 2000
    reset_notation: ResetNotation = "epoch"
    """Format of `x-ratelimit-reset`: epoch seconds, seconds to wait, epoch ms, HTTP date."""
    retry_after: Literal["seconds", "date"] | None = None
    """Format of `Retry-After` on a 429 or 503; None: no such header."""
    to_exclusive: bool = False
    """Whether the `to` of Wicked Reports and FeedbackPulse is exclusive."""
    filter_timezone: str = "UTC"
    """Time zone in which those two interpret the days of `from` and `to`."""
    sloppy: bool = False
    """Whether values are written in equivalent forms: numbers as text, ids as numbers, flags as 0
    and 1, zero dates for null, lists as numbered objects, decomposed Unicode."""
    extra_fields: bool = False
    """Whether records contain an undocumented field."""
    retargeting_inactive: bool = False
    """Whether Retargeting reports that the account is not active."""

    def __post_init__(self) -> None:
        for name in ("error_rate", "reset_rate", "truncate_rate", "malformed_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        unknown = (self.down | self.slow) - set(PROVIDERS)
        if unknown:
            raise ValueError(f"no such provider: {', '.join(sorted(unknown))}")
        ZoneInfo(self.filter_timezone)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Parse switches from decoded JSON; raises ValueError for an unknown name."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
        chosen = dict(values)
        for name in ("down", "slow"):
            if name in chosen:
                chosen[name] = frozenset(chosen[name])
        return cls(**chosen)
