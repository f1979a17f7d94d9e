"""When a quota allowed a request, as closely as a test can know it on a machine that stalls.

Between the moment that the quota stamps and any that a test can note, the machine may have done
something else for a second. So each request has two: just before the quota was asked, and when it
was seen to be allowed. The stamp lies between them, and what is counted holds however far apart
they are.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_assets.http.quota import Quota


@dataclass(frozen=True, order=True)
class Taken:
    """One request: asked for, and seen to be allowed, in seconds of one clock."""

    asked: float
    seen: float


def most_in_any_window(taken: Sequence[Taken], seconds: float) -> int:
    """The most requests that were surely allowed within so many seconds of each other."""
    return max(
        sum(first.asked <= one.asked and one.seen < first.asked + seconds for one in taken)
        for first in taken
    )


def quick_quarter(taken: Sequence[Taken], requests: int) -> float:
    """Seconds after the request so many before it in which the quickest quarter was seen.

    A quota that is used to its end gives a place again when it is free; a stall delays some, a
    quota that waits too long delays all.
    """
    moments = sorted(one.seen for one in taken)
    later = sorted(
        moment - before for before, moment in zip(moments, moments[requests:], strict=False)
    )
    return later[len(later) // 4]


@dataclass
class Notes:
    """What came of asking a quota: the requests it allowed, and how often it said to wait."""

    taken: list[Taken] = field(default_factory=list)
    refused: int = 0
    mine: threading.local = field(default_factory=threading.local)
    """``asked`` of the request that this thread was allowed last."""


def noted(ask: Callable[..., Any], notes: Notes) -> Callable[..., Any]:
    """``Quota._take``, with notes of what it said."""
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
    """Notes of all that this quota is asked from now on, in this process."""
    notes = Notes()
    for name in ("_take", "_take_shared"):
        setattr(quota, name, noted(getattr(quota, name), notes))
    return notes
