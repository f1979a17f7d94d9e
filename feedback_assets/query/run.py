"""Read-only SQL over the tables; results as Arrow, plain rows, CSV or JSON."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from feedback_assets.query.tables import listing
from feedback_assets.query.text import json_rows
from feedback_assets.reports.csv_text import csv_of
from feedback_assets.schema.table import Table
from feedback_assets.tables import READ_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import duckdb_type, literal, quoted
from feedback_assets.transforms.sources import (
    ArrowTables,
    add_view,
    again_if_replaced,
    connect,
    copies_of,
)
from feedback_assets.warehouse.memory import machine_memory
from feedback_assets.warehouse.quarantine import SCHEMA, quarantine_directory, quarantine_near
from feedback_assets.warehouse.warehouse import Warehouse

# DuckDB's vector size: the smallest batch that it returns.
_BATCH_ROWS = 2_048
LARGEST_ANSWER = 512 * 1024 * 1024
"""Maximum size in bytes of a result held in memory."""
_SPILLED = "20GB"
_WORD = re.compile(r"\w+")
# The table functions query and query_table take names as values, which may be concatenated.
_NAMES_ITS_TABLES_ELSEWHERE = re.compile(r"\bquery(_table)?\b", re.IGNORECASE)
# Types without a readable form in Python: an interval becomes a tuple of three numbers, and
# nanoseconds need pandas.
_SHOWN_AS_TEXT = re.compile(r"\b(INTERVAL|BIT|BLOB|TIMESTAMP_NS)\b")
_Result = TypeVar("_Result")


class QueryError(ValueError):
    """SQL that is not a single read-only statement, or that DuckDB cannot run; gives the reason."""


@dataclass(frozen=True)
class Answer:
    """Column names, which of the columns are numeric, and the rows in batches."""

    names: tuple[str, ...]
    numbers: tuple[bool, ...]
    batches: Iterator[list[tuple[Any, ...]]]

    def csv(self) -> Iterator[str]:
        """The rows as CSV with a header, in chunks."""
        yield csv_of(self.names, ())
        for rows in self.batches:
            yield csv_of(self.names, rows, header=False)

    def json(self, *, ascii_only: bool = False) -> Iterator[str]:
        """The rows as a JSON array of objects, in chunks."""
        before = "["
        for rows in self.batches:
            if rows:
                yield before + json_rows(self.names, rows, ascii_only=ascii_only)
                before = ",\n "
        yield "[]\n" if before == "[" else "]\n"


Warehouses = Warehouse | Mapping[str, Warehouse]
"""The tables to query: of one account, or of several by prefix, as ``<prefix>.<group>.<table>``.

The tables of the account under an empty prefix, which comes first, are ``<group>.<table>``."""


def run_query(sql: str, warehouse: Warehouses, *, largest: int = LARGEST_ANSWER) -> pa.Table:
    """The rows of one ``select`` over ``"<group>"."<table>"``; raises ``QueryError``.

    It can read the tables and nothing else: no other files, not even in the warehouse, no network,
    no environment variables, no writing. It may use half of the machine's memory, then spill up to
    20 GB; a result of more than ``largest`` bytes is rejected.
    """
    with _connected(sql, warehouse) as (connection, statement):
        return _interruptible(connection, lambda: _in_memory(connection, statement, largest))


@contextmanager
def open_answer(sql: str, warehouse: Warehouses, *, first: int | None = None) -> Iterator[Answer]:
    """The result of ``run_query`` without holding it in memory; ``first``: only that many rows.

    All errors occur before the first row is returned: the result is stored in a temporary table of
    DuckDB, within its memory and disk limits.
    """
    with _connected(sql, warehouse) as (connection, statement):
        relation = _interruptible(connection, lambda: _kept(connection, statement, first))
        wanted = ", ".join(
            f"cast({quoted(name)} as varchar) as {quoted(name)}"
            if _SHOWN_AS_TEXT.search(str(kind))
            else quoted(name)
            for name, kind in zip(relation.columns, relation.types, strict=True)
        )
        reader = relation.project(wanted).to_arrow_reader(_BATCH_ROWS)
        yield Answer(
            tuple(reader.schema.names),
            tuple(is_number(field.type) for field in reader.schema),
            _plain_batches(reader),
        )


@contextmanager
def _connected(sql: str, warehouses: Warehouses) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A locked connection with the tables used in the SQL, and the SQL to run on it."""
    accounts = {"": warehouses} if isinstance(warehouses, Warehouse) else warehouses
    sql = listing(sql, [""] if "" in accounts else list(accounts)) or sql
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("only a single SELECT, SHOW, DESCRIBE or SUMMARIZE statement can be run")
    with connect(ArrowTables({}), (), memory_limit=memory_limit()) as connection:
        for name, warehouse in accounts.items():
            _add_account(connection, name, warehouse, sql)
        connection.execute("use memory")
        remote = not all(warehouse.is_local for warehouse in accounts.values())
        near = [str(copies_of(connection))] if remote else []
        for statement in locks(accounts.values(), near):
            connection.execute(statement)
        try:
            yield connection, sql
        except duckdb.Error as error:
            raise QueryError(str(error)) from None
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise QueryError(f"a value of the result cannot be read: {error}") from None


