"""Records written loosely, a page at a time: decoded with wider types, written as declared.

A provider that writes every number as text makes every record of every page odd. msgspec decodes
such a page at full speed, and only the columns that hold something odd are touched: 2.5 times the
time of a tidy page, where walking through each record takes 10. What loses or guesses anything is
left to the walk, which says what is wrong with it.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from feedback_assets.http.cutting import numbered
from feedback_assets.ingest.records import BOOLEANS, Kind, kind_of
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import EXTRA, Table

_NOTHING = Annotated[list[Any], msgspec.Meta(max_length=0)]
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_JSON_TYPES: dict[Kind, Any] = {
    "bool": bool | int | str | None,
    "text": str | int | None,
    "stamp": str | None,
    # As they are written: Arrow reads them as numbers and as text, and a double would round them.
    "amount": msgspec.Raw,
    "epoch": msgspec.Raw,
    "integer": int | str | None,
    "number": float | int | str | None,
}
_encode = msgspec.json.Encoder().encode


class NotPlain(ValueError):
    """Something that only a walk through the record can read, or that cannot be read at all."""


@dataclass(frozen=True, eq=False, slots=True)
class _Field:
    """A column and where its values are in the struct that msgspec makes of an object."""

    attribute: str
    name: str
    kind: Kind
    struct: Any
    fields: "tuple[_Field, ...]"


@dataclass(frozen=True, eq=False, slots=True)
class _Reader:
    """What decodes the JSON of a table, and the fields to look through then."""

    decode: Callable[[bytes | msgspec.Raw], Any]
    fields: tuple[_Field, ...]


def tidy_page(records: bytes, table: Table) -> bytes:
    """The same array with every value in the JSON type that its column declares.

    Raises ``NotPlain`` where a record holds unknown fields or anything that is not plainly the
    same in another form.
    """
    return _tidied(records, _page_reader(table))


def tidy_record(record: msgspec.Raw, table: Table) -> bytes:
    """The same for one record, without the fields that are not declared."""
    return _tidied(record, _record_reader(table))


def _tidied(text: bytes | msgspec.Raw, reader: _Reader) -> bytes:
    try:
        found = reader.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    else:
        _tidy(found if isinstance(found, list) else [found], reader.fields)
        return _encode(found)
    raise NotPlain(reason)


@cache
def _page_reader(table: Table) -> _Reader:
    struct, fields = _struct(table.name, table.columns, forbid=True)
    return _Reader(msgspec.json.Decoder(list[struct]).decode, fields)  # type: ignore[valid-type]


@cache
def _record_reader(table: Table) -> _Reader:
    struct, fields = _struct(table.name, table.columns, forbid=False)
    return _Reader(msgspec.json.Decoder(struct).decode, fields)


def _struct(
    name: str, columns: tuple[Column, ...], *, forbid: bool
) -> tuple[type[msgspec.Struct], tuple[_Field, ...]]:
    fields = tuple(
        _field(f"f{index}", column, forbid=forbid)
        for index, column in enumerate(columns)
        if column is not EXTRA
    )
    made = msgspec.defstruct(
        name,
        [
            (field.attribute, _json_type(field), msgspec.field(default=None, name=field.name))
            for field in fields
        ],
        forbid_unknown_fields=forbid,
        gc=False,
    )
    return made, fields


def _field(attribute: str, column: Column, *, forbid: bool) -> _Field:
    struct: Any = None
    fields: tuple[_Field, ...] = ()
    if column.fields:
        struct, fields = _struct(column.name, column.fields, forbid=forbid)
    return _Field(attribute, column.json_name, kind_of(column), struct, fields)


def _json_type(field: _Field) -> Any:
    if field.kind == "struct":
        return field.struct | _NOTHING | None
    if field.kind == "list":
        item: Any = field.struct | None
        return list[item] | dict[str, item] | None
    return _JSON_TYPES[field.kind]


def _tidy(structs: Sequence[Any], fields: tuple[_Field, ...]) -> None:
    """Put right, field by field, what these structs hold."""
    for field in fields:
        values = list(map(attrgetter(field.attribute), structs))
        plain, read = _READ.get(field.kind, (set(), None))
        if read is not None and set(map(type, values)) - plain - {field.struct}:
            values = [value if type(value) in plain else read(value, field) for value in values]
            for struct, value in zip(structs, values, strict=True):
                setattr(struct, field.attribute, value)
        if field.kind == "struct":
            _tidy([value for value in values if value is not None], field.fields)
        elif field.kind == "list":
            items = [item for value in values if value is not None for item in value]
            _tidy([item for item in items if item is not None], field.fields)


def _object(value: Any, field: _Field) -> Any:
    return field.struct() if isinstance(value, list) else value


def _list(value: Any, field: _Field) -> list[Any]:
    items: list[Any] | None = numbered(value)
    if items is None:
        raise NotPlain(f"{field.name}: an object that is no list")
    return items


def _text(value: int, _field: _Field) -> str:
    return str(value)


def _bool(value: int | str, field: _Field) -> bool:
    found = BOOLEANS.get(value)
    if found is None:
        raise NotPlain(f"{field.name}: neither true nor false")
    return found


def _integer(value: str, field: _Field) -> int:
    if not _INTEGER.fullmatch(value):
        raise NotPlain(f"{field.name}: not written as a whole number")
    return int(value)


def _number(value: str, field: _Field) -> float:
    number = float(value) if _NUMBER.fullmatch(value) else math.nan
    if not math.isfinite(number):
        raise NotPlain(f"{field.name}: not written as a number")
    return number


_NONE = type(None)
# By kind: the types that are as declared, and what reads the others.
_READ: dict[str, tuple[set[type], Callable[[Any, _Field], Any] | None]] = {
    "text": ({str, _NONE}, _text),
    "bool": ({bool, _NONE}, _bool),
    "integer": ({int, _NONE}, _integer),
    "number": ({float, int, _NONE}, _number),
    "struct": ({_NONE}, _object),
    "list": ({list, _NONE}, _list),
}
