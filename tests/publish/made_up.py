"""Rows for a table, generated from its declaration: every type, nulls, and awkward texts."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from feedback_assets.schema.table import Table

AWKWARD = (
    "",
    "plain",
    "quote ' and \" and \\ and \\u0000",
    "line\nbreak\ttab",
    "\\N",
    "日本語 🙂 é",
    "{not: json",
    "a@example.com wrote",
    "null",
)


def made_up(table: Table, day: date | None, count: int, seed: object = 0) -> pa.Table:
    """``count`` rows with distinct keys, the same for the same arguments."""
    draw = random.Random(f"{table.full_name} {day} {count} {seed}")
    rows = []
    for number in range(count):
        row = {field.name: _value(field.type, field.nullable, draw, day) for field in table.schema}
        for part in table.key:
            _make_distinct(row, part.split("."), number)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=table.schema)


def _make_distinct(row: dict[str, Any], path: list[str], number: int) -> None:
    *outer, name = path
    for part in outer:
        row[part] = row[part] or {}
        row = row[part]
    value = row.get(name)
    if value is None or isinstance(value, str):
        row[name] = f"{number} {value or ''}"
    elif isinstance(value, int) and not isinstance(value, bool):
        row[name] = number


def _value(kind: pa.DataType, nullable: bool, draw: random.Random, day: date | None) -> Any:
    if nullable and draw.random() < 0.3:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _value(field.type, True, draw, day) for field in kind}
    if pa.types.is_list(kind):
        return [_value(kind.value_type, False, draw, day) for _ in range(draw.randrange(3))]
    return _plain(kind, draw, day)


def _plain(kind: pa.DataType, draw: random.Random, day: date | None) -> Any:
    if pa.types.is_string(kind):
        return draw.choice(AWKWARD)
    if pa.types.is_boolean(kind):
        return draw.random() < 0.5
    if pa.types.is_integer(kind):
        return draw.randrange(-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1))
    if pa.types.is_floating(kind):
        return draw.choice((0.0, 1 / 3, -1e300, 5e-324, draw.gauss(0, 100)))
    if pa.types.is_decimal(kind):
        digits = 10 ** (kind.precision - 1)
        return Decimal(draw.randrange(-digits, digits)).scaleb(-kind.scale)
    if pa.types.is_date(kind):
        return (day or date(2026, 1, 1)) + timedelta(days=draw.randrange(-900, 900))
    start = datetime.combine(day or date(2026, 1, 1), datetime.min.time(), UTC)
    return start + timedelta(microseconds=draw.randrange(86_400_000_000))
