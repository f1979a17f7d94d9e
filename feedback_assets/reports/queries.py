"""The queries of ``sql/``, run on the marts that the warehouse holds."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import duckdb

from feedback_assets.reports.scorecard_report import WEEKS
from feedback_assets.reports.statistics import Counts
from feedback_assets.schema.table import Table
from feedback_assets.transforms.sources import Days, ask, connect
from feedback_assets.transforms.sql_files import sql_file
from feedback_assets.warehouse.warehouse import Warehouse

# Days of a partitioned mart that the page reads, up to the last one.
_LENGTHS = {
    "marts.nps_daily": 730,
    "marts.nps_by_attribution": 7 * WEEKS,
    "marts.order_feedback": 365,
    "marts.match_coverage": 90,
}

Row = dict[str, Any]


class Ask:
    """Runs a query of ``sql/`` by name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, values: Row) -> None:
        self._connection = connection
        self._values = values

    def __call__(self, name: str, **more: Any) -> list[Row]:
        text = sql_file("feedback_assets.reports", name)
        values = {**self._values, **more}
        # DuckDB rejects parameters that the query does not use.
        named = {key: value for key, value in values.items() if f"${key}" in text}
        rows: list[Row] = ask(self._connection, text, named).to_pylist()
        return rows


@contextmanager
def connected(
    warehouse: Warehouse,
    tables: Collection[Table],
    last: date | None,
    memory_limit: str | None = None,
) -> Iterator[Ask]:
    """The marts up to ``last``, as far back as the page reads."""
    days: dict[str, Days] = {}
    if last is not None:
        days = {
            name: (last - timedelta(days=length - 1), last) for name, length in _LENGTHS.items()
        }
    with connect(warehouse, tables, days=days, memory_limit=memory_limit) as connection:
        yield Ask(connection, {"last_day": last or date.min})


def counts(row: Row) -> Counts:
    """The answers of one row by class."""
    return Counts(row["responses"], row["promoters"], row["passives"], row["detractors"])
