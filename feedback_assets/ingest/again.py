"""Detects whether stored rows would be read differently now, by parsing them again as JSON.

A row and its ``extra`` contain nearly all that the provider sent, so the rules are not written
down twice: the check covers what the reader does to text, amounts and lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa

from feedback_assets.ingest.epochs import to_epoch
from feedback_assets.ingest.parse import parse_page
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.spool import days_of
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.schema.typing import Typing

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class SecondReading:
    """The result of parsing rows again.

    ``differs``: a row comes out differently, or not at all. ``inside``: the days of records of
    other tables that the first read left inside these.
    """

    differs: bool
    inside: Mapping[Table, frozenset[date]] = field(default_factory=dict)


def read_again(table: Table, rows: pa.Table, typing: Typing) -> SecondReading:
    """Parse ``rows`` of a provider table again, as if the provider had just served them."""
    records = _encoder.encode([_record(row, table.columns) for row in rows.to_pylist()])
    inside: dict[Table, frozenset[date]] = {}
    source = next((source for source in SOURCES if table is source.tables[0]), None)
    if source is not None and source.reshape is not None:
        parts = source.reshape(records)
        for other in source.tables[1:]:
            found = parse_page(parts[other.full_name].records, other, typing).rows
            inside[other] = frozenset(days_of(found, other).to_pylist())
        records = parts[table.full_name].records
    parsed = parse_page(records, table, typing)
    return SecondReading(bool(parsed.bad) or not parsed.rows.equals(rows), inside)


def _record(row: Mapping[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    record = _fields(row, columns)
    extra = row.get(EXTRA.name)
    return _merged(record, msgspec.json.decode(extra)) if extra else record


def _fields(row: Mapping[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    return {
        column.json_name: _served(row[column.name], column)
        for column in columns
        if column is not EXTRA and row[column.name] is not None
    }


def _served(value: Any, column: Column) -> Any:
    if column.shape == "list":
        return [None if item is None else _fields(item, column.fields) for item in value]
    if column.shape == "struct":
        return _fields(value, column.fields)
    if column.epoch:
        return to_epoch(value, column.epoch)
    return value.isoformat() if isinstance(value, datetime) else value


def _merged(record: Any, extra: Any) -> Any:
    """The record with its undeclared fields back in place."""
    if isinstance(record, dict) and isinstance(extra, dict):
        both = {**extra, **record}
        return {
            name: _merged(record[name], extra[name]) if name in record and name in extra else value
            for name, value in both.items()
        }
    if isinstance(record, list) and isinstance(extra, list) and len(record) == len(extra):
        return [_merged(*pair) for pair in zip(record, extra, strict=True)]
    return record
