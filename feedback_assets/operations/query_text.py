"""A query as text, and its answer as CSV and JSON; nothing here takes time to import."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

# They take the names of tables as values, which may be put together from parts.
NAMES_ITS_TABLES_ELSEWHERE = re.compile(r"\bquery(_table)?\b", re.IGNORECASE)
# A spreadsheet takes a cell that begins so for a formula, and comments are written by strangers.
# The wide forms are those of East Asian keyboards, which spreadsheets take alike.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
# What a terminal obeys (escape, bell, C1), and what turns the order of a line around. Letters are
# joined by U+200C and U+200D in Persian, in Indian scripts and in emoji, so these stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with what a terminal would obey written out; line ends and tabs stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def csv_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV with a header; text that a spreadsheet would run gets a leading quote."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_harmless(name) for name in names])
    for row in rows:
        writer.writerow([_harmless(value) for value in row])
    return text.getvalue()


def json_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The rows as a JSON array of objects, a line each; money as numbers, times as ISO 8601."""
    lines = (
        json.dumps(dict(zip(names, row, strict=True)), default=_json_value, ensure_ascii=False)
        for row in rows
    )
    return "[" + ",\n ".join(lines) + "]\n"


def _harmless(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, dict | list):
        return json.dumps(value, default=_json_value, ensure_ascii=False)
    return _text(value)


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json_value(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "as_tuple"):
        return float(value)
    return str(value)
