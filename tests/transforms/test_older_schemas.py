"""A directory with files of older and newer schemas, read by every reader."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from feedback_assets.schema.columns import INT8, INT64, MONEY, TEXT, Column, list_of, struct
from feedback_assets.schema.table import Table
from feedback_assets.transforms import spark
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WIDE = pa.decimal128(38, 4)
FIRST, SECOND = date(2026, 10, 1), date(2026, 10, 2)


def declared(*columns: Column) -> Table:
    return Table("marts", "changing", "", columns, key=("id",), order_by=("id",))


OLD = declared(
    Column("id", TEXT, ""),
    Column("amount", MONEY, ""),
    Column("score", INT8, ""),
    Column("gone", TEXT, ""),
    struct("person", "", Column("name", TEXT, "")),
    list_of("items", "", Column("qty", MONEY, "")),
)
NEW = declared(
    Column("id", TEXT, ""),
    Column("added", TEXT, ""),
    Column("amount", WIDE, ""),
    Column("score", INT64, ""),
    struct("person", "", Column("name", TEXT, ""), Column("city", TEXT, "")),
    list_of("items", "", Column("sku", TEXT, ""), Column("qty", WIDE, "")),
)
OLD_ROW = {
    "id": "old",
    "amount": Decimal("1.5"),
    "score": 9,
    "gone": "x",
    "person": {"name": "Ana"},
    "items": [{"qty": Decimal(2)}],
}
NEW_ROW = {
    "id": "new",
    "added": "y",
    "amount": Decimal(10) ** 20,
    "score": 1000,
    "person": {"name": "Bob", "city": "Rome"},
    "items": [{"sku": "s", "qty": Decimal(10) ** 20}],
}
AS_NEW = {
    "id": "old",
    "added": None,
    "amount": Decimal("1.5000"),
    "score": 9,
    "person": {"name": "Ana", "city": None},
    "items": [{"sku": None, "qty": Decimal("2.0000")}],
}

Rows = list[dict[str, Any]]


def by_duckdb(warehouse: Warehouse) -> Rows:
    with connect(warehouse, [NEW]) as connection:
        rows: Rows = ask(connection, "select * from marts.changing order by id").to_pylist()
    return rows


def by_arrow(warehouse: Warehouse) -> Rows:
    rows: Rows = warehouse.read_arrow(NEW).sort_by("id").to_pylist()
    return rows


@pytest.mark.parametrize("read", [by_duckdb, by_arrow])
@pytest.mark.parametrize("days", [(FIRST, SECOND), (SECOND, FIRST)], ids=["old first", "new first"])
def test_a_new_column_is_null_in_old_files_and_wider_types_keep_their_values(
    tmp_path: Path, read: Callable[[Warehouse], Rows], days: tuple[date, date]
) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace_day(OLD, days[0], pa.Table.from_pylist([OLD_ROW], schema=OLD.schema))
    warehouse.replace_day(NEW, days[1], pa.Table.from_pylist([NEW_ROW], schema=NEW.schema))
    assert read(warehouse) == [NEW_ROW | {"day": days[1]}, AS_NEW | {"day": days[0]}]


@pytest.mark.parametrize("read", [by_duckdb, by_arrow])
def test_a_table_with_only_old_files_is_read_by_the_new_declaration(
    tmp_path: Path, read: Callable[[Warehouse], Rows]
) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace_day(OLD, FIRST, pa.Table.from_pylist([OLD_ROW], schema=OLD.schema))
    warehouse.replace_day(OLD, SECOND, OLD.schema.empty_table())
    assert read(warehouse) == [AS_NEW | {"day": FIRST}]


@pytest.fixture
def session() -> Iterator["SparkSession"]:
    """A local Spark, stopped afterwards: Spark gives a later test this session, not its own."""
    pytest.importorskip("pyspark")
    session = spark._session("local[1]")
    yield session
    session.stop()
    spark._session.cache_clear()


@pytest.mark.slow
def test_spark_reads_old_and_new_files_together(tmp_path: Path, session: "SparkSession") -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace_day(OLD, FIRST, pa.Table.from_pylist([OLD_ROW], schema=OLD.schema))
    warehouse.replace_day(NEW, SECOND, pa.Table.from_pylist([NEW_ROW], schema=NEW.schema))
    frame = spark._partitions(session, warehouse, NEW, (None, None))
    rows = frame.toArrow().sort_by("id").to_pylist()
    assert rows == [NEW_ROW | {"day": SECOND}, AS_NEW | {"day": FIRST}]
