"""Reads numeric timestamps, in seconds or milliseconds since 1970, one or a whole column.

Digits below a microsecond are dropped, as in textual timestamps.
"""

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import STAMP

Unit = Literal["s", "ms"]

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The years 1 to 9999, as for textual timestamps.
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _START) // _MICROSECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) - _START) // _MICROSECOND
# Decimals of a number down to microseconds; 18 digits in all.
_DECIMALS: dict[Unit, int] = {"s": 6, "ms": 3}
_EXACT = Context(prec=60, rounding=ROUND_DOWN, Emin=-999_999, Emax=999_999)


def bounds(unit: Unit) -> tuple[Decimal, Decimal]:
    """The exclusive bounds of numbers that stay within the years 1 to 9999."""
    decimals = _DECIMALS[unit]
    first, last = (Decimal(end).scaleb(-decimals, _EXACT) for end in (_FIRST - 1, _LAST + 1))
    return first, last


def from_epoch(number: int | Decimal, unit: Unit) -> datetime:
    """The moment in UTC; ``ValueError`` outside the years 1 to 9999."""
    first, last = bounds(unit)
    # Compared before rounding: 1e999999 has a million digits.
    if not first < number < last:
        raise ValueError("lies outside the years 1 to 9999")
    decimals = _DECIMALS[unit]
    exact = Decimal(number).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    return _START + int(exact.scaleb(decimals, _EXACT)) * _MICROSECOND


def to_epoch(moment: datetime, unit: Unit) -> Decimal:
    """The number that ``from_epoch`` reads as this moment."""
    return Decimal((moment - _START) // _MICROSECOND).scaleb(-_DECIMALS[unit], _EXACT)


def parse_epochs(numbers: pa.Array, unit: Unit) -> tuple[pa.Array, pa.Array | None]:
    """Integers or decimals as stamps, and a mask of those outside the years 1 to 9999.

    These are null; the mask is None if there are none.
    """
    first, last = bounds(unit)
    ends = pc.min_max(numbers)
    low, high = (Decimal(ends[end].as_py() or 0) for end in ("min", "max"))
    if first < low and high < last:
        return _stamps(numbers, unit), None
    if pa.types.is_integer(numbers.type):
        least, most = (pa.scalar(end, pa.int64()) for end in _integers_outside(first, last))
    else:
        # With the wide type: Arrow stores more digits than a type declares, and compares them
        # right.
        wide = pa.decimal256(76, numbers.type.scale)
        least, most = pa.scalar(first, wide), pa.scalar(last, wide)
        numbers = numbers.cast(wide)
    outside = pc.or_(pc.less_equal(numbers, least), pc.greater_equal(numbers, most))
    return _stamps(pc.if_else(outside, None, numbers), unit), outside


def _integers_outside(first: Decimal, last: Decimal) -> tuple[int, int]:
    """The integers closest to the bounds from outside."""
    return math.floor(first), math.ceil(last)


def _stamps(numbers: pa.Array, unit: Unit) -> pa.Array:
    decimals = _DECIMALS[unit]
    if pa.types.is_integer(numbers.type):
        counted = pc.multiply(numbers, pa.scalar(10**decimals, pa.int64()))
    else:
        narrow = pc.CastOptions(pa.decimal128(18, decimals), allow_decimal_truncate=True)
        scale = pa.scalar(Decimal(10**decimals), pa.decimal128(7, 0))
        # All decimals are zero here.
        counted = pc.multiply(numbers.cast(options=narrow), scale).cast(pa.int64())
    return counted.cast(STAMP)
