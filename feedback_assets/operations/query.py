"""SQL over the tables, for reading alone, and its answer as a table, CSV or JSON."""

import csv
import io
import json
import re
from typing import Any

import duckdb
import pyarrow as pa

from feedback_assets.store.layout import Warehouse
from feedback_assets.store.quarantine import SCHEMA, quarantine_files
from feedback_assets.tables import PROVIDER_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import duckdb_type, literal, quoted
from feedback_assets.transforms.sources import ArrowTables, add_view, connect

# They take the names of tables as values, which may be put together from parts.
_NAMES_ITS_TABLES_ELSEWHERE = re.compile(r"\bquery(_table)?\b", re.IGNORECASE)
# A spreadsheet takes a cell that begins so for a formula, and comments are written by strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class QueryError(ValueError):
    """SQL that is not one reading statement, or that DuckDB cannot run; says why."""


def run_query(sql: str, warehouse: Warehouse) -> pa.Table:
    """The rows of one ``select`` over ``"<group>"."<table>"``; raises ``QueryError``.

    It can read the warehouse and nothing else: no other file, no network, no writing.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("one SELECT is what can be asked; nothing else is run")
    # Every table is there to be listed, but a view of three years of days is 1,100 files to find
    # and to open, so only those that the text names have their rows.
    with connect(ArrowTables({}), STORED_TABLES) as connection:
        warehouse.register(connection)
        every = bool(_NAMES_ITS_TABLES_ELSEWHERE.search(sql))
        for table in STORED_TABLES:
            if every or table.name in sql.lower():
                add_view(connection, warehouse, table)
        _add_quarantine(connection, warehouse, every=every or "quarantine" in sql.lower())
        _lock(connection, warehouse)
        try:
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(str(error)) from None


def _add_quarantine(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, *, every: bool
) -> None:
    connection.execute("create schema quarantine")
    for table in PROVIDER_TABLES:
        files = quarantine_files(warehouse, table) if every else []
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


def _lock(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    connection.execute(f"set allowed_directories = [{literal(warehouse.base)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


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
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


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
