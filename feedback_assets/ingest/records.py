"""Checks one JSON record against its declaration: its errors, its extra fields and its day.

Slow and exact; used only for records that Arrow refuses or that have undocumented fields.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal

import msgspec
import pyarrow as pa

from feedback_assets.http.cutting import numbered
from feedback_assets.ingest.epochs import from_epoch, to_epoch
from feedback_assets.ingest.stamps import canonical_stamp, to_utc
from feedback_assets.ingest.texts import normal_json
from feedback_assets.schema.columns import AMOUNT_LIMIT, Column
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.typing import Typing

AMOUNT_TEXT = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
"""A number written as text, in the form that Arrow accepts."""

BOOLEANS: dict[int | str, bool] = {
    0: False,
    1: True,
    "0": False,
    "1": True,
    "false": False,
    "true": True,
}
"""Values read as a boolean; ``True`` and ``False`` are equal to 1 and 0."""

_AMOUNT = re.compile(AMOUNT_TEXT, re.ASCII)
# A double's 17 digits after 14 before the point, with room to spare.
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
_SHOWN = 60

Kind = Literal["struct", "list", "bool", "stamp", "epoch", "text", "amount", "integer", "number"]


class Untyped(ValueError):
    """A record that cannot be parsed; the text names the field and the reason."""


@dataclass(frozen=True, eq=False, slots=True)
class _Field:
    """A documented field, prepared for checking: looking up its Arrow kind each time is slow."""

    name: str
    kind: Kind
    column: Column
    fields: "dict[str, _Field]"


@cache
def _fields_of(table: Table) -> dict[str, _Field]:
    return _by_json_name(table.columns)


def _by_json_name(columns: tuple[Column, ...]) -> dict[str, _Field]:
    return {
        column.json_name: _Field(
            column.json_name, kind_of(column), column, _by_json_name(column.fields)
        )
        for column in columns
        if column is not EXTRA
    }


def kind_of(column: Column) -> Kind:
    """The kind of value in the column, for reading JSON."""
    if column.shape != "value":
        return column.shape
    if column.epoch is not None:
        return "epoch"
    tests: tuple[tuple[Any, Kind], ...] = (
        (pa.types.is_boolean, "bool"),
        (pa.types.is_timestamp, "stamp"),
        (pa.types.is_string, "text"),
        (pa.types.is_decimal, "amount"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
    )
    return next(kind for holds, kind in tests if holds(column.type))


def clean_record(record: Any, table: Table) -> dict[str, Any]:
    """The documented fields of ``record`` in the types that Arrow reads; raises ``Untyped``.

    ``record`` is decoded with ``Decimal`` for every number with a point or an exponent, to avoid
    rounding twice. A number served as ``9.0`` is the integer 9; money is rounded to four decimals,
    so 16.299999999999997 is 16.3. Equivalent forms are accepted: a number written as text, an
    integer where text is declared, 0 and 1 (or ``"true"`` and ``"false"``) for a boolean, and, as
    PHP writes them, an empty array for an empty object and an object with consecutive numeric keys
    for an array.
    """
    if not isinstance(record, dict):
        raise Untyped(f"the record is {_shown(record)}, not an object")
    return _clean_fields(record, _fields_of(table), "")


def _clean_fields(record: dict[str, Any], fields: dict[str, _Field], prefix: str) -> dict[str, Any]:
    clean = {}
    for name, field in fields.items():
        value = record.get(name)
        if value is not None:
            clean[name] = _clean(value, field, f"{prefix}{name}")
    return clean


def _clean(value: Any, field: _Field, path: str) -> Any:
    if field.kind == "struct":
        return _clean_object(value if value != [] else {}, field, path)
    if field.kind == "list":
        items: Any = numbered(value) if isinstance(value, dict) else value
        _expect(value, isinstance(items, list), "an array", path)
        return [
            None if item is None else _clean_object(item, field, f"{path}[{n}]")
            for n, item in enumerate(items)
        ]
    return _clean_value(value, field, path)


def _clean_object(value: Any, field: _Field, path: str) -> dict[str, Any]:
    _expect(value, isinstance(value, dict), "an object", path)
    return _clean_fields(value, field.fields, f"{path}.")


def _clean_value(value: Any, field: _Field, path: str) -> Any:
    match field.kind:
        case "bool":
            known = isinstance(value, int | str) and value in BOOLEANS
            return BOOLEANS[_expect(value, known, "true or false", path)]
        case "text":
            return str(_expect(value, _is_integer(value) or isinstance(value, str), "text", path))
        case "stamp" | "epoch" | "amount":
            return _WRITTEN[field.kind](value, field.column, path)
    number = _as_number(value, "a number", path)
    if field.kind == "integer":
        return _integer(number, field.column.type, value, path)
    return _double(number, value, path)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_number(value: Any, what: str, path: str) -> int | Decimal:
    """The number that ``value`` is or spells."""
    if isinstance(value, str):
        text = value.strip()
        return Decimal(_expect(value, bool(_AMOUNT.fullmatch(text)), what, path) and text)
    number: int | Decimal = _expect(
        value, _is_integer(value) or isinstance(value, Decimal), what, path
    )
    return number


def _stamp(value: Any, _column: Column, path: str) -> str | None:
    _expect(value, isinstance(value, str), "a time stamp", path)
    try:
        return canonical_stamp(value)
    except ValueError as error:
        text = str(error)
        reason = text if text.startswith("is ") else f"is not a time stamp: {text}"
        raise Untyped(f"{path}: {_shown(value)} {reason}") from None


def _expect(value: Any, holds: bool, what: str, path: str) -> Any:
    if not holds:
        raise Untyped(f"{path}: expected {what}, got {_shown(value)}")
    return value


def _money(value: Any, column: Column, path: str) -> str:
    number = _as_number(value, "an amount", path)
    try:
        amount = Decimal(number).quantize(Decimal(1).scaleb(-column.type.scale), context=_ROUNDING)
    except InvalidOperation:
        raise _out_of_range(value, path) from None
    if abs(amount) >= AMOUNT_LIMIT:
        raise _out_of_range(value, path)
    return f"{amount:f}"


def _epoch(value: Any, column: Column, path: str) -> str:
    number = _as_number(value, "a time stamp as a number", path)
    try:
        moment = from_epoch(number, column.epoch or "s")
    except ValueError as error:
        raise Untyped(f"{path}: {_shown(value)} {error}") from None
    return f"{to_epoch(moment, column.epoch or 's'):f}"


_WRITTEN: dict[str, Callable[[Any, Column, str], str | None]] = {
    "stamp": _stamp,
    "epoch": _epoch,
    "amount": _money,
}
"""Kinds that Arrow reads as text, whatever their JSON type."""


def _integer(number: int | Decimal, kind: pa.DataType, value: Any, path: str) -> int:
    limit = 2 ** (kind.bit_width - 1)
    # Compared before the conversion to an integer: 1e999999 has a million digits.
    if not -limit <= number < limit:
        raise _out_of_range(value, path)
    if number != int(number):
        raise Untyped(f"{path}: expected a whole number, got {_shown(value)}")
    return int(number)


def _double(number: int | Decimal, value: Any, path: str) -> float:
    try:
        double = float(number)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise _out_of_range(value, path)
    return double


def _out_of_range(value: Any, path: str) -> Untyped:
    return Untyped(f"{path}: {_shown(value)} is out of range")


def _shown(value: Any) -> str:
    names = {dict: "an object", list: "an array", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    if isinstance(value, str):
        return f"the text {_cut(msgspec.json.encode(value[:_SHOWN]).decode())}"
    return _cut(str(value).lower() if isinstance(value, bool) else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def extra_of(record: Any, table: Table) -> str | None:
    """The undeclared fields of ``record`` as JSON; null if there are none."""
    if not isinstance(record, dict):
        return None
    unknown = _unknown(record, _fields_of(table))
    if not unknown:
        return None
    return normal_json(msgspec.json.encode(unknown, order="sorted").decode())


def _unknown(record: dict[str, Any], fields: dict[str, _Field]) -> dict[str, Any]:
    unknown: dict[str, Any] = {}
    for name, value in record.items():
        field = fields.get(name)
        if field is None:
            unknown[name] = value
        elif field.kind == "struct" and isinstance(value, dict):
            inner = _unknown(value, field.fields)
            if inner:
                unknown[name] = inner
        elif field.kind == "list" and isinstance(value, list | dict):
            listed = numbered(value) if isinstance(value, dict) else value
            items = [_unknown(v, field.fields) if isinstance(v, dict) else {} for v in listed or ()]
            if any(items):
                unknown[name] = items
    return unknown


def day_of(record: Any, table: Table, typing: Typing) -> date | None:
    """The UTC day of a record, possibly a bad one, if its event time can be read."""
    column = table.column(table.event_time or "")
    fallback = _fallback_json(table, column)
    for path in filter(None, ((column.json_name,), fallback)):
        value = record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        stamp = _moment(value, column, typing)
        if stamp is not None:
            return stamp.date()
    return None


def _moment(value: Any, column: Column, typing: Typing) -> datetime | None:
    if column.epoch is None:
        return to_utc(value, typing.zone) if isinstance(value, str) else None
    # A double here; its shortest text is the served one, or is on the same day.
    number = str(value) if isinstance(value, float) else value
    try:
        return from_epoch(_as_number(number, "", ""), column.epoch)
    except ValueError:
        return None


def _fallback_json(table: Table, column: Column) -> tuple[str, ...]:
    names: list[str] = []
    fields = table.columns
    for part in filter(None, column.fallback.split(".")):
        field = next(field for field in fields if field.name == part)
        names.append(field.json_name)
        fields = field.fields
    return tuple(names)
