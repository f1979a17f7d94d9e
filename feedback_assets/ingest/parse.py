"""A page of JSON records to typed rows: Arrow for what is well, record by record for the rest.

Arrow reads the page or refuses it whole. A page that says the same in other forms, such as
numbers as text, is put in the declared ones and read at once (``loose.py``). Else msgspec, with
the same declaration as its types, tells the records that Arrow would refuse from the others in a
quarter of the time of reading them, whatever their number; Arrow reads the others, and only those
are walked through.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa

from feedback_assets.http.bodies import repair_surrogates
from feedback_assets.http.cutting import cut_records, null_for_null_text
from feedback_assets.ingest.loose import NotPlain, tidy_page, tidy_record
from feedback_assets.ingest.reading import Reading, Refused, read_array
from feedback_assets.ingest.records import (
    AMOUNT_TEXT,
    Untyped,
    clean_record,
    day_of,
    extra_of,
    kind_of,
)
from feedback_assets.ingest.rules import broken_rules
from feedback_assets.schema.columns import TEXT, Column
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.typing import Typing

_WALKED_AT_ONCE = 32
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
_JSON_TYPES: dict[str, Any] = {
    "bool": bool,
    "text": str,
    "stamp": str,
    "amount": float | Annotated[str, msgspec.Meta(pattern=AMOUNT_TEXT)],
    "epoch": float | Annotated[str, msgspec.Meta(pattern=AMOUNT_TEXT)],
    "integer": float,
    "number": float,
}
_exact = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True)
class Bad:
    """A record that cannot be typed: as it came, why, and its UTC day where that can be read."""

    payload: str
    reason: str
    day: date | None


@dataclass(frozen=True)
class Parsed:
    """The rows of a page in the table's schema, in the page's order, and what is set aside."""

    rows: pa.Table
    bad: tuple[Bad, ...]


def parse_page(records: bytes, table: Table, typing: Typing, served: bytes | None = None) -> Parsed:
    """Type a JSON array of records; every record comes back as a row or as a ``Bad``.

    ``served``: the array that the provider sent, where ``records`` are parts of its records; what
    is set aside is then the whole. Raises ``msgspec.DecodeError`` where ``records`` is no array.
    """
    return type_page(with_nulls(records, typing), table, typing, served or records)


def with_nulls(records: bytes, typing: Typing) -> bytes:
    """The same array with ``null`` where the provider writes a text in its place."""
    return null_for_null_text(records) if typing.null_text else records


def type_page(text: bytes, table: Table, typing: Typing, served: bytes) -> Parsed:
    """``parse_page`` of what ``with_nulls`` made; ``served`` as the provider sent it."""
    page = _Page(served, text, table, typing)
    reading = _read_at_once(text, table, typing.zone)
    if reading is None:
        page.sort_out()
    else:
        page.take(range(reading.rows.num_rows), reading)
    return page.parsed()


def _read_at_once(text: bytes, table: Table, zone: str) -> Reading | None:
    """The page as Arrow reads it, as served or with its values in the declared types."""
    try:
        return read_array(text, table, zone)
    except Refused:
        pass
    try:
        return read_array(tidy_page(text, table), table, zone, lenient=True)
    except (Refused, NotPlain):
        return None


@dataclass
class _Page:
    """What became of the records of one page so far, by their position in it."""

    served: bytes
    text: bytes
    table: Table
    typing: Typing
    parts: list[tuple[np.ndarray, pa.Table]] = field(default_factory=list)
    tidied: dict[int, bytes] = field(default_factory=dict)
    bad: dict[int, Bad] = field(default_factory=dict)

    @cached_property
    def records(self) -> list[msgspec.Raw]:
        return cut_records(self.text)

    @cached_property
    def payloads(self) -> list[msgspec.Raw]:
        return self.records if self.text is self.served else cut_records(self.served)

    def set_aside(self, position: int, record: Any, reason: str) -> None:
        payload = bytes(self.payloads[position]).decode(errors="backslashreplace")
        self.bad[position] = Bad(payload, reason, day_of(record, self.table, self.typing))

    def take(self, positions: Sequence[int], reading: Reading) -> None:
        """Keep what was read of these positions, and walk through the suspects."""
        places, rows = np.asarray(positions, dtype=np.int64), reading.rows
        if reading.suspects:
            keep = np.ones(rows.num_rows, dtype=bool)
            keep[list(reading.suspects)] = False
            self.walk(places[~keep].tolist())
            places, rows = places[keep], rows.filter(pa.array(keep))
        self.parts.append((places, rows))

    def sort_out(self) -> None:
        """Read what can be read at once, and walk through the others."""
        plain: list[int] = []
        odd: list[int] = []
        extras: dict[int, str | None] = {}
        declared, known = _decoders(self.table)
        for position, record in enumerate(self.records):
            try:
                declared.decode(record)
            except (*_UNREADABLE, ValueError):
                try:
                    if not _decodes(known, record):
                        self.tidied[position] = tidy_record(record, self.table)
                    extras[position] = extra_of(msgspec.json.decode(record), self.table)
                except (*_UNREADABLE, ValueError):
                    odd.append(position)
                    continue
            plain.append(position)
        self.walk(odd)
        self._read_parts(plain, extras)

    def _read_parts(self, positions: list[int], extras: dict[int, str | None]) -> None:
        """Halve what Arrow still refuses (a key twice in a record) until it can be walked."""
        pending = [positions]
        while pending:
            part = pending.pop()
            array = b"[" + b",".join(map(self._text_of, part)) + b"]"
            try:
                reading = read_array(array, self.table, self.typing.zone, lenient=True)
            except Refused:
                if len(part) <= _WALKED_AT_ONCE:
                    self.walk(part)
                else:
                    half = len(part) // 2
                    pending += [part[half:], part[:half]]
                continue
            if extras:
                found = [extras.get(position) for position in part]
                reading = Reading(_with_extra(reading.rows, found), reading.suspects)
            self.take(part, reading)

    def _text_of(self, position: int) -> bytes | msgspec.Raw:
        return self.tidied.get(position, self.records[position])

    def walk(self, positions: Iterable[int]) -> None:
        """Repair what can be repaired, record by record; find out what is wrong with the rest."""
        repaired: list[_Repaired] = []
        for position in positions:
            try:
                record = _decode(self.records[position])
            except _UNREADABLE as error:
                self.set_aside(position, None, f"cannot be read as JSON: {error}")
                continue
            try:
                clean = clean_record(record.exact, self.table)
                extra = extra_of(record.plain, self.table)
            except Untyped as error:
                self.set_aside(position, record.plain, str(error))
            except RecursionError:
                self.set_aside(position, record.plain, "nested too deep")
            else:
                repaired.append(_Repaired(position, record.plain, clean, extra))
        self._read_repaired(repaired)

    def _read_repaired(self, repaired: "list[_Repaired]") -> None:
        if not repaired:
            return
        array = msgspec.json.encode([record.clean for record in repaired])
        try:
            reading = read_array(array, self.table, self.typing.zone, lenient=True)
        except Refused as error:
            if len(repaired) == 1:
                self.set_aside(repaired[0].position, repaired[0].record, str(error))
            else:
                for record in repaired:
                    self._read_repaired([record])
            return
        for index in reading.suspects:
            # What is left to be wrong: a stamp whose zone or offset cannot be or leads too far.
            record = repaired[index]
            self.set_aside(record.position, record.record, "a value is out of range")
        keep = np.array([index not in reading.suspects for index in range(len(repaired))])
        rows = _with_extra(reading.rows, [record.extra for record in repaired])
        places = np.array([record.position for record in repaired], dtype=np.int64)
        self.parts.append((places[keep], rows.filter(pa.array(keep))))

    def parsed(self) -> Parsed:
        """Everything in the page's order, after a look at keys, event times and scores."""
        places, rows = self._in_order()
        reasons = broken_rules(rows, self.table)
        for index, reason in reasons.items():
            position = int(places[index])
            self.set_aside(position, _decode(self.records[position]).plain, reason)
        if reasons:
            keep = np.ones(rows.num_rows, dtype=bool)
            keep[list(reasons)] = False
            rows = rows.filter(pa.array(keep))
        return Parsed(rows, tuple(self.bad[position] for position in sorted(self.bad)))

    def _in_order(self) -> tuple[np.ndarray, pa.Table]:
        if not self.parts:
            return np.array([], dtype=np.int64), self.table.schema.empty_table()
        if len(self.parts) == 1:
            places, rows = self.parts[0]
        else:
            places = np.concatenate([part for part, _ in self.parts])
            rows = pa.concat_tables([part for _, part in self.parts])
        order = np.argsort(places, kind="stable")
        if (np.diff(order) == 1).all():
            return places, rows
        return places[order], rows.take(pa.array(order))


