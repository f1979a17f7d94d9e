"""Taking a body apart: its keys, the array of records as bytes, and numbers however they come."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from feedback_assets.http.bodies import top_fields
from feedback_assets.http.session import HttpClient

Fields = dict[str, msgspec.Raw]


def first_of(found: Fields, *names: str) -> msgspec.Raw | None:
    """The first of these fields that is there and not null."""
    there = (found[name] for name in names if name in found)
    return next((raw for raw in there if bytes(raw) != b"null"), None)


def nested(found: Fields, *names: str) -> Fields:
    """The fields of the first of these that is an object; none where there is no such."""
    for name in names:
        raw = found.get(name)
        if raw is not None and bytes(raw).startswith(b"{"):
            return msgspec.json.decode(raw, type=Fields)
    return {}


def fields(client: HttpClient, endpoint: str, body: bytes, expected: str) -> Fields:
    """The top-level fields of an object, undecoded; `EnvelopeNotRecognised` for anything else."""
    try:
        return top_fields(body)
    except msgspec.ValidationError:
        found = kind(body)
    raise client.unrecognised(endpoint, expected, found)


def array(client: HttpClient, endpoint: str, found: Fields, name: str) -> bytes:
    """The array under `name`, exactly as served.

    Raises `EnvelopeNotRecognised`, naming the keys that were there, where it is missing, null or
    no array: never zero rows.
    """
    raw = found.get(name)
    if raw is None:
        keys = ", ".join(sorted(found)[:20]) or "no keys"
        raise client.unrecognised(endpoint, f"an array under {name}", f"the keys {keys}")
    records = bytes(raw)
    if not records.startswith(b"["):
        raise client.unrecognised(endpoint, f"an array under {name}", f"{kind(records)} there")
    return records


def bare_array(client: HttpClient, endpoint: str, body: bytes) -> bytes:
    """The body itself where it is an array of objects, exactly as served.

    Raises `EnvelopeNotRecognised` for anything else; `[[…], 12]` is another kind of envelope.
    """
    records = body.strip()
    if not records.startswith(b"["):
        raise client.unrecognised(endpoint, "an array of objects", kind(records))
    first = records[1:200].lstrip()[:1]
    if first not in (b"{", b"]", b""):
        found = f"an array of {kind(first)}"
        raise client.unrecognised(endpoint, "an array of objects", found)
    return records


def record(client: HttpClient, endpoint: str, body: bytes, *names: str) -> dict[str, Any]:
    """The one record under the first of these names that is there, decoded."""
    expected = f"an object under {' or '.join(names)}"
    found = fields(client, endpoint, body, expected)
    for name in names:
        raw = found.get(name)
        if raw is not None and bytes(raw).startswith(b"{"):
            decoded: dict[str, Any] = whole(client, endpoint, raw)
            return decoded
    keys = ", ".join(sorted(found)[:20]) or "no keys"
    raise client.unrecognised(endpoint, expected, f"the keys {keys}")


def whole(client: HttpClient, endpoint: str, body: bytes | msgspec.Raw) -> Any:
    """All of a body decoded; `EnvelopeNotRecognised` where a number of it fits no double."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        found = str(error).lower()
    raise client.unrecognised(endpoint, "values that can be read", found)


def _value(raw: msgspec.Raw | None) -> Any:
    """What stands there, or its own text where it is a number that fits no double (1e400)."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()


def number(raw: msgspec.Raw | None) -> int | None:
    """A count that may come as an integer, a float or a string; None for anything else."""
    value = _value(raw)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return int(amount) if math.isfinite(amount) and amount >= 0 else None


def key(raw: msgspec.Raw | None) -> str | None:
    """The key of a next page; None where it is missing, null, false, blank or the text `null`."""
    value = _value(raw)
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    text = str(value).strip()
    return None if text in ("", "null") else text


def kind(body: bytes | msgspec.Raw) -> str:
    """What a JSON value is, in a word or two for an error message."""
    start = bytes(body).lstrip()[:1]
    names = {b"{": "an object", b"[": "an array", b'"': "a text", b"n": "null"}
    return names.get(start, "true or false" if start in (b"t", b"f") else "a number")


def length(records: bytes) -> int:
    """How many elements an array holds."""
    return len(msgspec.json.decode(records, type=list[msgspec.Raw]))
