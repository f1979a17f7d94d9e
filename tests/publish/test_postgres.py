"""Postgres has exactly the rows of the warehouse, all tables at once."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa
import pytest
from adbc_driver_manager import ProgrammingError
from adbc_driver_postgresql import dbapi

from feedback_assets.publish.names import table_name
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.publish.postgres.session import trouble
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import fetch, in_postgres, in_warehouse
from tests.publish.rounds import FIRST, PERSON, Rounds, day
from tests.servers.postgres import PostgresDatabase, PostgresServer

ORDER_FEEDBACK = find_table("marts.order_feedback")
NPS_DAILY = find_table("marts.nps_daily")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"))


def target(postgres: PostgresDatabase, *tables: Table, seconds: float = 30.0) -> Postgres:
    return Postgres(postgres.url, "feedback", tables, seconds)


def filled(warehouse: Warehouse, *, days: int = 3) -> Warehouse:
    for number in range(days):
        for table in (ORDER_FEEDBACK, NPS_DAILY):
            warehouse.replace_day(table, day(number), made_up(table, day(number), 6))
    return warehouse


@pytest.fixture
def published(postgres: PostgresDatabase, warehouse: Warehouse) -> Postgres:
    """Two marts of three days, published."""
    found = target(postgres, ORDER_FEEDBACK, NPS_DAILY)
    found.publish(filled(warehouse))
    return found


def assert_equal(postgres: PostgresDatabase, warehouse: Warehouse, *tables: Table) -> None:
    there = postgres.run_sql(
        "select relname from pg_class join pg_namespace n on n.oid = relnamespace "
        "where nspname = 'feedback' and relkind = 'r' and relname not like '\\_%' order by 1"
    ).splitlines()
    held = [table for table in tables if warehouse.files(table)]
    assert there == sorted(map(table_name, held))
    for table in held:
        assert in_postgres(postgres.url, table) == in_warehouse(warehouse, table), table.full_name


@contextmanager
def consistent_reader(url: str) -> Iterator[list[int]]:
    """Reads everything in one transaction, again and again; yields the number of differences."""
    stop, wrong, seen = threading.Event(), [], [0]

    def read() -> None:
        with dbapi.connect(url, autocommit=False) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("set transaction isolation level repeatable read")
                cursor.execute("select to_regclass('feedback._partitions')::text")
                try:
                    if cursor.fetchone() != (None,):
                        wrong.extend(_differences(cursor))
                        seen[0] += 1
                except ProgrammingError as error:
                    # A table was dropped meanwhile: definitions are not isolated from readers.
                    if error.sqlstate != "42P01":
                        wrong.append(str(error))
                connection.rollback()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not wrong


def _differences(cursor: dbapi.Cursor) -> list[str]:
    """Tables whose number of rows is not the one recorded in the same transaction."""
    cursor.execute("select table_name, sum(row_count)::bigint from feedback._partitions group by 1")
    recorded = {str(name): count for name, count in cursor.fetchall()}
    found = []
    for name, count in recorded.items():
        cursor.execute(f"select count(*) from feedback.{name}")
        there = cursor.fetchone()
        if there != (count,):
            found.append(f"{name}: {there} instead of {count}")
    return found


@pytest.mark.slow
def test_after_every_round_of_change_postgres_holds_exactly_the_rows_of_the_warehouse(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    rounds = Rounds(warehouse)
    with consistent_reader(postgres.url) as seen:
        for change in rounds.all:
            change()
            done = target(postgres, *rounds.tables).publish(warehouse)
            assert not done.left_out, change.__name__
            assert_equal(postgres, warehouse, *rounds.tables)
            if change == rounds.same_rows_in_new_files:
                assert done.partitions == 0
            again = target(postgres, *rounds.tables).publish(warehouse)
            assert (again.partitions, again.removed, again.dropped) == (0, 0, ())
    assert seen[0] > 10
    assert PERSON not in postgres.run_sql("select * from feedback.unified__feedback")


def test_polars_reads_the_rows_of_the_parquet_files(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    query = "select * from feedback.marts__nps_daily order by day, provider"
    with dbapi.connect(postgres.url) as connection:
        read = pl.read_database(query, connection)
    stored = pl.from_arrow(warehouse.read_arrow(NPS_DAILY)).sort("day", "provider")
    assert read.select(stored.columns).equals(stored)


def test_only_what_changed_is_sent(warehouse: Warehouse, published: Postgres) -> None:
    warehouse.replace_day(NPS_DAILY, day(1), made_up(NPS_DAILY, day(1), 8, "other"))
    done = published.publish(warehouse)
    assert done.tables["marts.nps_daily"].partitions == 1
    assert done.tables["marts.nps_daily"].rows == 8
    assert done.tables["marts.order_feedback"].partitions == 0
    assert done.newest == day(2)
    assert done.before is not None


def test_types_comments_key_and_indexes_come_from_the_declaration(
    postgres: PostgresDatabase, published: Postgres
) -> None:
    about = postgres.run_sql(
        "select column_name, data_type, is_nullable, col_description('feedback."
        "marts__order_feedback'::regclass, ordinal_position) from information_schema.columns "
        "where table_name = 'marts__order_feedback'"
    ).splitlines()
    columns = {line.split("|")[0]: line.split("|")[1:] for line in about}
    assert columns["day"] == ["date", "NO", "The UTC day that the row belongs to"]
    assert columns["responded_at"][:2] == ["timestamp with time zone", "NO"]
    assert columns["score"] == ["smallint", "YES", "NPS score; null if none was given [0–10]"]
    assert columns["net_amount"][0] == "numeric"
    indexes = postgres.run_sql(
        "select indexdef from pg_indexes where tablename = 'marts__order_feedback'"
    )
    assert "UNIQUE INDEX marts__order_feedback__key" in indexes
    assert "(day, feedback_id)" in indexes
    assert "(customer_key)" in indexes


def test_a_text_with_a_nul_is_published_with_a_replacement_character(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    orders = find_table("wicked_reports.orders")
    rows = made_up(orders, FIRST, 1).to_pylist()
    rows[0] |= {"currency": "a\0b", "attributions": {"last_click": {"source": "a\0b \\u0000"}}}
    warehouse.replace_day(orders, FIRST, pa.Table.from_pylist(rows, schema=orders.schema))
    target(postgres, orders).publish(warehouse)
    read = fetch(
        postgres.url,
        "select currency, attributions#>>'{last_click,source}' as name "
        "from feedback.wicked_reports__orders",
    )
    assert read.to_pylist() == [{"currency": "a\ufffdb", "name": "a\ufffdb \\u0000"}]


def test_a_value_too_long_for_an_index_leaves_out_the_index_and_no_row(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    rows = made_up(ORDER_FEEDBACK, day(3), 2).to_pylist()
    draw = random.Random(1)
    rows[0]["feedback_id"] = "".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(4000))
    long = pa.Table.from_pylist(rows, schema=ORDER_FEEDBACK.schema)
    warehouse.replace_day(ORDER_FEEDBACK, day(3), long)
    done = published.publish(warehouse)
    assert done.left_out == (
        "key (day, feedback_id) of marts__order_feedback",
        "index (feedback_id) of marts__order_feedback",
    )
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)
    warehouse.replace_day(ORDER_FEEDBACK, day(3), made_up(ORDER_FEEDBACK, day(3), 2))
    published.publish(warehouse)
    # Once no transaction can see the long value any more.
    assert published.publish(warehouse).left_out == ()


def test_rows_that_somebody_else_changed_are_repaired(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    postgres.run_sql(
        "delete from feedback.marts__nps_daily where day = '2026-03-02'; "
        "insert into feedback.marts__nps_daily (day, provider, responses, promoters, passives, "
        "detractors, score_sum) values ('1999-01-01', 'x', 1, 1, 0, 0, 10); "
        "drop table feedback.marts__order_feedback"
    )
    published.publish(warehouse)
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)


@pytest.mark.parametrize(
    "change",
    [
        "update feedback.marts__nps_daily set responses = 0 where day = '2026-03-01'",
        "truncate feedback.marts__nps_daily",
    ],
)
def test_changed_values_are_noticed_and_repaired(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres, change: str
) -> None:
    # By a user who can write to the tables, but not to the publisher's own.
    role = f"writer_{postgres.name}"
    postgres.run_sql(
        f"create role {role}; grant usage on schema feedback to {role}; "
        f"grant all on feedback.marts__nps_daily to {role}; set role {role}; {change}; "
        f"reset role; drop owned by {role}; drop role {role}"
    )
    assert published.behind(warehouse).partitions == {"marts.nps_daily": 3}
    assert published.publish(warehouse).partitions == 3
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)
    assert published.publish(warehouse).partitions == 0


def test_all_sends_every_partition_again(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    assert published.publish(warehouse, everything=True).partitions == 6
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)


def test_a_table_that_somebody_else_made_is_not_touched(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    postgres.run_sql("create schema feedback; create table feedback.marts__nps_daily (mine text)")
    with pytest.raises(PublishTrouble, match="did not create"):
        target(postgres, NPS_DAILY).publish(filled(warehouse))
    assert postgres.run_sql("select count(*) from feedback.marts__nps_daily") == "0"


def test_a_view_on_what_would_be_dropped_stops_the_publication_and_is_named(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    postgres.run_sql("create view mine as select comment from feedback.marts__order_feedback")
    shorter = [column for column in ORDER_FEEDBACK.columns if column.name != "comment"]
    other = replace(ORDER_FEEDBACK, columns=tuple(shorter))
    warehouse.replace_day(NPS_DAILY, day(0), made_up(NPS_DAILY, day(0), 1, "other"))
    with pytest.raises(
        PublishTrouble, match=r"views that depend on what would be dropped: .*view mine depends"
    ):
        target(postgres, other, NPS_DAILY).publish(warehouse)
    # Nothing of the publication is visible, neither of this table nor of the other one.
    assert (
        postgres.run_sql("select count(*) from feedback.marts__nps_daily where day = '2026-03-01'")
        == "6"
    )


def test_an_empty_warehouse_does_not_empty_the_database(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres, tmp_path: Path
) -> None:
    with pytest.raises(PublishTrouble, match="has none of the published tables"):
        published.publish(Warehouse(str(tmp_path / "elsewhere")))
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)


def test_a_second_publisher_waits_for_the_first(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    with dbapi.connect(postgres.url, autocommit=False) as first, first.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended('feedback-assets publish feedback', 0))"
        )
        cursor.fetchall()
        with pytest.raises(PublishTrouble, match="did not release a lock") as raised:
            replace(published, lock_seconds=0.1).publish(warehouse)
        assert raised.value.transient
        thread = threading.Thread(target=published.publish, args=(warehouse,))
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        first.rollback()
        thread.join(30)
        assert not thread.is_alive()


def test_no_file_is_read_to_find_out_how_far_a_target_is_behind(
    warehouse: Warehouse, published: Postgres, postgres: PostgresDatabase
) -> None:
    assert str(published.behind(warehouse)).startswith("up to date, last published 20")
    warehouse.replace_day(NPS_DAILY, day(5), made_up(NPS_DAILY, day(5), 1))
    assert published.behind(warehouse).partitions == {"marts.nps_daily": 1}
    fewer = target(postgres, NPS_DAILY).behind(warehouse).partitions
    assert fewer == {"marts.nps_daily": 1, "marts__order_feedback": 3}


@pytest.mark.parametrize(
    ("url", "said", "transient"),
    [
        # pragma: allowlist nextline secret
        ("postgresql://u:hunter22@127.0.0.1:9/x", "cannot be reached", True),
        ("{wrong password}", "password authentication failed", False),
        ("{no such database}", "does not exist", False),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(
    postgres: PostgresDatabase, warehouse: Warehouse, url: str, said: str, transient: bool
) -> None:
    password = urlsplit(postgres.url).password or ""
    url = url.replace("{wrong password}", postgres.url.replace(password, "hunter22"))
    url = url.replace("{no such database}", f"{postgres.url}_not")
    with pytest.raises(PublishTrouble, match=said) as raised:
        Postgres(url, "feedback", (NPS_DAILY,)).publish(filled(warehouse))
    assert raised.value.transient is transient
    assert "hunter22" not in str(raised.value)
    assert password not in str(raised.value)
    assert "FEEDBACK_PUBLISH_POSTGRES_URL" in str(raised.value)


def test_a_read_only_database_and_a_missing_permission_are_explained(
    postgres: PostgresDatabase, warehouse: Warehouse, postgres_server: PostgresServer
) -> None:
    postgres.run_sql("create role poor login password 'poor-password'")
    poor = postgres.url.replace(f"feedback:{postgres_server.password}@", "poor:poor-password@")
    with pytest.raises(PublishTrouble, match="denies a permission"):
        Postgres(poor, "feedback", (NPS_DAILY,)).publish(filled(warehouse))
    postgres.run_sql(f"alter database {postgres.name} set default_transaction_read_only = on")
    with pytest.raises(PublishTrouble, match="read-only"):
        target(postgres, NPS_DAILY).publish(warehouse)
    postgres_server.run_sql(f"alter database {postgres.name} reset all; drop role poor")


@pytest.mark.parametrize(
    ("state", "said", "transient"),
    [
        ("53100", "is out of resources", False),
        ("57P01", "failed (57P01)", True),
        ("40P01", "failed (40P01)", True),
        ("XX000", "failed (XX000)", False),
    ],
)
def test_an_error_of_the_server_is_one_line_without_its_statement_and_rows(
    state: str, said: str, transient: bool
) -> None:
    class Error(Exception):
        sqlstate = state

    error = Error(
        "IO: [libpq] Failed: ERROR:  could not extend file\nDETAIL: Key (a)=(ana@example.com)\n"
        "Query was: select 1"
    )
    found = trouble(error, "db:5432/x")
    assert said in str(found)
    assert "could not extend file" in str(found)
    assert "ana@" not in str(found)
    assert "select" not in str(found)
    assert found.transient is transient


def test_two_publishers_at_once_leave_one_state(
    postgres: PostgresDatabase, warehouse: Warehouse
) -> None:
    filled(warehouse, days=6)
    found = target(postgres, ORDER_FEEDBACK, NPS_DAILY)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: found.publish(warehouse), range(4)))
    assert sorted(one.partitions for one in done) == [0, 0, 0, 12]
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)


def test_a_role_reads_only_the_marts_including_those_published_later(
    postgres: PostgresDatabase, warehouse: Warehouse, published: Postgres
) -> None:
    role = f"analysts_{postgres.name}"
    feedback, coverage = find_table("unified.feedback"), find_table("marts.match_coverage")
    assert published.grant_to(role)
    assert not published.grant_to(role)
    for table in (feedback, coverage):
        warehouse.replace_day(table, day(0), made_up(table, day(0), 2))
    target(postgres, ORDER_FEEDBACK, NPS_DAILY, feedback, coverage).publish(warehouse)
    readable = postgres.run_sql(
        "select relname from pg_class join pg_namespace n on n.oid = relnamespace where nspname = "
        f"'feedback' and relkind = 'r' and has_table_privilege('{role}', pg_class.oid, 'select') "
        "order by 1"
    ).splitlines()
    assert readable == [
        "_publications",
        "marts__match_coverage",
        "marts__nps_daily",
        "marts__order_feedback",
    ]
    writable = postgres.run_sql(
        f"select bool_or(has_table_privilege('{role}', oid, 'insert')) from pg_class "
        "where relnamespace = 'feedback'::regnamespace and relkind = 'r'"
    )
    assert writable == "f"
    postgres.run_sql(f"drop owned by {role}; drop role {role}")
    published.publish(warehouse)
    with pytest.raises(PublishTrouble, match="can read every table already"):
        published.grant_to("feedback")


def test_postgres_restarted_during_a_publication_leaves_the_old_state_and_the_next_completes(
    postgres: PostgresDatabase, postgres_server: PostgresServer, warehouse: Warehouse
) -> None:
    found = target(postgres, ORDER_FEEDBACK, NPS_DAILY)
    found.publish(filled(warehouse))
    before = in_postgres(postgres.url, NPS_DAILY)
    filled(warehouse, days=6)

    class Restarting(Warehouse):
        """Restarts the server while its second table is read."""

        def read_partitions(self, table, days):  # type: ignore[no-untyped-def]
            if table is NPS_DAILY and days:
                postgres_server.restart()
            return super().read_partitions(table, days)

    with pytest.raises(PublishTrouble) as raised:
        found.publish(Restarting(warehouse.root))
    assert raised.value.transient
    assert in_postgres(postgres.url, NPS_DAILY) == before
    found.publish(warehouse)
    assert_equal(postgres, warehouse, ORDER_FEEDBACK, NPS_DAILY)
