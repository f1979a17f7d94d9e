"""Shared by the providers' handlers: JSON responses, pagination and parameter parsing."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from starlette.responses import Response

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_encoder = msgspec.json.Encoder()


class BadParameter(ValueError):
    """A parameter that the documentation does not allow; its text becomes part of the response."""


def as_json(body: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return _encoder.encode(body)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(as_json(body), status, dict(headers or {}), media_type="application/json")


def whole_number(
    text: str | None, name: str, default: int, *, least: int = 1, most: int | None = None
) -> int:
    """An integer parameter within bounds, or its default if it is missing."""
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit()):
        raise BadParameter(f"{name} must be a whole number")
    number = int(text)
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise BadParameter(f"{name} must be {bounds}")
    return number


def day(text: str | None, name: str) -> date | None:
    """A parameter `YYYY-MM-DD`, or None if it is missing."""
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise BadParameter(f"{name} must have the format YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"{name} is not a calendar date") from None
