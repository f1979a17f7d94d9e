"""Time in the sandbox: integer seconds since the world's origin, and the providers' formats.

Only conversions belong here.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from feedback_assets.sandbox.draws import Array

DAY = 86_400
NEVER = np.int32(2**31 - 1)
"""An event that never happens: later than any clock."""

# Cumulative share of a day's events by hour; people buy in the evening.
_HOURS = np.array([0, 3, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]) * 3600.0
_SHARES = np.array([0, 0.03, 0.04, 0.09, 0.2, 0.33, 0.45, 0.56, 0.7, 0.86, 0.96, 1.0])


def by_daylight(seconds: Array) -> Array:
    """Shift evenly spread times to waking hours, within the same day."""
    day, within = np.divmod(seconds, DAY)
    return day * DAY + np.minimum(np.interp(within / DAY, _SHARES, _HOURS), DAY - 1)


def midnight(day: date) -> int:
    """Epoch seconds of the start of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def zulu(epoch: int) -> str:
    """`2020-06-18T06:00:27Z`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat()[:19] + "Z"


def zulu_millis(epoch: int) -> str:
    """`2020-06-18T06:00:27.000Z`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat()[:19] + ".000Z"


def local(epoch: int, zone: ZoneInfo, separator: str = "T") -> str:
    """`2020-06-18T02:00:27`: without a zone, as some providers write it."""
    return datetime.fromtimestamp(epoch, zone).isoformat(separator)[:19]


def start_of(day: date, zone: ZoneInfo) -> int:
    """Epoch seconds of the start of a day in a zone."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def window(first: date, last: date, zone: ZoneInfo, *, to_exclusive: bool) -> tuple[int, int]:
    """Epoch seconds [start, stop) selected by a filter on days."""
    after = last if to_exclusive else last + timedelta(days=1)
    return start_of(first, zone), start_of(after, zone)
