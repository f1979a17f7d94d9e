"""The providers' request quotas, in fixed windows that begin with their first request."""

import threading
import time
from dataclasses import dataclass
from email.utils import formatdate

from feedback_assets.sandbox.faults import Faults


@dataclass(frozen=True, slots=True)
class Standing:
    """The quota state for a request: `wait` is seconds until the window ends."""

    allowed: bool
    limit: int
    remaining: int
    wait: float


class Quota:
    """A maximum number of requests per window of some seconds; thread-safe."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = float("-inf")
        self._used = 0
        self._lock = threading.Lock()

    def take(self, limit: int) -> Standing:
        """Count one request, unless the window's quota is used up."""
        with self._lock:
            now = time.monotonic()
            if now - self._start >= self.seconds:
                self._start, self._used = now, 0
            allowed = self._used < limit
            self._used += allowed
            return Standing(
                allowed, limit, max(0, limit - self._used), self._start + self.seconds - now
            )


class Quotas:
    """All quotas of one server."""

    def __init__(self) -> None:
        self._windows = {
            "wicked_reports": (Quota(60),),
            "feedbackpulse": (Quota(60),),
            "thanx": (Quota(1), Quota(900)),
        }

    def take(self, provider: str, faults: Faults) -> Standing | None:
        """The tightest state among a provider's quotas, or None if it has none."""
        if provider not in self._windows:
            return None
        limits = {
            "wicked_reports": (faults.wicked_reports_per_minute,),
            "feedbackpulse": (faults.feedbackpulse_per_minute,),
            "thanx": (faults.thanx_per_second, faults.thanx_per_quarter_hour),
        }[provider]
        if not faults.quotas:
            return Standing(True, limits[0], limits[0], 0.0)
        standing = None
        for window, limit in zip(self._windows[provider], limits, strict=True):
            standing = window.take(max(1, round(limit * faults.quota_scale)))
            if not standing.allowed:
                break
        return standing


def written(seconds: float, notation: str) -> str:
    """The time after this many seconds, in one of the notations that servers use."""
    at = time.time() + seconds
    if notation == "seconds":
        return str(max(1, round(seconds + 0.5)))
    if notation == "milliseconds":
        return str(round(at * 1000))
    if notation == "date":
        return formatdate(at + 0.5, usegmt=True)
    return str(round(at + 0.5))


def rate_headers(provider: str, standing: Standing, faults: Faults) -> dict[str, str]:
    """The rate limit headers that a provider documents; Thanx has none."""
    limit, remaining = str(standing.limit), str(standing.remaining)
    if provider == "wicked_reports":
        return {
            "x-ratelimit-limit": limit,
            "x-ratelimit-remaining": remaining,
            "x-ratelimit-reset": written(standing.wait, faults.reset_notation),
        }
    if provider == "feedbackpulse":
        return {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining}
    return {}
