"""Time zones: which of them can be used on this machine, and reading local times in one."""

from datetime import datetime
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import STAMP

# One in each half of the year, as daylight saving time would have it.
_PROBES = (datetime(2024, 1, 15, 12), datetime(2024, 7, 15, 12))  # noqa: DTZ001


def local_to_utc(naive: pa.Array, zone: str) -> pa.Array:
    """Time stamps without a zone, taken for local time in ``zone``, in UTC.

    An hour that the clock shows twice is the earlier one; a time that it skips is the moment of
    the skip.
    """
    local = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    return local.cast(STAMP)


def is_zone(name: str) -> bool:
    """Whether time stamps can be read in this zone, by Arrow and by Python alike.

    Each has its own data: a name may be known to one and not to the other.
    """
    # Not ZoneInfo(name): it opens any file of the zone data, such as posixrules, and on some file
    # systems takes the wrong case.
    if name not in available_timezones():
        return False
    try:
        local_to_utc(pa.array(_PROBES, pa.timestamp("us")), name)
    except pa.ArrowInvalid:
        return False
    return True
