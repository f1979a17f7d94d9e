"""Reads a JSON array into typed columns with Arrow, and marks the rows that it cannot read.

Measured on 200,000 orders, ``pyarrow.json`` with an explicit schema is 1.0; ``json.loads`` and
``from_pylist`` 2.4. ``ignore_errors`` of DuckDB and Polars silently turns a wrong value into null.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from feedback_assets.ingest.epochs import Unit, parse_epochs
from feedback_assets.ingest.stamps import find_unreadable, parse_stamps
from feedback_assets.ingest.texts import normal_texts
from feedback_assets.schema.columns import AMOUNT_LIMIT, FLOAT, INT64, TEXT, Column
from feedback_assets.schema.table import EXTRA, Table

# Holds every decimal of a double. Arrow multiplies up to the scale without an overflow check, but
# a value that overflows 256 bits at this scale stays far above any amount, so it is still caught.
_LONG_AMOUNT = pa.decimal256(76, 30)
_MONEY_LIMIT = Decimal(AMOUNT_LIMIT)
# Values from here on would round up to the limit.
_ROUNDED_LIMIT = _MONEY_LIMIT - Decimal("0.00005")


class Refused(Exception):
    """Arrow cannot read the array as declared; it does not report which record is at fault."""


@dataclass(frozen=True)
class Reading:
    """Rows in the table's schema, ``extra`` null, and the rows that lost something as read."""

    rows: pa.Table
    suspects: frozenset[int]


def read_array(records: bytes, table: Table, zone: str, *, lenient: bool = False) -> Reading:
    """Read an array of records; one with an unreadable timestamp, amount or value is a suspect.

    Refuses values of the wrong JSON type and undeclared fields. With ``lenient``, undeclared fields
    are skipped (never built: Arrow builds a type for each level of nesting and crashes at a hundred
    thousand), money may have more than four decimals, and 9.0 counts as a whole number.
    """
    array = _read(records, table, lenient=lenient)
    read = [(column, _field(array, column)) for column in table.columns if column is not EXTRA]
    # Texts may be escaped, in which case the page itself is ASCII.
    ascii_only = records.isascii() and b"\\u" not in records
    typing = _Typing(zone, _stamps_at_once(read, zone), ascii_only=ascii_only)
    typing.suspect(array.is_null(), None)
    try:
        columns = {column.name: typing.convert(values, column, None) for column, values in read}
    except pa.ArrowInvalid as error:
        raise Refused(str(error)) from None
    columns[EXTRA.name] = pa.nulls(len(array), TEXT)
    schema = table.schema
    rows = pa.table([columns[name] for name in schema.names], schema=schema)
    return Reading(_filled(rows, table), frozenset(typing.suspects))


def _read(records: bytes, table: Table, *, lenient: bool) -> pa.StructArray:
    # One object around the array: Arrow reads one object a line, and a page is one line.
    body = b'{"r":' + records + b"}"
    try:
        if not body.isascii():
            body.decode()
        read = pj.read_json(
            pa.BufferReader(body),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=_json_schema(table, lenient),
                newlines_in_values=True,
                unexpected_field_behavior="ignore" if lenient else "error",
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise Refused(str(error)) from None
    if read.num_rows != 1 or read.num_columns != 1 or read.column(0).null_count:
        raise Refused("not one array of records")
    return read.column(0).combine_chunks().flatten()


@cache
def _json_schema(table: Table, lenient: bool) -> pa.Schema:
    return pa.schema([("r", pa.list_(_json_struct(table.columns, lenient)))])


def _json_struct(columns: tuple[Column, ...], lenient: bool) -> pa.DataType:
    return pa.struct(
        [
            (column.json_name, _json_type(column, lenient))
            for column in columns
            if column is not EXTRA
        ]
    )


def _json_type(column: Column, lenient: bool) -> pa.DataType:
    if column.shape == "struct":
        return _json_struct(column.fields, lenient)
    if column.shape == "list":
        return pa.list_(_json_struct(column.fields, lenient))
    if lenient and (column.epoch or pa.types.is_decimal(column.type)):
        return _LONG_AMOUNT
    if lenient and _fits_double(column.type):
        return FLOAT
    if column.epoch:
        return INT64
    # Arrow's JSON reader would take a stamp without zone for UTC, so stamps are read as text.
    return TEXT if pa.types.is_timestamp(column.type) else column.type


def _fits_double(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) and kind.bit_width <= 32)


def _field(array: pa.StructArray, column: Column) -> pa.Array:
    return array.field(array.type.get_field_index(column.json_name))


def _stamps_at_once(read: list[tuple[Column, pa.Array]], zone: str) -> Iterator[pa.Array] | None:
    """The stamps of every column, in the order of conversion; None if one is unreadable.

    Arrow takes about 15 steps to read a page's stamps, each of which waits for the GIL: an order
    has six stamp columns.
    """
    texts = [text for column, values in read for text in _stamp_texts(values, column)]
    if not texts:
        return None
    try:
        stamps = parse_stamps(pa.concat_arrays(texts), zone)
    except pa.ArrowInvalid:
        return None
    ends = accumulate(len(text) for text in texts)
    return iter([stamps[end - len(text) : end] for text, end in zip(texts, ends, strict=True)])


