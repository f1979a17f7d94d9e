"""SQL over the tables, for reading alone, and its answer as a table, CSV or JSON."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import duckdb
import pyarrow as pa

from feedback_assets.operations.query_text import (
    NAMES_ITS_TABLES_ELSEWHERE,
    csv_of,
    json_of,
)
from feedback_assets.store.layout import Warehouse
from feedback_assets.store.memory import machine_memory
from feedback_assets.store.quarantine import SCHEMA, quarantine_directory, quarantine_near
from feedback_assets.tables import PROVIDER_TABLES, STORED_TABLES, Table
from feedback_assets.transforms.dialect import duckdb_type, literal, quoted
from feedback_assets.transforms.sources import (
    ArrowTables,
    add_view,
    again_if_replaced,
    connect,
    copies_of,
)

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
    memory = memory_limit()
    # Every table is there to be listed, but a view of three years of days is 1,100 files to find
    # and to open, so only those that the text names have their rows.
    with connect(ArrowTables({}), STORED_TABLES, memory_limit=memory) as connection:
        warehouse.register(connection)
        every = bool(NAMES_ITS_TABLES_ELSEWHERE.search(sql))
        for table in STORED_TABLES:
            if every or table.name in sql.lower():
                add_view(connection, warehouse, table)
        _add_quarantine(connection, warehouse, every=every or "quarantine" in sql.lower())
        near = [] if warehouse.is_local else [str(copies_of(connection))]
        for statement in locks(warehouse, near):
            connection.execute(statement)
        try:
            # Piece by piece: the memory limit is DuckDB's, and does not count what it hands over.
            return _interruptible(connection, lambda: _answer(connection, sql, largest))
        except duckdb.Error as error:
            raise QueryError(str(error)) from None
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise QueryError(f"the answer holds what cannot be shown: {error}") from None


def memory_limit() -> str:
    """The memory that a query may take, as DuckDB is told: half of the machine's."""
    return f"{machine_memory() // 2 // 1_000_000}MB"


def locks(warehouse: Warehouse, near: Sequence[str] = ()) -> list[str]:
    """What shuts a connection, once its views are there, but for reading the tables.

    ``near``: directories with copies of a remote warehouse's files.
    """
    # The tables' own directories: the report, and whatever else lies in the warehouse, stay shut.
    directories = [
        *near,
        *(warehouse.directory(table) for table in STORED_TABLES),
        *(quarantine_directory(warehouse, table) for table in PROVIDER_TABLES),
    ]
    return [
        f"set {setting} = {value}"
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
        )
    ]


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], pa.Table]) -> pa.Table:
    """What ``work`` gives, in a thread of its own, so that Ctrl-C ends it at once.

    Python hears of it in the main thread alone. DuckDB asks for it between its steps, and a step
    that this thread took over may be hours of a join.
    """
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            return working.result()
        except KeyboardInterrupt:
            # Again and again: one that comes before DuckDB has begun is forgotten. A second Ctrl-C
            # does not end this, else the pool would wait for the answer.
            while not working.done():
                with suppress(KeyboardInterrupt):
                    connection.interrupt()
                    wait((working,), timeout=0.1)
            raise


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


def to_csv(rows: pa.Table) -> str:
    """The rows as CSV with a header; text that a spreadsheet would run gets a leading quote."""
    return csv_of(rows.column_names, _plain(rows))


def to_json(rows: pa.Table) -> str:
    """The rows as a JSON array of objects, a line each; money as numbers, times as ISO 8601."""
    return json_of(rows.column_names, _plain(rows))


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
