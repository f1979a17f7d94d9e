"""Removes persons from rows and records: finds an erased person's rows and replaces their values.

The table's declaration decides: ``Column.points_at`` says which columns identify a person,
``Column.personal`` what is replaced. Values used in comparisons (e-mails, ids, a URL that is part
of a key) become a pseudonym, equal for equal values, so that matches and counts stay the same;
words become ``(erased)``, since comments are counted; everything else becomes null.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import TEXT, Column, Personal, PointsAt
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.text import normal_email
from feedback_assets.warehouse.erased import WORDS, Addition, Erased, same_text
from feedback_assets.warehouse.owners import (
    column_at,
    find_owners,
    identify,
    is_plain,
    owner_by,
    value_at,
)

_exact = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
# A record that is not valid JSON is searched word by word.
_WORD = re.compile(r"[^\s\"',:;{}\[\]()<>]+")
_FIELD = re.compile(r"[\w.\[\]]+")


@dataclass(frozen=True)
class ErasedRows:
    """Rows without erased people, the number of their rows, and their newly found identifiers."""

    rows: pa.Table
    theirs: int = 0
    changed: bool = False
    learned: tuple[Addition, ...] = ()


def erase_rows(table: Table, rows: pa.Table, erased: Erased) -> ErasedRows:
    """``rows`` in the table's order, as if the persons had been erased before reading."""
    owners, additions, erased = identify(table, rows, erased)
    concerned = sorted(owners.keys() | _mentions(rows, table, erased))
    if not concerned:
        return ErasedRows(rows, learned=additions)
    replacer = _Replacer(table, erased)
    replacements = [
        _scrubbed(replacer.record(record) if place in owners else record, table.columns, erased)
        for place, record in zip(concerned, rows.take(concerned).to_pylist(), strict=True)
    ]
    put = _put_back(rows, concerned, pa.Table.from_pylist(replacements, schema=rows.schema))
    done = _in_order(put, table)
    return ErasedRows(done, len(owners), not done.equals(rows), additions)


@dataclass(frozen=True)
class Concerned:
    """Positions of the rows that belong to an erased person, and of other rows that mention one."""

    owned: frozenset[int]
    mentioning: frozenset[int]


def concerned_rows(table: Table, rows: pa.Table, erased: Erased) -> Concerned:
    """Find the rows that ``erase_rows`` changes."""
    owned = frozenset(find_owners(table, rows, erased))
    return Concerned(owned, frozenset(_mentions(rows, table, erased)) - owned)


def mentioned_in(table: Table, record: Mapping[str, Any], erased: Erased) -> dict[str, Any]:
    """The columns of a row that mention an erased person, unchanged."""
    return {
        column.name: record[column.name]
        for column in table.columns
        if _scrubbed_value(record[column.name], column, erased) != record[column.name]
    }


def erase_payload(table: Table, payload: str, erased: Erased) -> str:
    """A served record without its person; unchanged if it belongs to no erased person.

    Undeclared fields are dropped, since their content is unknown. A record that cannot be parsed is
    replaced as a whole.
    """
    try:
        record = _decoded(payload)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        words = _WORD.findall(payload)
        kinds: tuple[PointsAt, ...] = ("email", "contact", "order")
        if any(erased.person_of(kind, word) for word in words for kind in kinds):
            return _erased_payload(payload, erased)
        return payload if erased.scrubbed(payload) == payload else _erased_payload(payload, erased)
    try:
        if _identifies_erased_person(record, table, erased):
            left = _Replacer(table, erased, as_json=True).record(record)
            if left != record:
                payload = _encoder.encode(left).decode()
        return erased.scrubbed(payload)
    except (ValueError, RecursionError, UnicodeEncodeError):
        return _erased_payload(payload, erased)


def erase_reason(reason: str) -> str:
    """The reason for quarantining a record, without the value that it quotes."""
    name, _, rest = reason.partition(":")
    return f"{name}: {WORDS}" if rest and _FIELD.fullmatch(name) else WORDS


