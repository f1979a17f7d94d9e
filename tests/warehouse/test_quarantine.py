"""What could not be typed is kept whole, once, with the time when it was first seen."""

import stat
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedback_assets.warehouse.quarantine import (
    SCHEMA,
    SetAside,
    quarantine_files,
    read_quarantine_file,
    set_aside,
    take_out,
)
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES

EARLY, LATE = datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC)
OTHER = date(2024, 3, 2)


@pytest.fixture(params=["local", "remote"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "local":
        yield Warehouse(str(tmp_path / "w"))
        return
    yield Warehouse("memory://aside")
    files = fsspec.filesystem("memory")
    if files.exists("/aside"):
        files.rm("/aside", recursive=True)


def held(warehouse: Warehouse) -> list[dict[str, Any]]:
    return [
        row
        for path in quarantine_files(warehouse, SALES)
        for row in read_quarantine_file(warehouse, path).to_pylist()
    ]


def test_a_record_is_kept_with_day_table_reason_payload_and_time(warehouse: Warehouse) -> None:
    assert held(warehouse) == []
    set_aside(warehouse, SALES, [SetAside(DAY, "id: missing", '{"é": 1}')], EARLY)
    assert held(warehouse) == [
        {
            "day": DAY,
            "table": "shop.sales",
            "reason": "id: missing",
            "payload": '{"é": 1}',
            "fetched_at": EARLY,
        }
    ]


def test_a_record_is_there_once_and_keeps_its_first_time(warehouse: Warehouse) -> None:
    first = [SetAside(DAY, "a", "1"), SetAside(None, "b", "2"), SetAside(OTHER, "c", "3")]
    set_aside(warehouse, SALES, [*first, *first], EARLY)
    again = [SetAside(DAY, "worded otherwise", "1"), SetAside(DAY, "d", "4"), *first[1:]]
    set_aside(warehouse, SALES, again, LATE)
    found = {
        row["payload"]: (row["day"], row["reason"], row["fetched_at"]) for row in held(warehouse)
    }
    assert len(held(warehouse)) == 4
    assert found == {
        "1": (DAY, "a", EARLY),
        "2": (None, "b", EARLY),
        "3": (OTHER, "c", EARLY),
        "4": (DAY, "d", LATE),
    }


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path))
    set_aside(local, SALES, [SetAside(DAY, "a", "1")], EARLY)
    (path,) = quarantine_files(local, SALES)
    before = Path(path).stat()
    set_aside(local, SALES, [SetAside(DAY, "a", "1")], LATE)
    set_aside(local, SALES, [], LATE)
    after = Path(path).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_quarantine_lies_beside_the_tables_private_and_readable_as_it_lies(
    tmp_path: Path,
) -> None:
    local = Warehouse(str(tmp_path / "w"))
    set_aside(local, SALES, [SetAside(DAY, "a", "1"), SetAside(None, "b", "2")], EARLY)
    names = [Path(path).relative_to(tmp_path).as_posix() for path in quarantine_files(local, SALES)]
    assert names == [
        "w/quarantine/shop.sales/2024-03-01.parquet",
        "w/quarantine/shop.sales/undated.parquet",
    ]
    for path in (tmp_path / "w").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    sql = f"select day, payload from '{tmp_path}/w/quarantine/*/*.parquet' order by payload"
    assert duckdb.connect().sql(sql).fetchall() == [(DAY, "1"), (None, "2")]
    assert pq.read_schema(quarantine_files(local, SALES)[0]).equals(SCHEMA)


def test_a_full_file_is_not_written_again_and_each_record_is_there_once(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path))
    large = [SetAside(None, "a", f"{number}" * 1_200_000) for number in range(5)]
    small = [SetAside(None, "b", f"small {number}") for number in range(3)]
    set_aside(local, SALES, [*large[:2], small[0]], EARLY)
    first, *_ = quarantine_files(local, SALES)
    before = Path(first).stat()
    for record in (*large[2:], *small[1:]):
        set_aside(local, SALES, [record], LATE)
    set_aside(local, SALES, [*large, *small], LATE)
    names = [Path(path).name for path in quarantine_files(local, SALES)]
    assert names == ["undated.parquet", "undated.2.parquet", "undated.3.parquet"]
    after = Path(first).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    expected = sorted(record.payload for record in (*large, *small))
    assert sorted(row["payload"] for row in held(local)) == expected


def test_adding_to_many_records_writes_no_more_than_adding_to_few(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path))

    def records(start: int, count: int) -> list[SetAside]:
        numbers = range(start, start + count)
        return [SetAside(None, "a", f"{number} ".ljust(600, "x")) for number in numbers]

    set_aside(local, SALES, records(0, 20_000), EARLY)
    before = {path: Path(path).stat().st_ino for path in quarantine_files(local, SALES)}
    set_aside(local, SALES, records(19_990, 20), LATE)
    after = {path: Path(path).stat().st_ino for path in quarantine_files(local, SALES)}
    assert len(before) > 5
    assert len(after.items() - before.items()) == 1
    assert len(held(local)) == 20_010


def test_what_is_taken_out_of_one_of_several_files_may_come_again(warehouse: Warehouse) -> None:
    large = [SetAside(DAY, "a", f"{number}" * 1_200_000) for number in range(3)]
    set_aside(warehouse, SALES, large, EARLY)
    first, second, third = quarantine_files(warehouse, SALES)
    take_out(warehouse, SALES, second, [large[1].payload])
    assert quarantine_files(warehouse, SALES) == [first, third]
    set_aside(warehouse, SALES, large, LATE)
    assert [row["fetched_at"] for row in held(warehouse)] == [EARLY, EARLY, LATE]


def test_a_file_of_the_first_version_that_is_full_stays_as_it_is(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path))
    payloads = [f"{number}" * 1_000_000 for number in range(5)]
    rows = {
        "day": [DAY] * 5,
        "table": [SALES.full_name] * 5,
        "reason": ["a"] * 5,
        "payload": payloads,
        "fetched_at": [EARLY] * 5,
    }
    path = tmp_path / "quarantine" / SALES.full_name / f"{DAY}.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(rows, schema=SCHEMA), path)
    before = path.read_bytes()
    set_aside(local, SALES, [SetAside(DAY, "b", payload) for payload in (*payloads, "new")], LATE)
    assert path.read_bytes() == before
    assert [row["payload"] for row in held(local)] == [*payloads, "new"]


def test_two_that_set_aside_at_once_lose_nothing(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path))

    def add(start: int) -> None:
        for number in range(start, start + 15):
            set_aside(local, SALES, [SetAside(DAY, "a", f"{number}")], EARLY)

    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(row["payload"]) for row in held(local)) == list(range(35))
