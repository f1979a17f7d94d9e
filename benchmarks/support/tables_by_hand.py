"""The baseline of the tables: their SQL in DuckDB, each written with one ``COPY``.

No checks, hashes, locks, empty days or atomic replacement: a script that trusts its inputs.
``python -m benchmarks.support.tables_by_hand WAREHOUSE FIRST LAST DIRECTORY TABLE …``
"""

import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.dialect import FUNCTIONS, duckdb_type
from feedback_assets.transforms.engine import PARTS, Parameters, part_of, query_of

PARAMETERS = Parameters(customer_secret=b"a secret for benchmarks")


def with_values(query: str, values: dict[str, Any]) -> str:
    """The query with its parameters written out, since ``COPY`` takes none."""

    def literal(found: re.Match[str]) -> str:
        value = values[found[1]]
        if isinstance(value, bytes):
            return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::blob"
        return f"date '{value}'" if isinstance(value, date) else repr(value)

    return re.sub(r"\$([a-z_]+)", literal, re.sub(r"--[^\n]*", "", query))


def days_of(table: Table, place: Path) -> list[date]:
    """The days that were written."""
    found = (place / table.group / table.name).glob("day=*")
    return sorted(date.fromisoformat(path.name.removeprefix("day=")) for path in found)


def add_view(connection: duckdb.DuckDBPyConnection, table: Table, place: Path) -> None:
    """Make the files of a table a view; empty if there are none."""
    files = place / table.group / table.name
    if not table.partitioned:
        rows = f"from read_parquet('{files}/data.parquet')"
    elif files.exists():
        hive = "hive_partitioning = true, hive_types = {'day': 'date'}"
        rows = f"from read_parquet('{files}/*/*.parquet', {hive})"
    else:
        nulls = ", ".join(
            f'null::{duckdb_type(column.type)} as "{column.name}"' for column in table.columns
        )
        rows = f"select {nulls}, null::date as day where false"
    connection.execute(f'create schema if not exists "{table.group}"')
    connection.execute(f'create view "{table.group}"."{table.name}" as {rows}')


def write(
    connection: duckdb.DuckDBPyConnection, table: Table, first: date, last: date, place: Path
) -> None:
    """Compute a table and write it to its place."""
    held = days_of(find_table(table.asks_days_of), place) if table.asks_days_of else []
    connection.execute(f"create schema if not exists {PARTS}")
    for part in table.parts:
        query = with_values(*part_of(table, part, PARAMETERS, last, held))
        connection.execute(f"create or replace table {PARTS}.{part} as {query}")
    start = first if table.partitioned else None
    query = with_values(*query_of(table, PARAMETERS, start, last, held))
    files = place / table.group / table.name
    files.mkdir(parents=True, exist_ok=True)
    to = f"'{files}' (partition_by (day), " if table.partitioned else f"'{files}/data.parquet' ("
    connection.execute(f"copy ({query}) to {to}format parquet, compression zstd)")


def main(root: str, first: str, last: str, directory: str, *names: str) -> None:
    days = date.fromisoformat(first), date.fromisoformat(last)
    place, tables = Path(directory), [find_table(name) for name in names]
    read = {name for table in tables for name in table.depends} - set(names)
    connection = duckdb.connect()
    # Otherwise each of 365 days is written as several files.
    connection.execute("set TimeZone = 'UTC'; set partitioned_write_max_open_files = 1000")
    for function in FUNCTIONS:
        connection.execute(function.macro)
    for name in sorted(read):
        add_view(connection, find_table(name), Path(root))
    for table in tables:
        write(connection, table, *days, place)
        add_view(connection, table, place)


if __name__ == "__main__":
    main(*sys.argv[1:])