def _scrubbed(record: dict[str, Any], columns: tuple[Column, ...], erased: Erased) -> Any:
    """``record`` with every e-mail and id of an erased person replaced, at any depth."""
    return {column.name: _scrubbed_value(record[column.name], column, erased) for column in columns}


def _scrubbed_value(value: Any, column: Column, erased: Erased) -> Any:
    if isinstance(value, dict):
        return _scrubbed(value, column.fields, erased)
    if isinstance(value, list):
        return [inner and _scrubbed_value(inner, column, erased) for inner in value]
    if not isinstance(value, str) or (column.points_at == "email" and is_plain(value)):
        return value
    return erased.scrubbed(value)


def _mentions(rows: pa.Table, table: Table, erased: Erased) -> set[int]:
    """Positions of the rows with a text that mentions an erased person."""
    places: set[int] = set()
    for column in table.columns:
        for leaf, texts, positions in _texts(rows.column(column.name).combine_chunks(), column):
            match = pc.match_substring_regex(texts, erased.mention)
            found = pc.indices_nonzero(pc.fill_null(match, fill_value=False))
            changed: dict[str, bool] = {}
            for place, text in zip(found.to_pylist(), texts.take(found).to_pylist(), strict=True):
                if leaf.points_at == "email" and is_plain(text):
                    continue
                if text not in changed:
                    changed[text] = erased.scrubbed(text) != text
                if changed[text]:
                    places.add(place if positions is None else positions[place].as_py())
    return places


def _texts(
    values: pa.Array, column: Column, positions: pa.Array | None = None
) -> Iterator[tuple[Column, pa.Array, pa.Array | None]]:
    """Every text column and field, including those in lists; with row positions for lists."""
    if column.shape == "list":
        parents = pc.list_parent_indices(values)
        values = pc.list_flatten(values)
        positions = parents if positions is None else positions.take(parents)
    if column.fields:
        for field in column.fields:
            yield from _texts(pc.struct_field(values, [field.name]), field, positions)
    elif column.type == TEXT:
        yield column, values, positions


def _identifies_erased_person(record: dict[str, Any], table: Table, erased: Erased) -> bool:
    names = list(_names(record, table))
    anonymous = not any(kind in ("email", "contact") for kind, _, _ in names)
    return any(
        owner_by(kind, text, erased) or (kind == "email" and erased.scrubbed(text) != text)
        for kind, text, sure in names
        if sure or anonymous
    )


def names_in_payload(table: Table, payload: str) -> list[tuple[PointsAt, str]]:
    """The identifiers in a served record that may point at a person."""
    try:
        record = _decoded(payload)
    except (ValueError, RecursionError):
        return []
    if not isinstance(record, dict):
        return []
    pointing = _pointing(table)
    served = [
        (kind, prefix, value_at(record, path))
        for path, kind, prefix, unless in pointing
        if not (unless and value_at(record, unless))
    ]
    return [
        (kind, f"{prefix}{value}") for kind, prefix, value in served if isinstance(value, str | int)
    ]


def _names(record: dict[str, Any], table: Table) -> Iterator[tuple[PointsAt, str, bool]]:
    """Kind and text of all that may identify a person, whatever the shape of the record.

    And whether it counts beside the record's other identifiers.
    """
    for path, kind, prefix, unless in _pointing(table):
        sure = not (unless and value_at(record, unless))
        for value in _values_at(record, path.split(".")):
            yield kind, f"{prefix}{value}", sure


def _values_at(value: Any, path: list[str]) -> Iterator[str | int]:
    """The value at a path; if a part of the path is not an object, every value inside it."""
    if path and isinstance(value, dict):
        yield from _values_at(value.get(path[0]), path[1:])
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _values_at(inner, [])
    elif isinstance(value, str | int):
        yield value
        # An object that was served as its JSON text.
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                yield from _values_at(_decoded(value), [])


