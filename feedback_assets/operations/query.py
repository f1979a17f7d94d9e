"""SQL over the tables, for reading alone, and its answer as a table, CSV or JSON."""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa

from feedback_assets.store.layout import Warehouse
from feedback_assets.store.quarantine import SCHEMA, quarantine_directory, quarantine_near
from feedback_assets.tables import PROVIDER_TABLES, STORED_TABLES, Table
from feedback_assets.transforms.dialect import duckdb_type, literal, quoted
from feedback_assets.transforms.sources import (
    ArrowTables,
    add_view,
    again_if_replaced,
    connect,
    copies_of,
    machine_memory,
)

# They take the names of tables as values, which may be put together from parts.
_NAMES_ITS_TABLES_ELSEWHERE = re.compile(r"\bquery(_table)?\b", re.IGNORECASE)
# A spreadsheet takes a cell that begins so for a formula, and comments are written by strangers.
# The wide forms are those of East Asian keyboards, which spreadsheets take alike.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
# What a terminal obeys (escape, bell, C1), and what turns the order of a line around. Letters are
# joined by U+200C and U+200D in Persian, in Indian scripts and in emoji, so these stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BATCH_ROWS = 10_000
LARGEST_ANSWER = 512 * 1024 * 1024
"""Bytes of Arrow data; as text in a table or CSV it is several times as much."""
_SPILLED = "20GB"


class QueryError(ValueError):
    """SQL that is not one reading statement, or that DuckDB cannot run; says why."""


def run_query(sql: str, warehouse: Warehouse, *, largest: int = LARGEST_ANSWER) -> pa.Table:
    """The rows of one ``select`` over ``"<group>"."<table>"``; raises ``QueryError``.

    It can read the tables and nothing else: no other file, not even of the warehouse, no network,
    no variable of this process, no writing. It may take half of the machine's memory, then spills
    up to 20 GB, and an answer of more than ``largest`` bytes is refused.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("one SELECT is what can be asked; nothing else is run")
    memory = f"{machine_memory() // 2 // 1_000_000}MB"
    # Every table is there to be listed, but a view of three years of days is 1,100 files to find
    # and to open, so only those that the text names have their rows.
    with connect(ArrowTables({}), STORED_TABLES, memory_limit=memory) as connection:
        warehouse.register(connection)
        every = bool(_NAMES_ITS_TABLES_ELSEWHERE.search(sql))
        for table in STORED_TABLES:
            if every or table.name in sql.lower():
                add_view(connection, warehouse, table)
        _add_quarantine(connection, warehouse, every=every or "quarantine" in sql.lower())
        _lock(connection, warehouse)
        try:
            # Piece by piece: the memory limit is DuckDB's, and does not count what it hands over.
            return _answer(connection, sql, largest)
        except duckdb.Error as error:
            raise QueryError(str(error)) from None
        except RuntimeError as error:
            # What DuckDB makes of Ctrl-C while it hands over rows.
            if "interrupted" in str(error):
                raise KeyboardInterrupt from None
            raise
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise QueryError(f"the answer holds what cannot be shown: {error}") from None


@again_if_replaced
def _answer(connection: duckdb.DuckDBPyConnection, sql: str, largest: int) -> pa.Table:
    return _collect(connection.sql(sql).to_arrow_reader(_BATCH_ROWS), largest)


def _collect(batches: pa.RecordBatchReader, largest: int) -> pa.Table:
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        size += batch.nbytes
        if size > largest:
            raise QueryError(
                f"the answer is larger than {largest // 1024**2:,} MiB: ask for less, "
                "or read the table's Parquet files"
            )
        held.append(batch)
    return pa.Table.from_batches(held, batches.schema)


def _add_quarantine(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, *, every: bool
) -> None:
    connection.execute("create schema quarantine")
    for table in PROVIDER_TABLES:
        files = _quarantined(connection, warehouse, table) if every else []
        name = f"quarantine.{quoted(table.full_name)}"
        if files:
            paths = ", ".join(literal(path) for path in files)
            connection.execute(
                f"create view {name} as select * from "  # noqa: S608 - paths of our own
                f"read_parquet([{paths}], hive_partitioning = false)"
            )
        else:
            # Not an Arrow table, to register which DuckDB imports pandas: 0.3 s.
            nothing = ", ".join(
                f"cast(null as {duckdb_type(field.type)}) as {quoted(field.name)}"
                for field in SCHEMA
            )
            connection.execute(f"create view {name} as select {nothing} where false")


def _quarantined(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, table: Table
) -> list[str]:
    return quarantine_near(warehouse, table, lambda: copies_of(connection))


def _lock(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    # The tables' own directories: the report, and whatever else lies in the warehouse, stay shut.
    directories = [
        *(warehouse.directory(table) for table in STORED_TABLES),
        *(quarantine_directory(warehouse, table) for table in PROVIDER_TABLES),
    ]
    if not warehouse.is_local:
        directories.append(str(copies_of(connection)))
    for setting, value in (
        ("allowed_directories", f"[{', '.join(literal(path) for path in directories)}]"),
        ("max_temp_directory_size", literal(_SPILLED)),
        # sqlite_scan and read_xlsx would fetch an extension, which no other setting prevents.
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        # Else a name that is no table is looked for among the variables of this program.
        ("python_enable_replacements", "false"),
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        connection.execute(f"set {setting} = {value}")


def visible(text: str) -> str:
    """The text with what a terminal would obey written out; line ends and tabs stay."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def to_csv(rows: pa.Table) -> str:
    """The rows as CSV with a header; text that a spreadsheet would run gets a leading quote."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_harmless(name) for name in rows.column_names])
    for row in _plain(rows):
        writer.writerow([_harmless(value) for value in row])
    return text.getvalue()


def to_json(rows: pa.Table) -> str:
    """The rows as a JSON array of objects, a line each; money as numbers, times as ISO 8601."""
    names = rows.column_names
    lines = (
        json.dumps(dict(zip(names, row, strict=True)), default=_json_value, ensure_ascii=False)
        for row in _plain(rows)
    )
    return "[" + ",\n ".join(lines) + "]\n"


def _plain(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(values(column) for column in rows.columns), strict=True))


def values(column: pa.ChunkedArray) -> Iterable[Any]:
    """A column's values in Python; ``QueryError`` for one that Python cannot hold."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError, pa.ArrowException) as error:
        raise QueryError(
            "a value cannot be shown, such as a time beyond the year 9999: "
            f"cast it to text ({error})"
        ) from None


def _harmless(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, dict | list):
        return json.dumps(value, default=_json_value, ensure_ascii=False)
    return _text(value)


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json_value(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "as_tuple"):
        return float(value)
    return str(value)
