"""Turns a page of JSON records into typed rows: with Arrow, record by record for the bad ones.

Arrow reads the page as a whole or refuses it. A page with the same values in other forms, such as
numbers as text, is normalised and read at once (``loose.py``). Otherwise msgspec, with the same
declaration as its types, finds the records that Arrow would refuse in a quarter of the time of
reading them, however many there are; Arrow reads the others, and only the refused records are
walked through.
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
    """A record that cannot be parsed: as served, the reason, and its UTC day if readable."""

    payload: str
    reason: str
    day: date | None


@dataclass(frozen=True)
class Parsed:
    """The rows of a page in the table's schema and the page's order, and its bad records."""

    rows: pa.Table
    bad: tuple[Bad, ...]


def parse_page(records: bytes, table: Table, typing: Typing, served: bytes | None = None) -> Parsed:
    """Parse a JSON array of records; every record becomes either a row or a ``Bad``.

    ``served``: the array that the provider sent, if ``records`` are parts of its records; the
    quarantine then gets the whole. Raises ``msgspec.DecodeError`` if ``records`` is not an array.
    """
    return type_page(with_nulls(records, typing), table, typing, served or records)


def with_nulls(records: bytes, typing: Typing) -> bytes:
    """The same array with ``null`` instead of the text that the provider writes for it."""
    return null_for_null_text(records) if typing.null_text else records


def type_page(text: bytes, table: Table, typing: Typing, served: bytes) -> Parsed:
    """``parse_page`` after ``with_nulls``; ``served`` is the array as the provider sent it."""
    page = _Page(served, text, table, typing)
    reading = _read_at_once(text, table, typing.zone)
    if reading is None:
        page.sort_out()
    else:
        page.take(range(reading.rows.num_rows), reading)
    return page.parsed()


@dataclass(frozen=True)
class Page:
    """A JSON array of records: as ``with_nulls`` returns it, and as the provider sent it."""

    text: bytes
    served: bytes


def type_pages(pages: Sequence[Page], table: Table, typing: Typing) -> Parsed:
    """``type_page`` for several pages, one after the other."""
    parsed = [type_page(page.text, table, typing, page.served) for page in pages]
    bad = tuple(bad for page in parsed for bad in page.bad)
    return Parsed(pa.concat_tables([page.rows for page in parsed]), bad)


def type_clean_pages(pages: Sequence[Page], table: Table, typing: Typing) -> Parsed | None:
    """The same in less time; None if any record is not as declared.

    Arrow needs about 200 steps for an array of any length.
    """
    texts = [page.text for page in pages]
    if not all(text[:1] == b"[" and text[-1:] == b"]" for text in texts):
        return None
    array = b"[" + b",".join(filter(None, (text[1:-1].strip() for text in texts))) + b"]"
    try:
        reading = read_array(array, table, typing.zone)
    except Refused:
        return None
    if reading.suspects or broken_rules(reading.rows, table):
        return None
    return Parsed(reading.rows, ())


def _read_at_once(text: bytes, table: Table, zone: str) -> Reading | None:
    """The page read by Arrow, as served or with its values in the declared types."""
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
    """The state of one page's records while it is read, by position."""

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
        """Keep the rows read for these positions, and walk through the suspects."""
        places, rows = np.asarray(positions, dtype=np.int64), reading.rows
        if reading.suspects:
            keep = np.ones(rows.num_rows, dtype=bool)
            keep[list(reading.suspects)] = False
            self.walk(places[~keep].tolist())
            places, rows = places[keep], rows.filter(pa.array(keep))
        self.parts.append((places, rows))

    def sort_out(self) -> None:
        """Read what can be read at once, and walk through the rest."""
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
                        tidied = tidy_record(record, self.table)
                        # What is still refused would make Arrow refuse the records beside it.
                        known.decode(tidied)
                        self.tidied[position] = tidied
                    extras[position] = extra_of(msgspec.json.decode(record), self.table)
                except (*_UNREADABLE, ValueError):
                    odd.append(position)
                    continue
            plain.append(position)
        self.walk(odd)
        self._read_parts(plain, extras)

    def _read_parts(self, positions: list[int], extras: dict[int, str | None]) -> None:
        """Halve what Arrow still refuses (a duplicate key in a record) until it can be walked."""
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
        """Repair record by record what can be repaired; find the reason for the rest."""
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
            # The only remaining error: a stamp with an impossible or too large offset.
            record = repaired[index]
            self.set_aside(record.position, record.record, "a value is out of range")
        keep = np.array([index not in reading.suspects for index in range(len(repaired))])
        rows = _with_extra(reading.rows, [record.extra for record in repaired])
        places = np.array([record.position for record in repaired], dtype=np.int64)
        self.parts.append((places[keep], rows.filter(pa.array(keep))))

    def parsed(self) -> Parsed:
        """Everything in the page's order, after checking keys, event times and scores."""
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
    """A record with its numbers as doubles, and as written."""

    plain: Any
    exact: Any


@dataclass(frozen=True)
class _Repaired:
    """A record repaired by the walk: in Arrow's types, with its extra fields."""

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
    """A decoder that refuses what Arrow would refuse, and one that skips unknown fields."""
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