@lru_cache(maxsize=64)
def _pointing(table: Table) -> tuple[tuple[str, PointsAt, str, str], ...]:
    found = _json_leaves(table.columns)
    served = {path: in_json for path, in_json, _ in found}
    return tuple(
        (in_json, column.points_at, column.prefix, served.get(column.unless, ""))
        for _, in_json, column in found
        if column.points_at
    )


def _json_leaves(
    columns: tuple[Column, ...], prefix: str = "", json_prefix: str = ""
) -> list[tuple[str, str, Column]]:
    """Path, path in the provider's JSON, and column of every value outside lists."""
    found = []
    for column in columns:
        path, in_json = f"{prefix}{column.name}", f"{json_prefix}{column.json_name}"
        if column.shape == "struct":
            found += _json_leaves(column.fields, f"{path}.", f"{in_json}.")
        elif column.shape == "value" and column is not EXTRA:
            found.append((path, in_json, column))
    return found


@dataclass(frozen=True)
class _Replacer:
    """Writes the replacements for one person's values, in rows or in the provider's JSON."""

    table: Table
    erased: Erased
    as_json: bool = False

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return self._fields(record, self.table.columns, "")

    def _fields(
        self, record: Mapping[str, Any], columns: tuple[Column, ...], prefix: str
    ) -> dict[str, Any]:
        declared = {(c.json_name if self.as_json else c.name): c for c in columns}
        found: dict[str, Any] = {}
        for name, value in record.items():
            column = declared.get(name)
            if column is not None:
                unknown = value is None or column is EXTRA
                found[name] = None if unknown else self._value(value, column, prefix)
        return found

    def _value(self, value: Any, column: Column, prefix: str) -> Any:
        path = f"{prefix}{column.name}"
        if column.fields:
            return self._objects(value, column, f"{path}.")
        if column.points_at == "customer":
            return self.erased.customer_key(value)
        if column.personal is None:
            # A scalar in place of an object: its content is unknown.
            return WORDS if value and isinstance(value, dict | list) else value
        text = value if isinstance(value, str) else str(value)
        blank = not same_text("contact", text)
        return value if blank else self._replacement(text, column.personal, path)

    def _objects(self, value: Any, column: Column, prefix: str) -> Any:
        if isinstance(value, dict) and column.shape == "list" and all(map(str.isdigit, value)):
            # PHP may serve a list as an object with numeric keys.
            items = self._objects(list(value.values()), column, prefix)
            return dict(zip(value, items, strict=True))
        if isinstance(value, dict):
            return self._fields(value, column.fields, prefix)
        if isinstance(value, list):
            inner = (item if isinstance(item, dict) else None for item in value)
            return [item and self._fields(item, column.fields, prefix) for item in inner]
        # Neither object nor list: its content is unknown.
        return WORDS

    def _replacement(self, text: str, kind: Personal, path: str) -> str | None:
        match kind:
            case Personal.EMAIL:
                # A pseudonym counts as an e-mail, so "n/a" must not become one.
                return self.erased.pseudonym("email", text) if normal_email(text) else WORDS
            case Personal.CONTACT_ID:
                return self.erased.pseudonym("contact", text)
            case Personal.FREE_TEXT:
                return WORDS
        # Two clicks that differ only in the URL must stay distinct.
        return self.erased.pseudonym("link", text) if path in self.table.key else None


def _put_back(rows: pa.Table, places: list[int], replacements: pa.Table) -> pa.Table:
    order = list(range(rows.num_rows))
    for number, place in enumerate(places):
        order[place] = rows.num_rows + number
    return pa.concat_tables([rows, replacements]).take(pa.array(order, pa.int64()))


def _in_order(rows: pa.Table, table: Table) -> pa.Table:
    if not table.order_by:
        return rows.combine_chunks()
    keys = pa.table({path: column_at(rows, path) for path in table.order_by})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return rows.take(order).combine_chunks()


def _decoded(payload: str) -> Any:
    try:
        return _exact.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return json.loads(payload, parse_float=Decimal)


def _erased_payload(payload: str, erased: Erased) -> str:
    return json.dumps({"erased": erased.pseudonym("record", payload)})
