"""When a request is tried again, and how long to wait before: policy and notations of waiting."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH_MILLISECONDS = 1e11
_EPOCH_SECONDS = 1e8


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is tried.

    `attempts` in all; `first_wait` seconds after the first failure, doubled each time up to
    `longest_backoff`, of which up to a half is drawn by lot so that threads part; what a provider
    says is waited instead, up to `longest_wait`. `factor` scales every wait (tests use a small
    one). `connect`, `read` and `total` are time limits in seconds of one attempt: to be connected,
    between two pieces of the answer, and for all of it.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_backoff: float = 30.0
    longest_wait: float = 120.0
    factor: float = 1.0
    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0

    def backoff(self, attempt: int) -> float:
        """Seconds to wait after the `attempt`-th failure (1 is the first), without a hint."""
        full = min(self.longest_backoff, self.first_wait * 2.0 ** (attempt - 1))
        return self.factor * full * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the `attempt`-th failure, given what the provider told."""
        if retry_after is None or retry_after <= 0:
            return self.backoff(attempt)
        return self.factor * min(retry_after, self.longest_wait)


def retry_after_of(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait, or None where it does not say.

    `Retry-After` goes first. `x-ratelimit-reset` counts with 429, or where nothing remains: Wicked
    Reports sends it with every answer, and a 500 says nothing about the quota.
    """
    now = _server_time(headers)
    waits = [seconds_until(headers.get("retry-after"), now)]
    if status == 429 or _is_zero(headers.get("x-ratelimit-remaining")):
        waits += [
            seconds_until(headers.get(name), now)
            for name in ("x-ratelimit-reset", "ratelimit-reset")
        ]
    return next((wait for wait in waits if wait is not None), None)


def seconds_until(value: str | None, now: float) -> float | None:
    """Seconds from `now` (epoch seconds) to what a header says, at least 0; None if unreadable.

    Read are seconds, epoch seconds, epoch milliseconds, an HTTP date and an ISO 8601 date (UTC
    where it carries no zone).
    """
    text = (value or "").strip().strip('"')
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        moment = _date(text)
        return None if moment is None else max(0.0, moment - now)
    if not math.isfinite(number):
        return None
    if number >= _EPOCH_MILLISECONDS:
        return max(0.0, number / 1000 - now)
    if number >= _EPOCH_SECONDS:
        return max(0.0, number - now)
    return max(0.0, number)


def _date(text: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _server_time(headers: Mapping[str, str]) -> float:
    # A date is meant by the server's clock, which may differ from this machine's. Its own Date
    # header is whole seconds, so a difference under 2 s is not one.
    here = time.time()
    there = _date(headers.get("date") or "")
    return there if there is not None and abs(there - here) > 2 else here


def _is_zero(text: str | None) -> bool:
    try:
        return float(text or "1") <= 0
    except ValueError:
        return False
