"""Query results as text for terminals and programs."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from feedback_assets.reports.json_text import json_text

# Characters that a terminal interprets (escape, bell, C1), and those that reverse the text
# direction. U+200C and U+200D join letters in Persian, Indian scripts and emoji, so they stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with terminal control characters escaped; line ends and tabs stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def json_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], *, ascii_only: bool) -> str:
    """The rows as JSON objects, separated by a comma and a line break."""
    return ",\n ".join(
        json_text(dict(zip(names, row, strict=True)), ascii_only=ascii_only) for row in rows
    )
