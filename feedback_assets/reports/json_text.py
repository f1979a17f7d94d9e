"""JSON of query results: decimals with all their digits, times as ISO 8601, no NaN."""

import json
import math
import re
from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """The value on one line; NaN and infinity as null, anything without a JSON form as text."""
    text = msgspec.json.format(_encoder.encode(_plain(value)), indent=0).decode()
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text) if ascii_only else text


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | str() | Decimal():
            return value
        case int():
            # The encoder writes integers of 64 bits only.
            return value if value.bit_length() < 64 else Decimal(value)
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case dict():
            return {str(name): _plain(inner) for name, inner in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
