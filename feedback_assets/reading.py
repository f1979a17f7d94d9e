"""Reads a table of a warehouse by its name, for use in other code."""

from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

Days = date | str | tuple[date | str | None, date | str | None] | None


def rows_of(
    warehouse: Warehouse, name: str, days: Days = None, columns: Iterable[str] | None = None
) -> pa.Table:
    """The rows of ``group.table``; ``feedback_assets.read_table`` explains the arguments."""
    table = find_table(name)
    first, last = days if isinstance(days, tuple) else (days, days)
    if days is not None and not table.partitioned:
        raise ValueError(f"{name} has no days: read it whole")
    return warehouse.read_arrow(table, _day(first), _day(last), columns)


def _day(day: date | str | None) -> date | None:
    return date.fromisoformat(day) if isinstance(day, str) else day
