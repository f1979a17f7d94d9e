"""The SQL's input tables: a warehouse's Parquet files, or Arrow tables in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, finalize

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from tenacity import retry, retry_if_exception, stop_after_attempt

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES
from feedback_assets.transforms.dialect import FUNCTIONS, duckdb_type, literal, quoted, view_of
from feedback_assets.warehouse.temporary_names import make_scratch, remove_scratch, scratch_path
from feedback_assets.warehouse.warehouse import Warehouse

Days = tuple[date | None, date | None]


@dataclass(frozen=True)
class ArrowTables:
    """In-memory tables, by ``group.table``, with a ``day`` column if partitioned.

    ``days`` lists the partitions, for tables that have some without rows; by default the rows'
    days.
    """

    rows: Mapping[str, pa.Table]
    days: Mapping[str, Sequence[date]] = field(default_factory=dict)

    def days_held(self, table: Table) -> list[date]:
        """The days for which the table has a partition, in order."""
        if table.full_name in self.days:
            return sorted(self.days[table.full_name])
        if table.full_name not in self.rows:
            return []
        return sorted(pc.unique(self.rows[table.full_name].column("day")).to_pylist())


Source = Warehouse | ArrowTables


def connect(
    source: Source,
    tables: Iterable[Table] = ALL_TABLES,
    *,
    days: Mapping[str, Days] | None = None,
    memory_limit: str | None = None,
    temp_directory: Path | None = None,
    threads: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view ``"group"."table"`` for each of ``tables``.

    A view has the declared columns, and ``day`` if the table is partitioned; it is empty if there
    are no files, and a column that an old file lacks is null in its rows. ``days`` limits the
    partitions of a table, named ``group.table``, to a first and last day, both included. The
    session's time zone is UTC on every machine.

    This opens the last file of each table; querying the view opens the others. Both raise
    ``duckdb.Error`` if a file cannot be read or has a column of another type.
    """
    connection = duckdb.connect(":memory:", config=_config(memory_limit, temp_directory, threads))
    try:
        connection.execute("set TimeZone = 'UTC'")
        for function in FUNCTIONS:
            connection.execute(function.macro)
        if isinstance(source, Warehouse):
            source.register(connection)
        for table in tables:
            first, last = (days or {}).get(table.full_name, (None, None))
            add_view(connection, source, table, first, last)
    except BaseException:
        connection.close()
        raise
    return connection


TRIES = 5


def replaced(error: BaseException) -> bool:
    """Whether DuckDB may have failed because a file was replaced while it was read."""
    # Plain ``duckdb.Error`` for invalid bytes; errors in the SQL have their own classes, and so has
    # running out of memory.
    return type(error) in {duckdb.Error, duckdb.IOException, duckdb.InvalidInputException}


again_if_replaced = retry(
    retry=retry_if_exception(replaced), stop=stop_after_attempt(TRIES), reraise=True
)
"""Retry if a file was replaced while it was read.

DuckDB opens a file for its footer and again for its rows; a replacement in between is an error,
never wrong rows (203 errors, 7,773 answers and none of them wrong with a file replaced
continuously). A day is one file and rarely replaced, so a retry reads it whole.
"""


@again_if_replaced
def ask(
    connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, Any] | None = None
) -> pa.Table:
    """The rows of a query over the views of ``connect``.

    Raises ``duckdb.Error`` if a file cannot be read, even after retries.
    """
    # Creating a relation from the query would open all files once more before running it.
    connection.execute(f"create or replace temp table asked as {query}", values)
    return connection.sql("from asked").to_arrow_table()


@again_if_replaced
def compute(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, values: Mapping[str, Any]
) -> None:
    """Keep the rows of a query as the table ``name``; raises as ``ask`` does."""
    connection.execute(f"create or replace table {name} as {query}", values)


@again_if_replaced
def add_view(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    first: date | None = None,
    last: date | None = None,
    *,
    account: str = "",
) -> None:
    """Create or replace the view of one table over its partitions of those days.

    ``account`` distinguishes tables of one name in several databases of the connection.
    """
    connection.execute(f"create schema if not exists {quoted(table.group)}")
    if isinstance(source, ArrowTables):
        connection.execute(_view(table, _scan_arrow(connection, source, table, first, last)))
    elif files := source.near(table, first, last, lambda: copies_of(connection, account)):
        _add_view_of_files(connection, table, files, account)
    else:
        connection.execute(_view(table, None))


def _add_view_of_files(
    connection: duckdb.DuckDBPyConnection, table: Table, files: list[str], account: str
) -> None:
    # DuckDB opens all files of a view when it is created, and again when it is queried: 0.2 s for
    # three years of marts.order_feedback. So the view is created while the variable with its file
    # names contains only the last one.
    variable = " ".join(filter(None, ("files of", account, table.full_name)))
    put = f"set variable {quoted(variable)} = $files"
    connection.execute(put, {"files": files[-1:]})
    connection.execute(_view(table, _scan_files(table, f"getvariable({literal(variable)})")))
    connection.execute(put, {"files": files})


def _view(table: Table, read: str | None) -> str:
    columns = _columns(table)
    nothing = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns)
    empty = f"select {nothing} where false"
    # By name, so that a column or struct field added later is null for older files.
    both = f"{empty} union all by name {read}" if read else empty
    wanted = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns)
    name = view_of(table)
    return f"create or replace view {name} as select {wanted} from ({both})"  # noqa: S608


_copies: "WeakKeyDictionary[duckdb.DuckDBPyConnection, Path]" = WeakKeyDictionary()


def copies_of(connection: duckdb.DuckDBPyConnection, account: str = "") -> Path:
    """The private directory for copies of a remote warehouse's files; removed with the connection.

    DuckDB sends an object store up to 30 requests per file, one after the other.
    """
    if connection not in _copies:
        directory = _copies[connection] = make_scratch()
        finalize(connection, remove_scratch, directory)
    return _copies[connection] / account if account else _copies[connection]


def _config(
    memory_limit: str | None, temp_directory: Path | None, threads: int | None
) -> dict[str, Any]:
    # Otherwise DuckDB spills into the current directory, which may be readable by anyone.
    spill = temp_directory or scratch_path()
    config: dict[str, Any] = {"temp_directory": str(spill)}
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    return config


def _columns(table: Table) -> list[tuple[str, str]]:
    columns = [(quoted(column.name), duckdb_type(column.type)) for column in table.columns]
    if table.partitioned:
        columns.append(('"day"', "date"))
    return columns


def _scan_files(table: Table, files: str) -> str:
    hive = "true, hive_types = {'day': 'date'}" if table.partitioned else "false"
    return (
        f"select * from read_parquet({files}, "  # noqa: S608
        f"union_by_name = true, hive_partitioning = {hive})"
    )


def _scan_arrow(
    connection: duckdb.DuckDBPyConnection,
    source: ArrowTables,
    table: Table,
    first: date | None,
    last: date | None,
) -> str | None:
    if table.full_name not in source.rows:
        return None
    name = f"arrow {table.full_name}"
    connection.register(name, source.rows[table.full_name])
    bounds = [
        f"day {sign} date {literal(day.isoformat())}"
        for sign, day in ((">=", first), ("<=", last))
        if day is not None
    ]
    where = f" where {' and '.join(bounds)}" if bounds and table.partitioned else ""
    return f"select * from {quoted(name)}{where}"  # noqa: S608
