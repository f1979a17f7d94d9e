"""JSON arrays cut into their records though one cannot be read, and objects that stand for arrays.

msgspec cuts at full speed but gives up on the whole array for one lone surrogate or one record
nested too deep for its stack; what it refuses is cut here by brackets alone.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},"]', re.DOTALL)
# The first quote cannot close a text, for nothing but , : } ] may follow one; so unless it is
# escaped it opens one, which is then exactly "null".
_NULL_TEXT = re.compile(rb'"null"(?<!\\"null")(?!\s*:)')
_OPENING = frozenset({b"[", b"{"})
_CLOSING = frozenset({b"]", b"}"})
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")


def cut_records(array: bytes) -> list[msgspec.Raw]:
    """The records of a JSON array, each as it stands there.

    Raises ``msgspec.DecodeError`` where ``array`` is no JSON array. A record may still be no
    JSON: whoever decodes it will see.
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
    """Where the records of the array end; raises ``ValueError`` for what is no array."""
    depth = 0
    if array[:1] != b"[" or array[-1:] != b"]":
        raise ValueError("no array")
    for token in _TOKEN.finditer(array):
        sign = token[0]
        if sign == b'"':
            raise ValueError("a text does not end")
        if sign == b"," and depth == 1:
            yield token.start()
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth == 0:
            if token.end() != len(array):
                raise ValueError("something follows the array")
            yield token.start()
    if depth:
        raise ValueError("the array does not end")


def null_for_null_text(array: bytes) -> bytes:
    """The same JSON with ``null`` wherever a value is the text ``"null"``."""
    # A quote after a colon opens a text, or what follows were no JSON. Most writers put no space
    # there, and this is ten times as fast as the expression for those that do; twenty times where
    # nothing has to move, hence the blanks.
    array = array.replace(b':"null"', b":null  ")
    return _NULL_TEXT.sub(b"null", array) if b'"null"' in array else array


def numbered(value: dict[str, Any], *, gaps: bool = False) -> list[Any] | None:
    """The values of an object with consecutive numbers as keys, in their order; else ``None``.

    PHP writes an array this way unless its keys count from 0. ``gaps``: any numbers will do.
    """
    if not all(map(_POSITION.fullmatch, value)):
        return None
    keys = sorted(value, key=int)
    if keys and not gaps and int(keys[-1]) - int(keys[0]) != len(keys) - 1:
        return None
    return [value[key] for key in keys]