def _stamp_texts(array: pa.Array, column: Column) -> Iterator[pa.Array]:
    """The texts that ``_Typing.convert`` will read as stamps, in its order."""
    if column.shape != "value":
        items = array.values if column.shape == "list" else array
        for field in column.fields:
            yield from _stamp_texts(_field(items, field), field)
    elif pa.types.is_timestamp(column.type) and not column.epoch:
        yield array


class _Typing:
    """Converts Arrow's arrays to the declared types; unconvertible values become null."""

    def __init__(self, zone: str, stamps: Iterator[pa.Array] | None, *, ascii_only: bool) -> None:
        self._zone = zone
        self._read_stamps = stamps
        self._ascii_only = ascii_only
        self.suspects: set[int] = set()

    def suspect(self, broken: pa.Array, owners: pa.Array | None) -> None:
        """Record the rows of the ``broken`` items as suspects."""
        if pc.any(broken, min_count=0).as_py():
            self._note(pc.indices_nonzero(pc.fill_null(broken, fill_value=False)), owners)

    def _note(self, positions: pa.Array | list[int], owners: pa.Array | None) -> None:
        rows: Iterable[int] = pa.array(positions).to_pylist()
        self.suspects.update(rows if owners is None else owners.take(positions).to_pylist())

    def convert(self, array: pa.Array, column: Column, owners: pa.Array | None) -> pa.Array:
        """Convert ``array`` to the type of ``column``; ``owners``: the row of each list item."""
        if column.shape == "struct":
            return self._struct(array, column, column.type, owners)
        if column.shape == "list":
            parents = pc.list_parent_indices(array)
            inner = parents if owners is None else owners.take(parents)
            items = self._struct(array.values, column, column.type.value_type, inner)
            return pa.ListArray.from_arrays(
                array.offsets, items, type=column.type, mask=array.is_null()
            )
        return self._value(array, column, owners)

    def _value(self, array: pa.Array, column: Column, owners: pa.Array | None) -> pa.Array:
        if column.epoch:
            return self._epochs(array, column.epoch, owners)
        if pa.types.is_timestamp(column.type):
            return self._stamps(array, owners)
        if pa.types.is_decimal(column.type):
            return self._money(array, column, owners)
        if pa.types.is_floating(array.type):
            return self._numbers(array, column, owners)
        if pa.types.is_string(column.type) and not self._ascii_only:
            return normal_texts(array, drop_invisible=column.drops_invisible)
        return array

    def _struct(
        self, array: pa.StructArray, column: Column, kind: pa.StructType, owners: pa.Array | None
    ) -> pa.StructArray:
        children = [self.convert(_field(array, field), field, owners) for field in column.fields]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())

    def _stamps(self, texts: pa.Array, owners: pa.Array | None) -> pa.Array:
        if self._read_stamps is not None:
            return next(self._read_stamps)
        try:
            return parse_stamps(texts, self._zone)
        except pa.ArrowInvalid:
            unreadable = find_unreadable(texts, self._zone)
        self._note(unreadable, owners)
        keep = np.ones(len(texts), dtype=bool)
        keep[unreadable] = False
        return parse_stamps(pc.if_else(pa.array(keep), texts, None), self._zone)

    def _epochs(self, numbers: pa.Array, unit: Unit, owners: pa.Array | None) -> pa.Array:
        stamps, outside = parse_epochs(numbers, unit)
        if outside is not None:
            self.suspect(outside, owners)
        return stamps

    def _money(self, amounts: pa.Array, column: Column, owners: pa.Array | None) -> pa.Array:
        # As Python numbers: Arrow stores more digits than the type declares and compares them
        # right.
        ends = pc.min_max(amounts)
        low, high = _digits(ends["min"]), _digits(ends["max"])
        most = _ROUNDED_LIMIT if amounts.type.scale > column.type.scale else _MONEY_LIMIT
        if low <= -most or high >= most:
            limit = pa.scalar(most, pa.decimal256(76, amounts.type.scale))
            huge = pc.greater_equal(pc.abs(amounts.cast(limit.type)), limit)
            self.suspect(huge, owners)
            amounts = pc.if_else(huge, None, amounts)
        if amounts.type == column.type:
            return amounts
        rounded = pc.round(amounts, ndigits=column.type.scale, round_mode="half_to_even")
        return rounded.cast(column.type)

    def _numbers(self, numbers: pa.Array, column: Column, owners: pa.Array | None) -> pa.Array:
        # NaN and Infinity are not valid JSON, but Arrow reads them.
        broken = pc.invert(pc.is_finite(numbers))
        if pa.types.is_integer(column.type):
            limit = 2 ** (column.type.bit_width - 1)
            whole = pc.equal(numbers, pc.floor(numbers))
            inside = pc.and_(pc.greater_equal(numbers, -limit), pc.less(numbers, limit))
            broken = pc.or_(broken, pc.invert(pc.and_(whole, inside)))
        self.suspect(broken, owners)
        if self.suspects:
            numbers = pc.if_else(broken, None, numbers)
        return numbers.cast(column.type)


def _digits(amount: pa.Scalar) -> Decimal:
    return Decimal(amount.as_py() or 0)


def _filled(rows: pa.Table, table: Table) -> pa.Table:
    for index, column in enumerate(table.columns):
        if column.fallback:
            path = column.fallback.split(".")
            other = pc.struct_field(rows.column(path[0]), path[1:])
            filled = pc.coalesce(rows.column(column.name), other)
            rows = rows.set_column(index, rows.schema.field(index), filled)
    return rows
