"""Time stamps as providers write them, a column or a single one, with or without a zone."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.tables.columns import STAMP

_CARRIES_ZONE = r"[T ].*(Z|[+-]\d{2}(:?\d{2})?)$"
_ISO = re.compile(
    r"""(\d{4})-(\d\d)-(\d\d)
        (?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?
        (Z|[+-]\d\d(?::?\d\d)?)?)?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def parse_stamps(texts: pa.Array, zone: str) -> pa.Array:
    """ISO 8601 texts as UTC stamps; those without a zone are taken for local time in ``zone``.

    Blank is null. Raises ``pa.ArrowInvalid`` where one is no time stamp. An hour that the clock
    shows twice is the earlier one. Arrow alone would take a stamp without zone for UTC.
    """
    texts = pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, texts)
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), STAMP)
    # Arrow refuses digits under a microsecond; no provider's clock means them.
    texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
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
    naive = texts.cast(pa.timestamp("us"))
    local = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    return local.cast(STAMP)


def canonical_stamp(text: str) -> str | None:
    """The same time as Arrow reads it; ``None`` for blank; ``ValueError`` for no time at all."""
    text = text.strip()
    if not text:
        return None
    found = _ISO.fullmatch(text)
    if not found:
        raise ValueError("is no ISO 8601 time stamp")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micro = int(((fraction or "") + "000000")[:6])
    stamp = datetime(  # noqa: DTZ001
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro
    )
    return stamp.isoformat() + (zone or "").upper()


def to_utc(text: str, zone: str) -> datetime | None:
    """One time stamp in UTC, as ``parse_stamps`` has it; ``None`` where it cannot be read."""
    try:
        canonical = canonical_stamp(text)
        if canonical is None:
            return None
        ZoneInfo(zone)
        parsed: datetime = parse_stamps(pa.array([canonical]), zone)[0].as_py()
    except (ValueError, pa.ArrowInvalid, OverflowError):
        return None
    return parsed
