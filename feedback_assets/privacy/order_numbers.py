"""The numbers of the stored orders, by which an answer's order number is told from other text."""

from collections.abc import Iterable

import duckdb

from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.dialect import view_of

ORDERS = find_table("wicked_reports.orders")


def add_order_numbers(connection: duckdb.DuckDBPyConnection, held: Iterable[Table]) -> None:
    """Add the table ``order_numbers`` with every number of the stored orders."""
    numbers = f"select unnest([trimmed(id), trimmed(source_id)]) as number from {view_of(ORDERS)}"  # noqa: S608
    found = numbers if ORDERS in held else "select cast(null as varchar) as number"
    connection.execute(
        "create or replace temp table order_numbers as "  # noqa: S608
        f"select distinct number from ({found}) where number is not null"
    )
