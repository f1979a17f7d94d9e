"""Rows for the warehouse's tests: a small table with one column of each shape, and its days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from feedback_assets.schema.columns import (
    BOOL,
    FLOAT,
    INT64,
    MONEY,
    STAMP,
    TEXT,
    Column,
    list_of,
    struct,
)
from feedback_assets.schema.table import Table, provider_table

SALES = provider_table(
    "shop",
    "sales",
    "One row is one sale.",
    Column("id", TEXT, "Id", nullable=False),
    Column("at", STAMP, "When", nullable=False),
    Column("amount", MONEY, "How much"),
    Column("count", INT64, "How many"),
    Column("share", FLOAT, "Which part"),
    Column("gift", BOOL, "Whether it is a gift"),
    struct("buyer", "Who", Column("name", TEXT, "Name"), Column("since", STAMP, "Since when")),
    list_of("items", "What", Column("sku", TEXT, "Number"), Column("price", MONEY, "Price")),
    key=("id",),
    event_time="at",
)
TOTALS = Table(
    "shop",
    "totals",
    "One row is all sales.",
    (Column("count", INT64, "How many"), Column("amount", MONEY, "How much")),
    key=("count",),
    partitioned=False,
)
DAY = date(2024, 3, 1)


def sale(number: int, day: date = DAY, **changes: Any) -> dict[str, Any]:
    when = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(seconds=number)
    return {
        "id": f"s{number}",
        "at": when,
        "amount": Decimal(number) / 100,
        "count": number,
        "share": number / 7,
        "gift": number % 2 == 0,
        "buyer": {"name": f"é{number}", "since": when} if number % 3 else None,
        "items": [{"sku": f"k{n}", "price": Decimal(n)} for n in range(number % 3)],
        "extra": None,
        **changes,
    }


def sales(count: int, day: date = DAY, /, **changes: Any) -> pa.Table:
    return pa.Table.from_pylist(
        [sale(number, day, **changes) for number in range(count)], schema=SALES.schema
    )


def sample(table: Table, count: int) -> pa.Table:
    """Rows of any table, with values, nulls, and lists of different lengths in every column."""
    records = [
        {
            field.name: _sampled(field.type, number)
            if not field.nullable or (number + place) % 3
            else None
            for place, field in enumerate(table.schema)
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(records, schema=table.schema)


def _sampled(kind: pa.DataType, number: int) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _sampled(field.type, number + 1) for field in kind}
    if pa.types.is_list(kind):
        return [_sampled(kind.value_type, place) for place in range(number % 3)]
    if pa.types.is_timestamp(kind):
        return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(microseconds=number)
    if pa.types.is_date(kind):
        return DAY + timedelta(days=number)
    if pa.types.is_string(kind):
        return f"é{number}"
    return pa.scalar(number % 2, pa.int8()).cast(kind).as_py()
