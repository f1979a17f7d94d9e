"""Reads a table's rows as Arrow, and registers the files with DuckDB."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.partitions import find_files
from feedback_assets.warehouse.place import Place, day_in
from feedback_assets.warehouse.remote import fetched
from feedback_assets.warehouse.stored_files import read_bytes

if TYPE_CHECKING:
    import duckdb


def read_arrow(
    place: Place,
    table: Table,
    first: date | None = None,
    last: date | None = None,
    columns: Iterable[str] | None = None,
) -> pa.Table:
    """The rows of the days ``first`` to ``last``, with ``day`` if partitioned.

    A column that an older file lacks is null in its rows.
    """
    schema = table.schema
    if table.partitioned:
        schema = schema.append(pa.field("day", pa.date32()))
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    there = find_files(place, table, first, last)
    if place.is_local:
        parts = (read_file(place, table, found.path, schema) for found in there)
    else:
        contents = zip(there, fetched(place.filesystem, there), strict=True)
        parts = (
            _read(table, found.path, pa.BufferReader(content), schema)
            for found, content in contents
        )
    return pa.concat_tables([schema.empty_table(), *parts])


def read_partitions(
    place: Place, table: Table, days: Collection[date | None]
) -> Iterator[tuple[date | None, pa.Table]]:
    """Yield these partitions' rows without ``day``, one at a time in day order.

    One listing in all; a partition that is gone by then is left out.
    """
    if not days:
        return
    there = [found for found in find_files(place, table) if day_in(found.path) in days]
    if place.is_local:
        for found in there:
            yield day_in(found.path), read_file(place, table, found.path, table.schema)
        return
    for found, content in zip(there, fetched(place.filesystem, there), strict=True):
        yield day_in(found.path), _read(table, found.path, pa.BufferReader(content), table.schema)


def read_file(place: Place, table: Table, path: str, schema: pa.Schema) -> pa.Table:
    """The rows of one partition's file with the columns of ``schema``."""
    if not place.is_local:
        return _read(table, path, pa.BufferReader(read_bytes(place, path)), schema)
    with place.filesystem.open(path, "rb") as source:
        return _read(table, path, source, schema)


def register(place: Place, connection: "duckdb.DuckDBPyConnection") -> None:
    """Let DuckDB read the warehouse; a local one needs nothing."""
    if not place.is_local:
        connection.register_filesystem(_without_listings(place.filesystem))
        # Its cache identifies versions by the second, and would mix those of one second.
        connection.execute("set enable_external_file_cache = false")


def _without_listings(filesystem: Any) -> Any:
    """The file system without cached listings: S3's would open the listed version or nothing."""
    if "s3" not in filesystem.protocol:
        return filesystem
    options = {**filesystem.storage_options, "use_listings_cache": False}
    return type(filesystem)(**options)


def _read(table: Table, path: str, source: Any, schema: pa.Schema) -> pa.Table:
    file = pq.ParquetFile(source)
    there = set(file.schema_arrow.names)
    read = file.read(columns=[name for name in schema.names if name in there])
    rows = file.metadata.num_rows
    day = day_in(path)
    arrays = []
    for column in schema:
        if column.name in there:
            arrays.append(read.column(column.name).cast(column.type))
        elif column.name == "day" and table.partitioned:
            value = pa.scalar(day, pa.date32())
            arrays.append(pa.chunked_array([pa.repeat(value, rows)]))
        else:
            arrays.append(pa.chunked_array([pa.nulls(rows, column.type)]))
    return pa.table(arrays, schema=schema)
