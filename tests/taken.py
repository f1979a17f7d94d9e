"""When a quota allowed a request, as precisely as a test can know on a slow machine.

The machine may pause for a second between the quota's timestamp and any time that a test records.
So each request has two times: just before the quota was called, and just after it returned. The
stamp is between them, and the counts are correct however far apart they are."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_assets.http.quota import Quota


@dataclass(frozen=True, order=True)
class Taken:
    """One request: the times of call and return, in seconds of one clock."""

    asked: float
    seen: float


def most_in_any_window(taken: Sequence[Taken], seconds: float) -> int:
    """The most requests that were certainly allowed within this many seconds of each other."""
    return max(
        sum(first.asked <= one.asked and one.seen < first.asked + seconds for one in taken)
        for first in taken
    )


def fastest_quartile(taken: Sequence[Taken], requests: int) -> float:
    """The fastest quartile of the seconds between a request and the one this many before it.

    An exhausted quota frees a slot on time; a slow machine delays some requests, a quota that waits
    too long delays all."""
    moments = sorted(one.seen for one in taken)
    later = sorted(
        moment - before for before, moment in zip(moments, moments[requests:], strict=False)
    )
    return later[len(later) // 4]


@dataclass
class Notes:
    """The log of a quota: the allowed requests, and the number of waits."""

    taken: list[Taken] = field(default_factory=list)
    refused: int = 0
    mine: threading.local = field(default_factory=threading.local)
    """``asked`` of the request that this thread was allowed last."""


def noted(ask: Callable[..., Any], notes: Notes) -> Callable[..., Any]:
    """``Quota._take``, with its results recorded."""
    lock = threading.Lock()

    def take(*arguments: Any, **named: Any) -> Any:
        asked = time.monotonic()
        longest, wait = ask(*arguments, **named)
        seen = time.monotonic()
        with lock:
            if wait is None:
                notes.taken.append(Taken(asked, seen))
                notes.mine.asked = asked
            else:
                notes.refused += 1
        return longest, wait

    return take


def watch(quota: Quota) -> Notes:
    """Record all further calls of this quota in this process."""
    notes = Notes()
    for name in ("_take", "_take_shared"):
        setattr(quota, name, noted(getattr(quota, name), notes))
    return notes
