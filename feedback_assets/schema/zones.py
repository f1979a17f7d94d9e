"""Time zones: which of them this machine supports, and reading local times in one."""

from datetime import datetime
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import STAMP

# One in each half of the year, to cover daylight saving time.
_PROBES = (datetime(2024, 1, 15, 12), datetime(2024, 7, 15, 12))  # noqa: DTZ001


def local_to_utc(naive: pa.Array, zone: str) -> pa.Array:
    """Timestamps without a zone, interpreted as local time in ``zone``, in UTC.

    An ambiguous hour at the end of daylight saving time is the earlier one; a skipped time is the
    moment of the skip.
    """
    local = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    return local.cast(STAMP)


def is_zone(name: str) -> bool:
    """Whether both Arrow and Python can read timestamps in this zone.

    Each has its own data: one may know a name that the other does not.
    """
    # Not ZoneInfo(name): it opens any file of the zone data, such as posixrules, and ignores case
    # on some file systems.
    if name not in available_timezones():
        return False
    try:
        local_to_utc(pa.array(_PROBES, pa.timestamp("us")), name)
    except pa.ArrowInvalid:
        return False
    return True
