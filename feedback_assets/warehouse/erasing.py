"""Removes persons from rows and records: finds an erased person's rows and replaces their values.

The table's declaration decides: ``Column.points_at`` says which columns identify a person,
``Column.personal`` what is replaced. Values used in comparisons (e-mails, ids, a URL that is part
of a key) become a pseudonym, equal for equal values, so that matches and counts stay the same;
words become ``(erased)``, since comments are counted; everything else becomes null.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import TEXT, Column, Personal, PointsAt, leaves
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.text import WHITE_SPACE, normal_email
from feedback_assets.warehouse.erased import WORDS, Addition, Erased, same_text

_exact = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
# A record that is not valid JSON is searched word by word.
_WORD = re.compile(r"[^\s\"',:;{}\[\]()<>]+")
_FIELD = re.compile(r"[\w.\[\]]+")
# A row identified by one of these adds its other ids and its order to the person's identifiers.
_LEARNED: tuple[PointsAt, ...] = ("contact", "order")


PLAIN = r"[\w.+-][\w.+'-]*@[\w.-]+"
"""Exactly one e-mail with nothing around it: a column of e-mails is compared as a whole, so that
``o'brien@example.com`` does not match ``brien@example.com``."""
_PLAIN = re.compile(PLAIN)


@dataclass(frozen=True)
class ErasedRows:
    """Rows without erased people, the number of their rows, and their newly found identifiers."""

    rows: pa.Table
    theirs: int = 0
    changed: bool = False
    learned: tuple[Addition, ...] = ()


def erase_rows(table: Table, rows: pa.Table, erased: Erased) -> ErasedRows:
    """``rows`` in the table's order, as if the persons had been erased before reading."""
    learned: dict[str, set[str]] = {}
    owners = _owners(table, rows, erased)
    # A person identified by e-mail in these rows is from now on also identified by the ids there.
    while EXTRA in table.columns and (found := _new_names(table, rows, owners, erased)):
        for person, hashes in found.items():
            learned.setdefault(person, set()).update(hashes)
            erased = erased.with_more(Addition(person, frozenset(hashes)))
        owners = _owners(table, rows, erased)
    concerned = sorted(owners.keys() | _mentions(rows, table, erased))
    additions = tuple(Addition(person, frozenset(hashes)) for person, hashes in learned.items())
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
    owned = frozenset(_owners(table, rows, erased))
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


def is_plain(text: str) -> bool:
    """Whether a value of a column of e-mails is exactly one address."""
    return _PLAIN.fullmatch(text.strip(WHITE_SPACE)) is not None


def _owners(table: Table, rows: pa.Table, erased: Erased) -> dict[int, str]:
    """Position → person, for the rows that belong to an erased person."""
    owners: dict[int, str] = {}
    for path, column in leaves(table.columns):
        kind = column.points_at
        if kind is None:
            continue
        texts = _column(rows, path).cast(TEXT)
        if column.unless:
            beside = pc.utf8_trim_whitespace(_column(rows, column.unless).cast(TEXT))
            empty = pc.fill_null(pc.equal(beside, ""), fill_value=True)
            texts = pc.if_else(empty, texts, None)
        found = {
            text: person
            for text in pc.unique(texts).to_pylist()
            if text and (person := _owner(kind, f"{column.prefix}{text}", erased))
        }
        if found:
            places = pc.indices_nonzero(pc.is_in(texts, pa.array(list(found), TEXT)))
            for place, text in zip(places.to_pylist(), texts.take(places).to_pylist(), strict=True):
                owners.setdefault(place, found[text])
    return owners


def _owner(kind: PointsAt, text: str, erased: Erased) -> str | None:
    person = erased.person_of(kind, text)
    if person is None and kind == "email" and not is_plain(text):
        return erased.person_in(text)
    return person


def _new_names(
    table: Table, rows: pa.Table, owners: Mapping[int, str], erased: Erased
) -> dict[str, set[str]]:
    """By person, the hashes of ids and orders in their rows that are not on the list yet."""
    found: dict[str, set[str]] = {}
    if not owners:
        return found
    for record, person in zip(rows.take(list(owners)).to_pylist(), owners.values(), strict=True):
        for path, column in leaves(table.columns):
            value = _value_at(record, path)
            kind = column.points_at
            if (
                kind not in _LEARNED
                or value is None
                or (column.unless and _value_at(record, column.unless))
            ):
                continue
            text = str(value)
            if same_text(kind, text) and erased.pseudonym(kind, text) != text:
                name = erased.hash_of(kind, text)
                if name not in erased.persons:
                    found.setdefault(person, set()).add(name)
    return found


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
    return any(_owner(kind, text, erased) for kind, text in _names(record, table))


def names_in_payload(table: Table, payload: str) -> list[tuple[PointsAt, str]]:
    """The identifiers in a served record that may point at a person."""
    try:
        record = _decoded(payload)
    except (ValueError, RecursionError):
        return []
    return list(_names(record, table)) if isinstance(record, dict) else []


def _names(record: dict[str, Any], table: Table) -> Iterator[tuple[PointsAt, str]]:
    for path, kind, prefix in _pointing(table):
        value = _value_at(record, path)
        if isinstance(value, str | int):
            yield kind, f"{prefix}{value}"


@lru_cache(maxsize=64)
def _pointing(table: Table) -> tuple[tuple[str, PointsAt, str], ...]:
    return tuple(
        (path, column.points_at, column.prefix)
        for path, column in _json_leaves(table.columns)
        if column.points_at
    )


def _json_leaves(columns: tuple[Column, ...], prefix: str = "") -> list[tuple[str, Column]]:
    found = []
    for column in columns:
        if column.shape == "struct":
            found += _json_leaves(column.fields, f"{prefix}{column.json_name}.")
        elif column.shape == "value" and column is not EXTRA:
            found.append((f"{prefix}{column.json_name}", column))
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
    keys = pa.table({path: _column(rows, path) for path in table.order_by})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return rows.take(order).combine_chunks()


def _column(rows: pa.Table, path: str) -> pa.ChunkedArray:
    first, *rest = path.split(".")
    column = rows.column(first)
    return pc.struct_field(column, rest) if rest else column


def _value_at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _decoded(payload: str) -> Any:
    try:
        return _exact.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return json.loads(payload, parse_float=Decimal)


def _erased_payload(payload: str, erased: Erased) -> str:
    return json.dumps({"erased": erased.pseudonym("record", payload)})
