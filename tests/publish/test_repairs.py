"""What somebody else changed in Postgres, or an older declaration left there, is repaired."""

from pathlib import Path

import pyarrow as pa
import pytest

from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import fetch, in_postgres, in_warehouse
from tests.publish.rounds import day
from tests.servers.postgres import PostgresDatabase

ORDER_FEEDBACK = find_table("marts.order_feedback")
NPS_DAILY = find_table("marts.nps_daily")
ORDERS = find_table("wicked_reports.orders")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Two marts of three days."""
    found = Warehouse(str(tmp_path / "warehouse"))
    for number in range(3):
        for table in (ORDER_FEEDBACK, NPS_DAILY):
            found.replace_day(table, day(number), made_up(table, day(number), 6))
    return found


def target(postgres: PostgresDatabase, *tables: Table) -> Postgres:
    return Postgres(postgres.url, "feedback", tables, 30.0)


def test_a_column_that_somebody_dropped_comes_back_filled(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    published = target(postgres, ORDER_FEEDBACK)
    published.publish(warehouse)
    postgres.run_sql("alter table feedback.marts__order_feedback drop column comment")
    assert published.publish(warehouse).partitions == 3
    assert in_postgres(postgres.url, ORDER_FEEDBACK) == in_warehouse(warehouse, ORDER_FEEDBACK)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("\0\0", "\ufffd\ufffd"),
        ("a\0\0\0b\0", "a\ufffd\ufffd\ufffdb\ufffd"),
        ("\\\0", "\\\ufffd"),
        ("\\u0000\\\\u0000", "\\u0000\\\\u0000"),
        ('"\0\\u0000\0"', '"\ufffd\\u0000\ufffd"'),
    ],
)
def test_every_nul_in_a_nested_column_is_replaced_and_no_text_that_spells_one(
    postgres: PostgresDatabase, warehouse: Warehouse, text: str, stored: str
) -> None:
    rows = made_up(ORDERS, day(0), 1).to_pylist()
    rows[0]["attributions"] = {"last_click": {"source": text}}
    warehouse.replace_day(ORDERS, day(0), pa.Table.from_pylist(rows, schema=ORDERS.schema))
    target(postgres, ORDERS).publish(warehouse)
    query = (
        "select attributions#>>'{last_click,source}' as name from feedback.wicked_reports__orders"
    )
    assert fetch(postgres.url, query)["name"].to_pylist() == [stored]
