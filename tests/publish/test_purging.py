"""After an erasure Postgres keeps nothing of deleted rows, or the erasure is not complete."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi

from feedback_assets.publish.postgres import purging
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.rounds import PERSON, day
from tests.servers.postgres import PostgresDatabase

FEEDBACK = find_table("unified.feedback")
TABLE = "feedback.unified__feedback"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"))


@pytest.fixture
def erased(
    postgres: PostgresDatabase, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Postgres:
    """A target with a person who is no longer in the warehouse."""
    monkeypatch.setattr(purging, "_PAUSES", (0.1, 0.2))
    target = Postgres(postgres.url, "feedback", (FEEDBACK,), 30.0)
    with_person(warehouse, PERSON)
    target.publish(warehouse)
    with_person(warehouse, "erased")
    return target


def with_person(warehouse: Warehouse, email: str) -> None:
    rows = made_up(FEEDBACK, day(0), 30).to_pylist()
    for row in rows:
        row["customer_email"] = email
    warehouse.replace_day(FEEDBACK, day(0), pa.Table.from_pylist(rows, schema=FEEDBACK.schema))


@contextmanager
def reading(url: str) -> Iterator[dbapi.Cursor]:
    """A transaction that sees the rows as they were before the erasure."""
    with dbapi.connect(url, autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute(f"select count(*) from {TABLE}")
        cursor.fetchall()
        yield cursor
        connection.rollback()


def sampled(postgres: PostgresDatabase) -> str:
    return postgres.run_sql(
        "select most_common_vals from pg_stats where tablename = 'unified__feedback'"
    )


def test_no_statistics_have_a_sample_of_an_erased_person(
    postgres: PostgresDatabase, warehouse: Warehouse, erased: Postgres
) -> None:
    assert PERSON in sampled(postgres)
    # Too few changed days for an ANALYZE of the publication itself.
    for number in range(1, 12):
        warehouse.replace_day(FEEDBACK, day(number), made_up(FEEDBACK, day(number), 1))
    with_person(warehouse, PERSON)
    erased.publish(warehouse)
    with_person(warehouse, "erased")
    erased.publish(warehouse, erase=True)
    assert PERSON not in sampled(postgres)


def test_no_statistics_of_a_table_that_is_now_empty_have_a_sample(
    postgres: PostgresDatabase, warehouse: Warehouse, erased: Postgres
) -> None:
    warehouse.replace_day(FEEDBACK, day(0), made_up(FEEDBACK, day(0), 0))
    erased.publish(warehouse, erase=True)
    assert sampled(postgres) == ""
    with_person(warehouse, "erased")
    assert erased.publish(warehouse).partitions == 1
    assert erased.publish(warehouse).left_out == ()


def test_an_erasure_fails_while_an_older_transaction_can_see_the_rows(
    postgres: PostgresDatabase, warehouse: Warehouse, erased: Postgres
) -> None:
    with reading(postgres.url) as reader:
        reader.execute("select pg_backend_pid()")
        ((process,),) = reader.fetchall()
        said = f"keeps deleted rows of unified__feedback, because of process {process} of feedback"
        with pytest.raises(PublishTrouble, match=said):
            erased.publish(warehouse, erase=True)
    erased.publish(warehouse, erase=True)


def test_a_user_with_few_rights_notices_the_transactions_of_others(
    postgres: PostgresDatabase, warehouse: Warehouse, erased: Postgres
) -> None:
    role = f"publisher_{postgres.name}"
    postgres.run_sql(
        f"create role {role} login password 'poor-password'; "
        f"alter schema feedback owner to {role}; "
        f"grant all on schema feedback to {role}"
    )
    for name in postgres.run_sql(
        "select relname from pg_class where relnamespace = 'feedback'::regnamespace "
        "and relkind = 'r'"
    ).splitlines():
        postgres.run_sql(f"alter table feedback.{name} owner to {role}")
    postgres.run_sql(f"alter function feedback._mark_touched() owner to {role}")
    password = postgres.server.password
    poor = Postgres(
        postgres.url.replace(f"feedback:{password}@", f"{role}:poor-password@"),
        "feedback",
        (FEEDBACK,),
        30.0,
    )
    try:
        with reading(postgres.url), pytest.raises(PublishTrouble, match="of feedback"):
            poor.publish(warehouse, erase=True)
        poor.publish(warehouse, erase=True)
    finally:
        postgres.run_sql(f"reassign owned by {role} to feedback; drop owned by {role}")
        postgres.run_sql(f"drop role {role}")


def test_a_statement_timeout_of_the_database_does_not_stop_an_erasure(
    postgres: PostgresDatabase, warehouse: Warehouse, erased: Postgres
) -> None:
    erased.publish(warehouse)
    postgres.run_sql(f"alter database {postgres.name} set statement_timeout = '200ms'")
    with dbapi.connect(postgres.url, autocommit=False) as other, other.cursor() as cursor:
        # As another VACUUM does: this one waits longer than the timeout.
        cursor.execute(f"lock table {TABLE} in share update exclusive mode")
        release = threading.Timer(1.0, other.rollback)
        release.start()
        erased.publish(warehouse, erase=True)
        release.join()


def test_an_error_after_the_commit_does_not_say_that_nothing_was_published(
    postgres: PostgresDatabase,
    warehouse: Warehouse,
    erased: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(purging, "_SESSION", ("set lock_timeout = '100ms'",))
    erased.publish(warehouse)
    with dbapi.connect(postgres.url, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute(f"lock table {TABLE} in share update exclusive mode")
        with pytest.raises(PublishTrouble, match="did not release a lock") as raised:
            erased.publish(warehouse, erase=True)
        other.rollback()
    assert "up to date, but may still keep deleted rows" in str(raised.value)
    assert "Nothing was published" not in str(raised.value)
