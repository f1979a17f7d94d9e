"""The switches by which the sandbox misbehaves; what they do is in the modules that obey them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

PROVIDERS = ("wicked_reports", "thanx", "fullwhere", "feedbackpulse", "retargeting")

ResetNotation = Literal["epoch", "seconds", "milliseconds", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and what is undocumented and may be either way. Off by default.

    Rates are shares from 0 to 1. Those of requests are drawn anew for each request; that of
    malformed records is fixed for each record, so that reading it again gives the same.
    """

    latency: float = 0.0
    """Seconds that every answer is held back."""
    error_rate: float = 0.0
    """Share of requests answered 500, 502, 503 or 504."""
    reset_rate: float = 0.0
    """Share of requests whose connection is reset, without or with half a body."""
    truncate_rate: float = 0.0
    """Share of requests whose body is whole by HTTP's account but ends in mid-JSON."""
    malformed_rate: float = 0.0
    """Share of records with a key missing, a wrong type, a bad date or a score out of range."""
    down: frozenset[str] = frozenset()
    """Providers that answer every request with 503."""
    quotas: bool = True
    """Whether the providers' request quotas are enforced."""
    quota_scale: float = 1.0
    """What every quota is multiplied by."""
    wicked_reports_per_minute: int = 120
    feedbackpulse_per_minute: int = 60
    thanx_per_second: int = 5
    thanx_per_quarter_hour: int = 2000
    reset_notation: ResetNotation = "epoch"
    """How `x-ratelimit-reset` is written: epoch seconds, seconds to wait, epoch ms, HTTP date."""
    retry_after: Literal["seconds", "date"] | None = None
    """How a 429 or 503 says `Retry-After`; None: it does not."""
    to_exclusive: bool = False
    """Whether the `to` of Wicked Reports and FeedbackPulse leaves its own day out."""
    filter_timezone: str = "UTC"
    """Zone in which those two read the days of `from` and `to`."""
    sloppy: bool = False
    """Whether values are written in other forms that say the same: numbers as text, ids as
    numbers, flags as 0 and 1, zero dates for none, lists as numbered objects, text decomposed."""
    extra_fields: bool = False
    """Whether records carry a field that no document names."""
    retargeting_inactive: bool = False
    """Whether Retargeting says that the account is not active."""

    def __post_init__(self) -> None:
        for name in ("error_rate", "reset_rate", "truncate_rate", "malformed_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        unknown = set(self.down) - set(PROVIDERS)
        if unknown:
            raise ValueError(f"no such provider: {', '.join(sorted(unknown))}")
        ZoneInfo(self.filter_timezone)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Switches from decoded JSON; a name that is none of them is a ValueError."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
        chosen = dict(values)
        if "down" in chosen:
            chosen["down"] = frozenset(chosen["down"])
        return cls(**chosen)
