"""Runs a table's SQL file over the requested days and splits the result into partitions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.tables.unified import FEEDBACK
from feedback_assets.transforms.answers import answers_sql
from feedback_assets.transforms.dialect import duckdb_type, quoted
from feedback_assets.transforms.inputs import Spans, days_read, end_of_windows
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.transforms.restated import restated, with_restated
from feedback_assets.transforms.sources import TRIES, Days, Source, ask, compute, connect, replaced
from feedback_assets.transforms.sql_files import sql_file
from feedback_assets.warehouse.memory import machine_memory

PARTS = "parts"
"""The schema in which a query finds the parts that were computed before it."""
_PARAMETER = re.compile(r"\$([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
_ORDER = re.compile(r"\norder by (?P<keys>[^()]+)$")
_MEMORY = re.compile(r"([\d.]+) ?([KMGT])i?B", re.IGNORECASE)
_BATCH_ROWS = 100_000
_FIRST_DAYS = 28
_NO_LIMIT = 1_000_000
# At its peak a query used 40 bytes (unified.attribution) to 90 (marts.order_feedback) per value of
# its result; this is about twice that, since the rest of the process needs memory too.
_BYTES_A_VALUE = 160


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The settings that the SQL uses.

    ``match_days`` and ``touch_days`` are exact durations in days of 24 hours, bounds included.
    ``customer_secret`` keys the pseudonym ``customer_key``; it is excluded from ``repr``.
    ``memory_limit`` is DuckDB's (``"2GB"``), beyond which it spills into ``temp_directory``.
    """

    match_days: int = 90
    touch_days: int = 30
    customer_secret: bytes = field(repr=False)
    memory_limit: str | None = None
    temp_directory: Path | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.match_days < 0 or self.touch_days < 0:
            raise ValueError("match_days and touch_days must be 0 or more")


def build_days(
    table: Table, first: date, last: date, warehouse: Source, parameters: Parameters
) -> Iterator[tuple[date, pa.Table]]:
    """Yield every day from ``first`` to ``last``, both included, in order, with its rows.

    A query computes as many days as fit in memory, estimated from the rows of earlier days, and
    half as many if that was too much; a day without rows is an empty table. Rows have exactly
    ``table.schema``, ordered by ``table.order_by``. The query reads what ``table.depends``
    declares; days missing from ``warehouse`` count as empty.

    Raises ``ValueError`` for a table without days or days out of order, ``duckdb.Error`` if a file
    cannot be read.
    """
    if not table.partitioned:
        raise ValueError(f"{table.full_name} has no days")
    if last < first:
        raise ValueError(f"{last} is before {first}")
    start, tries_left = first, TRIES - 1
    # With fewer days than the window before them, most of the reading would be that window.
    least = max(1, *_days_back(table, parameters))
    step, most = max(_FIRST_DAYS, least), _NO_LIMIT
    while start <= last:
        begun, values = start, 0
        end = min(last, start + timedelta(days=step - 1))
        try:
            for day, rows in _build_range(table, start, end, warehouse, parameters):
                yield day, rows
                start = day + timedelta(days=1)
                values += rows.num_rows * rows.num_columns
        except duckdb.OutOfMemoryException:
            # Not every operator spills; half the days have half the rows.
            if start >= end:
                raise
            step = most = (end - start).days // 2 + 1
        except duckdb.Error as error:
            if not replaced(error) or not tries_left:
                raise
            tries_left -= 1
        else:
            fit = _values_at_once(parameters) * (start - begun).days // max(values, 1)
            step = min(max(fit, least), most)


def _days_back(table: Table, parameters: Parameters) -> list[int]:
    return [
        depends.days_back(parameters.match_days, parameters.touch_days)
        for depends in table.depends.values()
    ]


def _values_at_once(parameters: Parameters) -> int:
    """The number of values that a query may compute in DuckDB's memory."""
    found = _MEMORY.fullmatch(parameters.memory_limit or "")
    if found is None:
        return machine_memory() // _BYTES_A_VALUE
    number, unit = found.groups()
    return int(float(number) * 1000 ** (1 + "KMGT".index(unit.upper()))) // _BYTES_A_VALUE


def _build_range(
    table: Table, first: date, last: date, warehouse: Source, parameters: Parameters
) -> Iterator[tuple[date, pa.Table]]:
    connection = _open(table, warehouse, parameters, days_to_read(table, first, last, parameters))
    try:
        query, values = query_of(table, parameters, first, last)
        result = connection.sql(query, params=values).to_arrow_reader(_BATCH_ROWS)
        yield from cut_days(result, table, first, last)
    finally:
        connection.close()


def build_whole(table: Table, warehouse: Source, parameters: Parameters) -> pa.Table:
    """The rows of a table without days, with exactly ``table.schema``, in order.

    Raises ``ValueError`` for a table with days, ``duckdb.Error`` if a file cannot be read.
    """
    if table.partitioned:
        raise ValueError(f"{table.full_name} has days")
    last = last_day_held(table, warehouse)
    connection = _open(table, warehouse, parameters, days_to_read(table, last, last, parameters))
    held = days_asked(table, warehouse)
    try:
        connection.execute(f"create schema {PARTS}")
        for name in table.parts:
            query, values = part_of(table, name, parameters, last, held)
            compute(connection, f"{PARTS}.{name}", query, values)
        query, values = query_of(table, parameters, None, last, held)
        return ask(connection, query, values).cast(table.schema)
    finally:
        connection.close()


def last_day_held(table: Table, warehouse: Source) -> date | None:
    """The day on which the windows of a table without days end; None if nothing is stored."""
    return end_of_windows(table, warehouse.days_held)


