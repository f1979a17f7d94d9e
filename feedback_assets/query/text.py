"""Query results as text for terminals and programs."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from feedback_assets.reports.csv_text import json_value

# Characters that a terminal interprets (escape, bell, C1), and those that reverse the text
# direction. U+200C and U+200D join letters in Persian, Indian scripts and emoji, so they stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with terminal control characters escaped; line ends and tabs stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def json_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], *, ascii_only: bool) -> str:
    """The rows as JSON objects, separated by a comma and a line break."""
    return ",\n ".join(
        json.dumps(
            {name: _finite(value) for name, value in zip(names, row, strict=True)},
            default=json_value,
            ensure_ascii=ascii_only,
        )
        for row in rows
    )


def _finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null, as JavaScript does."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return value
