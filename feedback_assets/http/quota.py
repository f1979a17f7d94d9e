"""How many requests a provider allows, held across threads, processes, machines; it sends none.

pyrate-limiter's sliding log decides: at most so many stamps in any window. Its `Limiter` is not
used because it stamps a waiting request with the time it meant to wake at, so that the server sees
one to three requests more than the limit in a window; here each try is stamped anew under the lock.
Its token bucket is not used because it lets twice the limit through in the first minute. Over
several machines the same log is kept in Postgres, see `coordination.shared_quota`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem

from feedback_assets.coordination import shared_quota
from feedback_assets.coordination.database import Coordination, CoordinationUnavailable
from feedback_assets.http.quota_file import QuotaFile

QuotaPlace = Path | Coordination | None
"""Where a quota is kept: a directory of one machine, what machines share, or this process."""

SHARE = 0.965
"""Part of the limit that is used. The rest absorbs requests that arrive late at the server: at 120
a minute up to 2 that overtake each other and 1.1 s of difference in latency."""

_LEAK_EVERY = 64
_CLOCK_SLACK = 1.0
"""Seconds past a whole window from which a wait means that the clock was turned back; a stamp of
this very millisecond asks for a window and 1 ms."""


@dataclass(frozen=True)
class Allowance:
    """At most `requests` in any `seconds`, as the provider documents it."""

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if self.requests < 1 or self.seconds <= 0:
            raise ValueError(f"a quota of {self.requests} in {self.seconds} s allows nothing")

    def rate(self) -> Rate:
        """The rate that is kept: slightly fewer stamps in a slightly longer window."""
        count = self.requests - self.requests // 60
        milliseconds = self.seconds * 1000 * (count / self.requests) / SHARE
        return Rate(count, int(milliseconds) + 1)


class QuotaClosedError(Exception):
    """The quota was closed while somebody waited for it."""


class Quota:
    """A provider's request quota; `acquire` blocks until one more request is allowed.

    Kept in a directory, all processes that give the same one share one SQLite file there
    (`<directory>/<name>.sqlite`); in a `Coordination`, all machines share what is in its Postgres,
    by whose clock the windows go; else the quota holds within this process. Thread-safe, picklable
    (a copy shares what is shared, or starts afresh), safe after `fork`.
    """

    def __init__(self, name: str, *allowances: Allowance, kept_in: QuotaPlace = None) -> None:
        self.name = name
        self.allowances = allowances
        self.kept_in = kept_in
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._file: QuotaFile | None = None
        self._bucket: AbstractBucket | None = None
        self._pid = os.getpid()
        self._taken = 0

    def __getstate__(self) -> dict[str, Any]:
        return {k: self.__dict__[k] for k in ("name", "allowances", "kept_in")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

    def acquire(self, stop: threading.Event | None = None) -> float:
        """Wait until one more request is allowed and count it.

        Returns the seconds waited. Waits end at once, with `QuotaClosedError`, when `stop` is set
        or `close` is called; in the main thread they also end by an interrupt. Raises
        `CoordinationUnavailable` where what the machines share is away for long, and `Unusable`
        where the file cannot be used.
        """
        if not self.allowances:
            return 0.0
        stop = stop or self._closed
        began = time.monotonic()
        full_wait = 0.0
        while True:
            if stop.is_set():
                raise QuotaClosedError(f"the quota of {self.name} was closed while waiting")
            if isinstance(self.kept_in, Coordination):
                longest, wait = self._take_shared(self.kept_in, stop, forget=full_wait)
            else:
                longest, wait = self._take(forget=full_wait)
            if wait is None:
                return time.monotonic() - began
            # Longer than any window: the clock was turned back, and the stamps lie in the future.
            # After a whole window without a way through they are dropped.
            full_wait = longest if wait > longest + _CLOCK_SLACK else 0.0
            stop.wait(min(wait, longest + _CLOCK_SLACK))

    def _take(self, *, forget: float) -> tuple[float, float | None]:
        """Seconds of the longest window, and seconds to wait or None if the request is counted."""
        try:
            return self._take_once(forget=forget)
        except sqlite3.DatabaseError:
            with self._lock:
                if self._file is not None:
                    self._file.rebuild()
        return self._take_once(forget=forget)

    def _take_once(self, *, forget: float) -> tuple[float, float | None]:
        with self._locked() as bucket:
            longest = bucket.rates[-1].interval / 1000
            clock: Any = bucket
            now = int(clock.now())
            item = RateItem(self.name, now)
            decision: Any = bucket.put_decision(item)
            retry_after = (decision.retry_after_ms or 0) / 1000
            if not decision.allowed and forget and retry_after > longest + _CLOCK_SLACK:
                bucket.flush()
                decision = bucket.put_decision(item)
            if decision.allowed:
                self._taken += 1
                if self._taken % _LEAK_EVERY == 1:
                    bucket.leak(now)
                return longest, None
            return longest, max(decision.retry_after_ms or 0, 1) / 1000

    def _take_shared(
        self, coordination: Coordination, stop: threading.Event, *, forget: float
    ) -> tuple[float, float | None]:
        """The same, of what all machines share."""
        rates = [allowance.rate() for allowance in self.allowances]
        longest = max(rate.interval for rate in rates) / 1000
        kept = [(rate.limit, rate.interval / 1000) for rate in rates]
        if self._pid != os.getpid():
            self._reset()
        try:
            with self._lock:  # one connection for all threads
                wait = shared_quota.take(coordination, self.name, kept, stop)
                if forget and wait > longest + _CLOCK_SLACK:
                    shared_quota.forget_the_future(coordination, self.name)
                    wait = shared_quota.take(coordination, self.name, kept, stop)
        except CoordinationUnavailable:
            if not stop.is_set():
                raise
            wait = longest  # the caller looks whether it is to stop
        return longest, wait if wait > 0 else None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[AbstractBucket]:
        if self._pid != os.getpid():
            # An SQLite connection must not be used by a forked child.
            self._reset()
        with self._lock:
            rates = [allowance.rate() for allowance in self.allowances]
            if isinstance(self.kept_in, Path):
                if self._file is None:
                    self._file = QuotaFile(self.kept_in, self.name, rates)
                with self._file.locked() as bucket:
                    yield bucket
                return
            if self._bucket is None:
                self._bucket = InMemoryBucket(rates)
            yield self._bucket

    def close(self) -> None:
        """Let go of what is held and end every wait; the next `acquire` fails."""
        self._closed.set()
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._file is not None:
                self._file.close()