def _add_account(
    connection: duckdb.DuckDBPyConnection, name: str, warehouse: Warehouse, sql: str
) -> None:
    """Add the tables of a warehouse: to the main database, or to one of the account's name.

    Every table exists so that it can be listed, but a view of three years of days has 1,100 files
    to find and open, so only tables that occur in the text contain rows.
    """
    if name:
        connection.execute(f"attach ':memory:' as {quoted(name)}")
        connection.execute(f"use {quoted(name)}")
    warehouse.register(connection)
    every = bool(_NAMES_ITS_TABLES_ELSEWHERE.search(sql))
    words = set(_WORD.findall(sql.lower()))
    named = every or not name or name in words
    for table in STORED_TABLES:
        held = named and (every or table.name in words)
        add_view(connection, warehouse if held else ArrowTables({}), table, account=name)
    _add_quarantine(connection, warehouse, name, every=named and "quarantine" in sql.lower())


def memory_limit() -> str:
    """The memory limit of a query in DuckDB's format: half of the machine's memory."""
    return f"{machine_memory() // 2 // 1_000_000}MB"


def locks(warehouses: Iterable[Warehouse], near: Sequence[str] = ()) -> list[str]:
    """The statements that lock a connection down to reading its views.

    ``near``: directories with copies of a remote warehouse's files.
    """
    directories = [*near]
    # Only the tables' own directories: the report and any other files in the warehouse stay locked.
    for warehouse in warehouses:
        directories += [warehouse.directory(table) for table in STORED_TABLES]
        directories += [quarantine_directory(warehouse, table) for table in READ_TABLES]
    return [
        f"set {setting} = {value}"
        for setting, value in (
            ("allowed_directories", f"[{', '.join(literal(path) for path in directories)}]"),
            ("max_temp_directory_size", literal(_SPILLED)),
            # sqlite_scan and read_xlsx would install an extension, which no other setting prevents.
            ("autoinstall_known_extensions", "false"),
            ("autoload_known_extensions", "false"),
            # Otherwise an unknown table name is resolved against the variables of this program.
            ("python_enable_replacements", "false"),
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),
        )
    ]


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], _Result]) -> _Result:
    """Run ``work`` in a thread of its own so that Ctrl-C stops it at once.

    Python handles signals only in the main thread. DuckDB checks for an interrupt between its
    steps, and a step executed in this thread may be hours of a join.
    """
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            return working.result()
        except KeyboardInterrupt:
            # Repeated, because an interrupt is lost if DuckDB has not begun. A second Ctrl-C
            # does not end this loop, since the pool would then wait for the result.
            while not working.done():
                with suppress(KeyboardInterrupt):
                    connection.interrupt()
                    wait((working,), timeout=0.1)
            raise


@again_if_replaced
def _kept(
    connection: duckdb.DuckDBPyConnection, sql: str, first: int | None
) -> duckdb.DuckDBPyRelation:
    if first is None:
        connection.execute(f"create or replace temp table answer as {sql}")
    else:
        connection.execute("drop table if exists answer")
        # As a relation, so that DuckDB stops as soon as it has these rows.
        connection.sql(sql).limit(first).create("answer")
    return connection.table("answer")


@again_if_replaced
def _in_memory(connection: duckdb.DuckDBPyConnection, sql: str, largest: int) -> pa.Table:
    # In batches: DuckDB's memory limit does not cover results that it has returned.
    return _collect(connection.sql(sql).to_arrow_reader(_BATCH_ROWS), largest)


def _collect(batches: pa.RecordBatchReader, largest: int) -> pa.Table:
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        size += batch.nbytes
        if size > largest:
            raise QueryError(
                f"the result is larger than {largest // 1024**2:,} MiB: ask for less, "
                "or read the table's Parquet files"
            )
        held.append(batch)
    return pa.Table.from_batches(held, batches.schema)


def _add_quarantine(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, account: str, *, every: bool
) -> None:
    connection.execute("create schema quarantine")
    for table in READ_TABLES:
        files = _quarantined(connection, warehouse, table, account) if every else []
        name = f"quarantine.{quoted(table.full_name)}"
        if files:
            paths = ", ".join(literal(path) for path in files)
            connection.execute(
                f"create view {name} as select * from "  # noqa: S608 - paths of our own
                f"read_parquet([{paths}], hive_partitioning = false)"
            )
        else:
            # Not an Arrow table: registering one makes DuckDB import pandas, 0.3 s.
            nothing = ", ".join(
                f"cast(null as {duckdb_type(field.type)}) as {quoted(field.name)}"
                for field in SCHEMA
            )
            connection.execute(f"create view {name} as select {nothing} where false")


def _quarantined(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, table: Table, account: str
) -> list[str]:
    return quarantine_near(warehouse, table, lambda: copies_of(connection, account))


def plain_rows(rows: pa.Table | pa.RecordBatch) -> list[tuple[Any, ...]]:
    """Rows as tuples of Python values; values without a Python equivalent as DuckDB's text.

    Examples are dates beyond the year 9999, infinite timestamps and fractions of a microsecond.
    """
    return list(zip(*(_values(column) for column in rows.columns), strict=True))


def is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _plain_batches(reader: pa.RecordBatchReader) -> Iterator[list[tuple[Any, ...]]]:
    for batch in reader:
        yield plain_rows(batch)


def _values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError, pa.ArrowException):
        texts = _texts(column)
    values: list[Any] = []
    for value, text in zip(column, texts, strict=True):
        try:
            values.append(value.as_py())
        except (OverflowError, ValueError, pa.ArrowException):
            values.append(text)
    return values


def _texts(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.from_arrow(pa.table({"value": column}))
        return [text for (text,) in rows.project("cast(value as varchar)").fetchall()]