@dataclass(frozen=True)
class _Decoded:
    """A record with its numbers as doubles, and as they were written."""

    plain: Any
    exact: Any


@dataclass(frozen=True)
class _Repaired:
    """A record that came through the walk: in Arrow's types, and what is beside them."""

    position: int
    record: Any
    clean: dict[str, Any]
    extra: str | None


def _decode(record: msgspec.Raw) -> _Decoded:
    try:
        return _Decoded(msgspec.json.decode(record), _exact.decode(record))
    except msgspec.DecodeError:
        repaired = repair_surrogates(bytes(record))
        return _Decoded(msgspec.json.decode(repaired), _exact.decode(repaired))


@cache
def _decoders(table: Table) -> tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]:
    """One that refuses what Arrow would refuse, and one that passes over unknown fields."""
    return (
        msgspec.json.Decoder(_struct(table.name, table.columns, forbid=True)),
        msgspec.json.Decoder(_struct(table.name, table.columns, forbid=False)),
    )


def _decodes(decoder: msgspec.json.Decoder[Any], record: msgspec.Raw) -> bool:
    try:
        decoder.decode(record)
    except msgspec.ValidationError:
        return False
    return True


def _struct(name: str, columns: tuple[Column, ...], *, forbid: bool) -> type[msgspec.Struct]:
    fields = [
        (f"f{index}", _json_type(column, forbid=forbid) | None, _field(column))
        for index, column in enumerate(columns)
        if column is not EXTRA
    ]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=forbid, gc=False)


def _field(column: Column) -> Any:
    return msgspec.field(default=None, name=column.json_name)


def _json_type(column: Column, *, forbid: bool) -> Any:
    if column.fields:
        fields = _struct(column.name, column.fields, forbid=forbid)
        return list[fields | None] if column.shape == "list" else fields  # type: ignore[valid-type]
    if pa.types.is_integer(column.type) and column.type.bit_width > 32:
        return Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    return _JSON_TYPES[kind_of(column)]


def _with_extra(rows: pa.Table, extras: list[str | None]) -> pa.Table:
    index = rows.schema.get_field_index(EXTRA.name)
    return rows.set_column(index, rows.schema.field(index), pa.array(extras, TEXT))
