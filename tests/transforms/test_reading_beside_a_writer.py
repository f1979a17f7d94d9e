"""A table is read while its files are replaced: every read returns one version."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from feedback_assets.query.run import run_query
from feedback_assets.tables import find_table
from feedback_assets.transforms import Parameters, build_days
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

SUBMISSIONS = find_table("feedbackpulse.submissions")
DAY = date(2026, 11, 1)
SIZES = (1_000, 20_000)


def _rows(count: int) -> pa.Table:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    rows = [
        {"id": n, "nps_score": n % 11, "created_at": noon + timedelta(seconds=n)}
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=SUBMISSIONS.schema)


@contextmanager
def _replaced_several_times_a_second(warehouse: Warehouse) -> Iterator[None]:
    versions = [_rows(count) for count in SIZES]
    warehouse.replace_day(SUBMISSIONS, DAY, versions[0])
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for rows in versions:
                warehouse.replace_day(SUBMISSIONS, DAY, rows)
                done.wait(0.15)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "held"))


@pytest.mark.slow
def test_queries_during_a_write_return_one_complete_version(warehouse: Warehouse) -> None:
    with _replaced_several_times_a_second(warehouse):
        for _ in range(60):
            answer = run_query(
                "select count(*) as n, max(id) + 1 as m from feedbackpulse.submissions", warehouse
            )
            assert answer.to_pylist() in [[{"n": size, "m": size}] for size in SIZES]


def test_a_table_builds_while_its_input_days_are_replaced(warehouse: Warehouse) -> None:
    parameters = Parameters(customer_secret=b"secret", threads=1)
    with _replaced_several_times_a_second(warehouse):
        for _ in range(30):
            ((_, rows),) = build_days(
                find_table("unified.feedback"), DAY, DAY, warehouse, parameters
            )
            assert rows.num_rows in SIZES


def test_a_permanently_broken_file_is_an_error_that_names_it(warehouse: Warehouse) -> None:
    warehouse.replace_day(SUBMISSIONS, DAY, _rows(1))
    path = Path(warehouse.path(SUBMISSIONS, DAY))
    path.write_bytes(b"PAR1 nothing of the kind PAR1")
    with pytest.raises(duckdb.Error, match=r"data\.parquet"), connect(warehouse) as connection:
        ask(connection, "select * from feedbackpulse.submissions")
