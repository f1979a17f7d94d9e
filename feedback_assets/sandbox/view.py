"""What is visible of the world at one moment: the argument of all rendering."""

from dataclasses import dataclass

from feedback_assets.sandbox.draws import Array, unit
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.times import local, zulu, zulu_millis
from feedback_assets.sandbox.world import World


@dataclass(frozen=True, slots=True)
class View:
    """A world, the current time in its own seconds, and the switches; the past is visible."""

    world: World
    clock: int
    faults: Faults

    def seen(self, seconds: int) -> bool:
        return seconds < self.clock

    def zulu(self, seconds: int) -> str:
        """`2020-06-18T06:00:27Z`."""
        return zulu(self.world.epoch(seconds))

    def zulu_if_seen(self, seconds: int) -> str | None:
        """The same, or None if it has not happened yet."""
        return self.zulu(seconds) if seconds < self.clock else None

    def millis(self, seconds: int) -> str:
        """`2020-06-18T06:00:27.000Z`."""
        return zulu_millis(self.world.epoch(seconds))

    def local(self, seconds: int, separator: str = "T") -> str:
        """In the world's zone, without an offset."""
        return local(self.world.epoch(seconds), self.world.zone, separator)

    def malformed(self, table: str, positions: Array) -> Array:
        """Which of a table's records are malformed; a higher rate includes those of a lower one."""
        drawn = unit(self.world.seed, f"malformed:{table}", positions)
        spoilt: Array = drawn < self.faults.malformed_rate
        return spoilt
