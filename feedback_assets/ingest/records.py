"""One JSON record against its declaration: what is wrong with it, what is beside it, its day.

Slow and exact; only pages that Arrow refuses, or that hold fields nobody documented, come here.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import pyarrow as pa

from feedback_assets.ingest.stamps import canonical_stamp, to_utc
from feedback_assets.tables import Table
from feedback_assets.tables.columns import Column
from feedback_assets.tables.table import EXTRA

NULL_TEXT = "null"
_CENT_TENTHS = Decimal("0.0001")
_SHOWN = 60


@dataclass(frozen=True)
class Typing:
    """How a table's provider writes JSON: its zone, and whether it writes null as ``"null"``."""

    zone: str = "UTC"
    null_text: bool = False


class Untyped(ValueError):
    """A record that cannot be typed; its text says which field and why."""


def clean_record(record: Any, table: Table, typing: Typing) -> dict[str, Any]:
    """The documented fields of ``record`` in the types that Arrow reads; raises ``Untyped``.

    A number that came as ``9.0`` is the integer 9; money is rounded to four decimals, for
    16.299999999999997 is 16.3; an empty array in the place of an object (as PHP writes it) is
    an empty object.
    """
    if not isinstance(record, dict):
        raise Untyped(f"the record is {_shown(record)}, not an object")
    return _clean_fields(record, table.columns, typing, "")


def _clean_fields(
    record: dict[str, Any], columns: tuple[Column, ...], typing: Typing, prefix: str
) -> dict[str, Any]:
    clean = {}
    for column in columns:
        value = record.get(column.json_name)
        if column is EXTRA or value is None or (typing.null_text and value == NULL_TEXT):
            continue
        clean[column.json_name] = _clean(value, column, typing, f"{prefix}{column.json_name}")
    return clean


def _clean(value: Any, column: Column, typing: Typing, path: str) -> Any:
    if column.shape == "struct":
        if value == []:
            return {}
        if not isinstance(value, dict):
            raise Untyped(f"{path}: expected an object, got {_shown(value)}")
        return _clean_fields(value, column.fields, typing, f"{path}.")
    if column.shape == "list":
        if not isinstance(value, list):
            raise Untyped(f"{path}: expected an array, got {_shown(value)}")
        return [_clean_item(item, column, typing, f"{path}[{n}]") for n, item in enumerate(value)]
    return _clean_value(value, column, path)


def _clean_item(item: Any, column: Column, typing: Typing, path: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Untyped(f"{path}: expected an object, got {_shown(item)}")
    return _clean_fields(item, column.fields, typing, f"{path}.")


def _clean_value(value: Any, column: Column, path: str) -> Any:
    kind = column.type
    if pa.types.is_boolean(kind):
        return _expect(value, isinstance(value, bool), "true or false", path)
    if pa.types.is_timestamp(kind):
        _expect(value, isinstance(value, str), "a time stamp", path)
        try:
            return canonical_stamp(value)
        except ValueError as error:
            raise Untyped(f"{path}: {_shown(value)} {_reason(error)}") from None
    if pa.types.is_string(kind):
        return _expect(value, isinstance(value, str), "text", path)
    if pa.types.is_decimal(kind):
        return _money(value, path)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    _expect(value, number, "a number", path)
    if pa.types.is_integer(kind):
        return _integer(value, kind, path)
    return value


def _reason(error: ValueError) -> str:
    text = str(error)
    return text if text.startswith("is ") else f"is no time stamp: {text}"


def _expect(value: Any, holds: bool, what: str, path: str) -> Any:
    if not holds:
        raise Untyped(f"{path}: expected {what}, got {_shown(value)}")
    return value


def _money(value: Any, path: str) -> str:
    allowed = isinstance(value, int | float | str) and not isinstance(value, bool)
    _expect(value, allowed, "an amount", path)
    try:
        amount = Decimal(str(value)).quantize(_CENT_TENTHS)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount.adjusted() > 13:
        raise Untyped(f"{path}: expected an amount, got {_shown(value)}")
    return f"{amount:f}"


def _integer(value: float, kind: pa.DataType, path: str) -> int:
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):  # noqa: PLR0124
        raise Untyped(f"{path}: expected a whole number, got {_shown(value)}")
    limit = 2 ** (kind.bit_width - 1)
    if not -limit <= int(value) < limit:
        raise Untyped(f"{path}: {value} is out of range")
    return int(value)


def _shown(value: Any) -> str:
    names = {dict: "an object", list: "an array", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    kind = "the text " if isinstance(value, str) else ""
    text = msgspec.json.encode(value).decode()
    return kind + (text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def extra_of(record: Any, table: Table) -> str | None:
    """The fields of ``record`` that the declaration does not name, as JSON; null if none."""
    if not isinstance(record, dict):
        return None
    unknown = _unknown(record, table.columns)
    return msgspec.json.encode(unknown, order="sorted").decode() if unknown else None


def _unknown(record: dict[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    known = {column.json_name: column for column in columns if column is not EXTRA}
    unknown: dict[str, Any] = {}
    for name, value in record.items():
        column = known.get(name)
        if column is None:
            unknown[name] = value
        elif column.shape == "struct" and isinstance(value, dict):
            inner = _unknown(value, column.fields)
            if inner:
                unknown[name] = inner
        elif column.shape == "list" and isinstance(value, list):
            items = [_unknown(v, column.fields) if isinstance(v, dict) else {} for v in value]
            if any(items):
                unknown[name] = items
    return unknown


def day_of(record: Any, table: Table, typing: Typing) -> date | None:
    """The UTC day of a record that may be bad, where its event time can be read."""
    column = table.column(table.event_time or "")
    fallback = _fallback_json(table, column)
    for path in filter(None, ((column.json_name,), fallback)):
        value = record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            stamp = to_utc(value, typing.zone)
            if stamp is not None:
                return stamp.date()
    return None


def _fallback_json(table: Table, column: Column) -> tuple[str, ...]:
    names: list[str] = []
    fields = table.columns
    for part in filter(None, column.fallback.split(".")):
        field = next(field for field in fields if field.name == part)
        names.append(field.json_name)
        fields = field.fields
    return tuple(names)
