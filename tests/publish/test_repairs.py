"""What somebody else changed in Postgres, or an older declaration left there, is repaired."""

from pathlib import Path

import pytest

from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import in_postgres, in_warehouse
from tests.publish.rounds import day
from tests.servers.postgres import PostgresDatabase

ORDER_FEEDBACK = find_table("marts.order_feedback")
NPS_DAILY = find_table("marts.nps_daily")


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
