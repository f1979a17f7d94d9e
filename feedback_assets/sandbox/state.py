"""The mutable state of a running sandbox: clock, switches, created records, request log.

One State is shared by all threads of a server; values read together are read under its lock.
"""

import random
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from feedback_assets.sandbox.draws import Array
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.world import World

_SELECTIONS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Request:
    """A logged request; `at` is monotonic seconds, status 0 a reset."""

    at: float
    provider: str
    endpoint: str
    status: int


@dataclass(slots=True)
class Written:
    """Records created through write endpoints, for the lifetime of the process."""

    submissions: list[dict[str, Any]] = field(default_factory=list)
    trackers: list[tuple[int, int]] = field(default_factory=list)
    """Order and time of trackers created by `generate`."""


class State:
    def __init__(self, world: World, faults: Faults, account: str = "") -> None:
        self.world = world
        self.account = account
        self.lock = threading.RLock()
        self.log: list[Request] = []
        self.written = Written()
        self.chance = random.Random(world.seed)
        self._faults = faults
        self._clock = world.since_origin(world.start_of_today.timestamp())
        self._selections: OrderedDict[Hashable, Array] = OrderedDict()

    @property
    def faults(self) -> Faults:
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self.lock:
            self._faults = faults

    def set_now(self, now: datetime) -> None:
        """Set the clock; events at or after it are not visible. Needs a zone."""
        if now.tzinfo is None:
            raise ValueError("the sandbox's clock needs a time with a zone")
        with self.lock:
            self._clock = self.world.since_origin(now.timestamp())
            self._selections.clear()

    def view(self) -> View:
        with self.lock:
            return View(self.world, self._clock, self._faults)

    def selection(self, key: Hashable, choose: Callable[[], Array]) -> Array:
        """The positions that a query selects, computed once for all its pages.

        The key must include everything that `choose` depends on, the clock included.
        """
        with self.lock:
            if key in self._selections:
                self._selections.move_to_end(key)
                return self._selections[key]
        chosen = choose()
        with self.lock:
            self._selections[key] = chosen
            while len(self._selections) > _SELECTIONS_KEPT:
                self._selections.popitem(last=False)
        return chosen

    def requests(self) -> Counter[tuple[str, str]]:
        """Number of requests per endpoint, including rejected and faulty ones."""
        with self.lock:
            return Counter((request.provider, request.endpoint) for request in self.log)
