"""Splits JSON arrays into records even if one is unreadable, and reads objects used as arrays.

msgspec splits at full speed but refuses the whole array for one lone surrogate or one record
nested too deep for its stack; arrays that it refuses are split here by brackets alone.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},"]', re.DOTALL)
# The first quote cannot close a string, since only , : } ] may follow a closing one; so unless it
# is escaped it opens a string, which is then exactly "null".
_NULL_TEXT = re.compile(rb'"null"(?<!\\"null")(?!\s*:)')
_OPENING = frozenset({b"[", b"{"})
_CLOSING = frozenset({b"]", b"}"})
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")


def cut_records(array: bytes) -> list[msgspec.Raw]:
    """The records of a JSON array, each as served.

    Raises ``msgspec.DecodeError`` if ``array`` is not a JSON array. A record may still be invalid
    JSON, which decoding it will show.
    """
    try:
        return msgspec.json.decode(array, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        reason = str(error)
    try:
        return [msgspec.Raw(record) for record in _cut_by_brackets(array.strip(b" \t\r\n"))]
    except ValueError:
        raise msgspec.DecodeError(reason) from None


def _cut_by_brackets(array: bytes) -> list[bytes]:
    ends = list(_ends(array))
    starts = [1, *(end + 1 for end in ends)]
    records = [array[start:end].strip() for start, end in zip(starts, ends, strict=False)]
    if records == [b""]:
        return []
    if not all(records):
        raise ValueError("a record is missing between two commas")
    return records


def _ends(array: bytes) -> Iterator[int]:
    """Yield where the records of the array end; raises ``ValueError`` if it is not an array."""
    depth = 0
    if array[:1] != b"[" or array[-1:] != b"]":
        raise ValueError("no array")
    for token in _TOKEN.finditer(array):
        sign = token[0]
        if sign == b'"':
            raise ValueError("unterminated string")
        if sign == b"," and depth == 1:
            yield token.start()
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth == 0:
            if token.end() != len(array):
                raise ValueError("unexpected data after the array")
            yield token.start()
    if depth:
        raise ValueError("unterminated array")


def null_for_null_text(array: bytes) -> bytes:
    """The same JSON with ``null`` wherever a value is the string ``"null"``."""
    # A quote after a colon opens a string, or the rest would not be JSON. Most writers put no
    # space there, and this replacement is ten times as fast as the regex for those that do; twenty
    # times if the length does not change, hence the blanks.
    array = array.replace(b':"null"', b":null  ")
    return _NULL_TEXT.sub(b"null", array) if b'"null"' in array else array


def numbered(value: dict[str, Any], *, gaps: bool = False) -> list[Any] | None:
    """The values of an object with consecutive numeric keys, in order; otherwise ``None``.

    PHP writes an array this way unless its keys count from 0. ``gaps``: any numbers are accepted.
    """
    if not all(map(_POSITION.fullmatch, value)):
        return None
    keys = sorted(value, key=int)
    if keys and not gaps and int(keys[-1]) - int(keys[0]) != len(keys) - 1:
        return None
    return [value[key] for key in keys]
