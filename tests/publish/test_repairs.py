"""What somebody else changed in Postgres, or an older declaration left there, is repaired."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi

from feedback_assets.publish.postgres import publisher
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.publish.postgres.session import Session
from feedback_assets.publish.postgres.target import State, read_state
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
def test_every_nul_in_a_nested_column_is_replaced_but_not_text_that_spells_one(
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


def test_a_change_that_is_committed_after_the_publication_began_is_repaired_by_the_next(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    published = target(postgres, NPS_DAILY)
    published.publish(warehouse)
    postgres.run_sql("delete from feedback.marts__nps_daily where day = '2026-03-01'")
    with dbapi.connect(postgres.url, autocommit=False) as other, other.cursor() as cursor:
        # The first change is already recorded; this one is not visible yet.
        cursor.execute(
            "insert into feedback.marts__nps_daily (day, provider, responses, promoters, passives, "
            "detractors, score_sum) values ('1999-01-01', 'x', 1, 1, 0, 0, 10)"
        )
        published.publish(warehouse)
        other.commit()
    assert published.publish(warehouse).partitions == 3
    assert in_postgres(postgres.url, NPS_DAILY) == in_warehouse(warehouse, NPS_DAILY)


def test_a_change_between_reading_the_state_and_taking_over_is_repaired(
    postgres: PostgresDatabase, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = target(postgres, NPS_DAILY)
    published.publish(warehouse)

    def read_then_changed(session: Session) -> State:
        state = read_state(session)
        postgres.run_sql("update feedback.marts__nps_daily set responses = 0")
        return state

    monkeypatch.setattr(publisher, "read_state", read_then_changed)
    assert published.publish(warehouse).partitions == 3
    assert in_postgres(postgres.url, NPS_DAILY) == in_warehouse(warehouse, NPS_DAILY)


def test_a_schema_of_version_0_2_0_records_every_change_after_the_next_publication(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    published = target(postgres, NPS_DAILY)
    published.publish(warehouse)
    function = postgres.run_sql("select pg_get_functiondef('feedback._mark_touched'::regproc)")
    old = function.replace("values ($1)'", "values ($1) on conflict do nothing'")
    postgres.run_sql(f"alter table feedback._touched add primary key (table_name); {old}")
    published.publish(warehouse)
    for seed in range(2):
        postgres.run_sql(f"update feedback.marts__nps_daily set responses = {seed}")
    assert postgres.run_sql("select count(*) from feedback._touched") == "2"
    assert published.publish(warehouse).partitions == 3


def redeclared(nullable: Collection[str] = (), key: tuple[str, ...] = NPS_DAILY.key) -> Table:
    columns = tuple(
        replace(one, nullable=one.nullable or one.name in nullable) for one in NPS_DAILY.columns
    )
    return replace(NPS_DAILY, columns=columns, key=key)


@pytest.mark.parametrize(
    ("other", "there"),
    [
        (redeclared(nullable=["provider"]), "f|{day,provider}"),
        (redeclared(key=("provider", "responses")), "t|{day,provider,responses}"),
    ],
    ids=["nullable", "another column"],
)
def test_a_key_whose_declaration_changed_is_replaced(
    postgres: PostgresDatabase, warehouse: Warehouse, other: Table, there: str
) -> None:
    key = (
        "select indisprimary, (select array_agg(attname order by attnum) from pg_attribute where "
        "attrelid = indexrelid) from pg_index where indexrelid = "
        "'feedback.marts__nps_daily__key'::regclass"
    )
    for table, wanted in ((NPS_DAILY, "t|{day,provider}"), (other, there)) * 2:
        done = target(postgres, table).publish(warehouse)
        assert done.left_out == ()
        assert postgres.run_sql(key) == wanted
        assert in_postgres(postgres.url, NPS_DAILY) == in_warehouse(warehouse, NPS_DAILY)
