"""Reads providers' textual timestamps, one or a whole column, with or without a zone."""

import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import STAMP
from feedback_assets.schema.zones import local_to_utc

_CARRIES_ZONE = r"[T ].*(Z|[+-]\d{2}(:?\d{2})?)$"
_ISO = re.compile(
    r"""(\d{4})-(\d\d)-(\d\d)
        (?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?)?
        (Z|[+-]\d\d(?::?\d\d)?)?)?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
# Nearly every invalid timestamp fails this; the rest (30 February) is found by search.
_SHAPE = (
    r"^\s*$|^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([T ]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
)
# MySQL's value for a missing time.
_NO_TIME = r"^0000-00-00([T ]00(:00(:00(\.0+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_NO_TIME_WRITTEN = re.compile(_NO_TIME.replace(r"\.", "[.,]"), re.IGNORECASE | re.ASCII)
# The longest timestamp without digits below a microsecond.
_MICROSECONDS = len("2020-06-18T06:00:27.123456")
# The years that Python's datetime, and so pandas and Dagster, can represent.
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def parse_stamps(texts: pa.Array, zone: str) -> pa.Array:
    """ISO 8601 texts as UTC stamps; those without a zone are local time in ``zone``.

    Blank is null, and so is ``0000-00-00``. Raises ``pa.ArrowInvalid`` if one is not a timestamp
    or is outside the years 1 to 9999. An ambiguous hour at the end of daylight saving time is the
    earlier one; a skipped time is the moment of the skip. Arrow alone would take a stamp without
    zone for UTC.
    """
    texts = pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, texts)
    try:
        return _within_years(texts, zone)
    except pa.ArrowInvalid:
        none = pc.match_substring_regex(texts, _NO_TIME)
        if not pc.any(none, min_count=0).as_py():
            raise
    return _within_years(pc.if_else(none, None, texts), zone)


def _within_years(texts: pa.Array, zone: str) -> pa.Array:
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), STAMP)
    if pc.max(pc.binary_length(texts)).as_py() > _MICROSECONDS:
        # Arrow refuses digits below a microsecond; they carry no information.
        texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    stamps = _parse(texts, zone)
    ends = pc.min_max(stamps)
    # Arrow's scalars import pandas: 0.2 s that loading the definitions must not take.
    first, last = pa.scalar(_FIRST, STAMP), pa.scalar(_LAST, STAMP)
    if pc.or_(pc.less(ends["min"], first), pc.greater(ends["max"], last)).as_py():
        raise pa.ArrowInvalid("a time stamp lies outside the years 1 to 9999")
    return stamps


def _parse(texts: pa.Array, zone: str) -> pa.Array:
    if pc.all(pc.ends_with(texts, "Z")).as_py():
        return texts.cast(STAMP)
    zoned = pc.match_substring_regex(texts, _CARRIES_ZONE)
    if pc.all(zoned).as_py():
        return texts.cast(STAMP)
    if not pc.any(zoned).as_py():
        return _local(texts, zone)
    return pc.coalesce(
        pc.if_else(zoned, texts, None).cast(STAMP),
        _local(pc.if_else(zoned, None, texts), zone),
    )


def _local(texts: pa.Array, zone: str) -> pa.Array:
    return local_to_utc(texts.cast(pa.timestamp("us")), zone)


def find_unreadable(texts: pa.Array, zone: str) -> list[int]:
    """Positions of the texts for which ``parse_stamps`` raises; may include readable ones."""
    texts = pc.if_else(pc.match_substring_regex(texts, _NO_TIME), None, texts)
    shaped = pc.fill_null(pc.match_substring_regex(texts, _SHAPE), fill_value=True)
    odd = pc.indices_nonzero(pc.invert(shaped)).to_pylist()
    return sorted(odd + _search(pc.if_else(shaped, texts, None), zone, 0))


def _search(texts: pa.Array, zone: str, start: int) -> list[int]:
    try:
        parse_stamps(texts, zone)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return [start]
        half = len(texts) // 2
        return [
            *_search(texts[:half], zone, start),
            *_search(texts[half:], zone, start + half),
        ]
    return []


def canonical_stamp(text: str) -> str | None:
    """The same time in Arrow's format; ``None`` if blank; ``ValueError`` if it is not a time."""
    text = text.strip()
    if not text or _NO_TIME_WRITTEN.fullmatch(text):
        return None
    found = _ISO.fullmatch(text)
    if not found:
        raise ValueError("is not an ISO 8601 time stamp")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micro = int(((fraction or "") + "000000")[:6])
    stamp = datetime(  # noqa: DTZ001
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro
    )
    return stamp.isoformat() + (zone or "").upper()


def to_utc(text: str, zone: str) -> datetime | None:
    """One timestamp in UTC, as by ``parse_stamps``; ``None`` if it cannot be read."""
    try:
        canonical = canonical_stamp(text)
        if canonical is None:
            return None
        parsed: datetime = parse_stamps(pa.array([canonical]), zone)[0].as_py()
    except (ValueError, pa.ArrowInvalid):
        return None
    return parsed
