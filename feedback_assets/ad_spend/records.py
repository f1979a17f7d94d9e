"""Reads the records of one CSV or Parquet file as text; ``rows`` parses the text."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.schema.text import WHITE_SPACE

REQUIRED = ("day", "source", "currency", "spend")
OPTIONAL = ("medium", "campaign", "clicks", "impressions")
KNOWN = frozenset(REQUIRED + OPTIONAL)

_DELIMITERS = (",", ";")
_PARQUET = b"PAR1"
_OTHERS = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed with gzip",
}


@dataclass(frozen=True)
class Record:
    """One record: its line, its fields by column, and what is wrong with its shape."""

    place: str
    fields: dict[str, str | None]
    problem: str = ""
    surplus: tuple[str, ...] = ()


def read_records(name: str, content: bytes) -> Iterator[Record]:
    """The records of a file; ``name`` identifies it in errors.

    Column names are trimmed and not case-sensitive. Raises ``SpendTrouble`` with the line where the
    file is neither Parquet nor CSV in UTF-8, or lacks a column.
    """
    if content.startswith(_PARQUET):
        return _parquet(name, content)
    for start, kind in _OTHERS.items():
        if content.startswith(start):
            raise SpendTrouble(f"{name} is {kind}. Export it as CSV (UTF-8) or Parquet.")
    return _csv(name, content)


def _csv(name: str, content: bytes) -> Iterator[Record]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpendTrouble(
            f"{name}, line {line}: not UTF-8. Save it as CSV UTF-8 (Excel: 'CSV UTF-8')."
        ) from None
    delimiter = _delimiter(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line, width = 1, 0
    try:
        for values in lines:
            if any(value.strip(WHITE_SPACE) for value in values):
                if header is None:
                    header = _checked_header(name, values, f"{name}, line {line}")
                    width = len(values)
                else:
                    yield _csv_record(header, values, width, f"line {line}")
            line = lines.line_num + 1
    except csv.Error as error:
        raise SpendTrouble(
            f"{name}, line {line}: {error}. A quoted field that starts here is not closed, or a "
            "quote inside it is not doubled; correct the line."
        ) from None
    if header is None:
        raise SpendTrouble(
            f"{name}, line 1: the file is empty. The first line has to name the columns: "
            f"{delimiter.join(REQUIRED)}."
        )


def _delimiter(text: str) -> str:
    """The delimiter that splits the first line into the most known columns."""

    def named(delimiter: str) -> int:
        lines = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter)
        try:
            first = next(lines, [])
        except csv.Error:
            # A quote follows this delimiter and is never closed. Reading the file says where.
            return len(KNOWN)
        return len(KNOWN.intersection(map(_column_name, first)))

    return max(_DELIMITERS, key=named)


def _column_name(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip(WHITE_SPACE)).lower()


def _checked_header(name: str, names: Sequence[str], place: str) -> list[str]:
    header = [_column_name(each) for each in names]
    while header and not header[-1]:
        header.pop()
    missing = [each for each in REQUIRED if each not in header]
    if missing:
        found = ", ".join(each or "(blank)" for each in header[:20])
        raise SpendTrouble(
            f"{place}: missing column {', '.join(missing)} (found: {found}). {name} must have the "
            f"columns {', '.join(REQUIRED)}; {', '.join(OPTIONAL)} are optional."
        )
    twice = sorted({each for each in header if each and header.count(each) > 1})
    if twice:
        raise SpendTrouble(f"{place}: two columns are named {', '.join(twice)}. Rename one.")
    return [each or f"column {number}" for number, each in enumerate(header, start=1)]


def _csv_record(header: list[str], values: list[str], width: int, place: str) -> Record:
    """``width``: fields of the header, with blank ones at its end.

    A record with too many fields is refused, even if the extra one is blank: 12,50 without quotes
    would be 12 and 50 clicks.
    """
    kept, surplus = values[: len(header)], tuple(values[len(header) :])
    fields: dict[str, str | None] = dict(zip(header, kept, strict=False))
    if len(values) == width and not any(value.strip(WHITE_SPACE) for value in surplus):
        return Record(place, fields)
    problem = f"{len(values)} fields where the header has {width}"
    if len(values) > width:
        problem += (
            ": quote fields that contain the separator, and write amounts with a point (12.34)"
        )
    elif len(values) == width:
        problem = "a value in a column without a name"
    return Record(place, fields, problem, surplus)


def _parquet(name: str, content: bytes) -> Iterator[Record]:
    try:
        rows = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SpendTrouble(
            f"{name} is not a readable Parquet file: {reason}. Write it again."
        ) from None
    header = _checked_header(name, rows.column_names, name)
    texts = [_texts(name, column, rows.column(n)) for n, column in enumerate(header)]
    for number, values in enumerate(zip(*texts, strict=True), start=1):
        yield Record(f"row {number}", dict(zip(header, values, strict=True)))


def _texts(name: str, column: str, values: pa.ChunkedArray) -> list[str | None]:
    """Values as a CSV would have them: a time at midnight is its day, a NaN of pandas is blank."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        # Without a zone: one other than UTC would be another day. As Arrow's text, which holds
        # nanoseconds and years that Python cannot.
        times = pc.cast(values.cast(pa.timestamp(kind.unit)), pa.string())
        return [_day_or_time(text) for text in times.to_pylist()]
    try:
        texts = pc.cast(values, pa.string()).to_pylist()
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return [_plain_number(text) for text in texts]
        return list(texts)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if column in KNOWN:
            raise SpendTrouble(
                f"{name}: column {column} has type {values.type}, which cannot be read. Write it "
                "as text, number or date."
            ) from None
        return [None if value is None else str(value) for value in values.to_pylist()]


def _plain_number(text: str | None) -> str | None:
    """The number without Arrow's exponent, with no more digits than its type needs."""
    if text is None or text == "nan":
        return None
    number = Decimal(text)
    return format(number, "f") if number.is_finite() else text


def _day_or_time(text: str | None) -> str | None:
    """The day of a time at midnight, and others with six digits of a second, or all it has."""
    if text is None:
        return None
    time, _, fraction = text.partition(".")
    digits = fraction.rstrip("0")
    return f"{time}.{digits:0<6}" if digits else time.removesuffix(" 00:00:00")