def days_asked(table: Table, warehouse: Source) -> list[date]:
    """The stored days of the table that ``table.asks_days_of`` names."""
    return warehouse.days_held(find_table(table.asks_days_of)) if table.asks_days_of else []


def days_value(days: Sequence[date]) -> str:
    """The days as one text, which every engine accepts as a parameter."""
    return ",".join(day.isoformat() for day in days)


def sql_of(table: Table) -> str:
    """The text of the table's SQL files; ``FileNotFoundError`` for a table without any.

    For ``unified.feedback`` the providers' queries follow the file's opening comment.
    """
    return "\n".join([_query(table), *(_part(table, name) for name in table.parts)])


def part_of(
    table: Table, name: str, parameters: Parameters, last: date | None, held: Sequence[date]
) -> tuple[str, dict[str, Any]]:
    """The query of one part of a table, and the values it is run with, as ``query_of``."""
    text = _part(table, name)
    return with_restated(text), _named(text, _values(parameters, None, last, held))


def query_of(
    table: Table,
    parameters: Parameters,
    first: date | None,
    last: date | None,
    held: Sequence[date] = (),
) -> tuple[str, dict[str, Any]]:
    """The query for the table, typed and ordered, and its parameter values.

    ``first`` and ``last`` are the requested range; for a table without days, None and the last
    stored day; ``held`` comes from ``days_asked``. The values include the key of the pseudonym:
    pass them to DuckDB only.

    A file that ends with ``order by`` overrides ``table.order_by`` with a faster equivalent.
    """
    text = _query(table).strip()
    columns = ", ".join(
        f"cast({quoted(column.name)} as {duckdb_type(column.type)}) as {quoted(column.name)}"
        for column in table.columns
    )
    order = [quoted(name) for name in table.order_by]
    if table.partitioned:
        columns = f"{columns}, day"
        order.insert(0, "day")
    keys = [f"{name} nulls last" for name in order]
    if found := _ORDER.search(text):
        keys, text = [found["keys"]], text[: found.start()]
    ordered = f" order by {', '.join(keys)}" if keys else ""
    shared = restated(text)
    before = f"with {shared}\n" if shared else ""
    query = f"{before}select {columns} from (\n{text}\n){ordered}"  # noqa: S608 - our own files
    return query, _named(text, _values(parameters, first, last, held))


def _named(text: str, values: dict[str, Any]) -> dict[str, Any]:
    # DuckDB refuses a value that the query does not name; a name in a comment does not count.
    named = set(_PARAMETER.findall(_COMMENT.sub("", text)))
    return {name: values[name] for name in named}


def _query(table: Table) -> str:
    text = _file(table.group, table.name)
    if table is not FEEDBACK:
        return text
    opening, _, query = text.partition("\n\n")
    return f"{opening}\n{answers_sql()}\n\n{query}"


def _part(table: Table, name: str) -> str:
    return _file(f"{table.group}/{table.name}", name)


def _file(group: str, name: str) -> str:
    return sql_file("feedback_assets.transforms", f"{group}/{name}")


def _values(
    parameters: Parameters, first: date | None, last: date | None, held: Sequence[date]
) -> dict[str, Any]:
    inner_pad, outer_pad = hmac_pads(parameters.customer_secret)
    return {
        "first_day": first,
        "last_day": last,
        "days_held": days_value(held),
        "match_days": parameters.match_days,
        "touch_days": parameters.touch_days,
        "inner_pad": inner_pad,
        "outer_pad": outer_pad,
    }


def days_to_read(
    table: Table, first: date | None, last: date | None, parameters: Parameters
) -> dict[str, Days]:
    """For each table that the query reads, the first and last day it reads."""
    spans = Spans(parameters.match_days, parameters.touch_days)
    days: dict[str, Days] = {}
    for name, depends in table.depends.items():
        if depends.every or first is None or last is None:
            days[name] = (None, None)
        else:
            days[name] = days_read(table, name, first, last, spans)
    return days


def _open(
    table: Table, warehouse: Source, parameters: Parameters, days: dict[str, Days]
) -> duckdb.DuckDBPyConnection:
    return connect(
        warehouse,
        [find_table(name) for name in table.depends],
        days=days,
        memory_limit=parameters.memory_limit,
        temp_directory=parameters.temp_directory,
        threads=parameters.threads,
    )


def cut_days(
    batches: pa.RecordBatchReader, table: Table, first: date, last: date
) -> Iterator[tuple[date, pa.Table]]:
    """Split rows ordered by day into one table a day; a day without rows is an empty table."""
    day = first
    pending: list[pa.Table] = []
    for batch in batches:
        start = 0
        # Cast at once: for a day of a few rows, it takes longer than writing them.
        rows = pa.Table.from_batches([batch]).drop_columns("day").cast(table.schema)
        # The rows are ordered by day, so a batch is split where the day changes.
        for run_day, length in _runs(batch.column("day")):
            while day < run_day:
                yield day, _joined(pending, table)
                day, pending = day + timedelta(days=1), []
            pending.append(rows.slice(start, length))
            start += length
    while day <= last:
        yield day, _joined(pending, table)
        day, pending = day + timedelta(days=1), []


def _runs(days: pa.Array) -> list[tuple[date, int]]:
    encoded = pc.run_end_encode(days)
    ends = encoded.run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    return [
        (day, end - start)
        for day, start, end in zip(encoded.values.to_pylist(), starts, ends, strict=True)
    ]


def _joined(parts: list[pa.Table], table: Table) -> pa.Table:
    if len(parts) == 1:
        return parts[0]
    return pa.concat_tables(parts) if parts else table.schema.empty_table()
