"""A partition is replaced whole or left alone, despite concurrent readers and kills."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedback_assets.days import days_between
from feedback_assets.warehouse import local_files
from feedback_assets.warehouse.stored_files import NotWritten
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES, sales

WRITER = """
import sys
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES, sales
warehouse = Warehouse(sys.argv[1])
versions = [sales(400, count=version) for version in range(2)]
print("writing", flush=True)
number = 0
while True:
    warehouse.replace_day(SALES, DAY, versions[number % 2])
    number += 1
"""


def start_writer(root: Path) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    return writer


def stop(writer: "subprocess.Popen[str]") -> None:
    writer.kill()
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()


def versions_seen(
    read: Callable[[], list[Any]], rounds: int, passing: tuple[type[Exception], ...] = ()
) -> set[int]:
    """The versions of ``WRITER`` seen in this many rounds, or more until both were, each complete.

    ``passing``: errors after which the reader retries."""
    seen: set[int] = set()
    end, done = time.monotonic() + 60, 0
    while (done < rounds or len(seen) < 2) and time.monotonic() < end:
        try:
            values = read()
        except passing:
            continue
        done += 1
        assert len(values) == 400
        assert len(set(values)) == 1
        seen |= set(values)
    return seen


def test_readers_during_a_write_see_one_complete_version(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace_day(SALES, DAY, sales(400, count=0))
    directory, file = warehouse.directory(SALES), warehouse.path(SALES, DAY)
    connection = duckdb.connect()

    def by_duckdb() -> list[Any]:
        sql = f"select count from read_parquet('{directory}/*/*.parquet')"
        return [value for (value,) in connection.sql(sql).fetchall()]

    def by_pandas() -> list[Any]:
        return pd.read_parquet(directory, columns=["count"])["count"].tolist()

    def by_pyarrow() -> list[Any]:
        read = pq.read_table(file, columns=["count"], partitioning=None)
        return list(read.column("count").to_pylist())

    def by_warehouse() -> list[Any]:
        return list(warehouse.read_arrow(SALES).column("count").to_pylist())

    writer = start_writer(tmp_path)
    # They open a file twice, and fail if it was replaced in between.
    twice = {by_duckdb: duckdb.Error, by_pandas: OSError, by_pyarrow: OSError}
    readers = (*twice, by_warehouse)
    try:
        with ThreadPoolExecutor(len(readers)) as pool:
            reading = [
                pool.submit(versions_seen, read, 50, (twice[read],) if read in twice else ())
                for read in readers
            ]
            assert [found.result() for found in reading] == [{0, 1}] * len(readers)
    finally:
        stop(writer)


@pytest.mark.slow
def test_a_killed_writer_leaves_a_complete_file_and_the_next_cleans_up(
    tmp_path: Path,
) -> None:
    warehouse = Warehouse(str(tmp_path))
    partition = Path(warehouse.path(SALES, DAY)).parent
    attempt = littered = 0
    before: list[int] = []
    # Each lives a little longer, until one is killed in the middle of writing.
    while attempt < 8 or (not littered and attempt < 60):
        writer = start_writer(tmp_path)
        time.sleep(0.011 * attempt + 0.005)
        attempt += 1
        writer.send_signal(signal.SIGKILL)
        stop(writer)
        littered += sum(path.suffix == ".tmp" for path in partition.glob(".*"))
        values = warehouse.read_arrow(SALES).column("count").to_pylist()
        # Nothing yet, the result of the attempt before, or one version of the writer's.
        assert values in ([], before, [0] * 400, [1] * 400)
        warehouse.replace_day(SALES, DAY, sales(3))
        before = warehouse.read_arrow(SALES).column("count").to_pylist()
        assert [path.name for path in partition.iterdir()] == ["data.parquet"]
    assert littered, "no writer was killed while writing: nothing was tested"


def leftover(directory: Path, pid: int, host: str, age: float = 0) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f".{host}.{pid}.{'0' * 32}.tmp"
    path.write_bytes(b"PAR1 half")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.parametrize(
    ("whose", "age", "stays"),
    [
        ("dead", 0, False),
        ("alive", 0, True),
        ("alive", 2 * 86400, False),
        # A container's first process has the same id after every restart.
        ("own", 0, False),
        ("elsewhere", 0, True),
        ("elsewhere", 2 * 86400, False),
    ],
)
def test_only_abandoned_temporary_files_are_removed(
    tmp_path: Path, whose: str, age: float, stays: bool
) -> None:
    warehouse = Warehouse(str(tmp_path))
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    pid = {"dead": finished.pid, "alive": os.getppid(), "own": os.getpid(), "elsewhere": 1}[whose]
    host = "elsewhere" if whose == "elsewhere" else socket.gethostname()
    path = leftover(Path(warehouse.path(SALES, DAY)).parent, pid, host, age)
    warehouse.replace_day(SALES, DAY, sales(3))
    assert path.exists() == stays


def test_threads_of_one_process_do_not_remove_each_others_files(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    versions = [sales(300, count=number) for number in range(4)]

    def write(number: int) -> None:
        for _ in range(15):
            warehouse.replace_day(SALES, DAY, versions[number])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [None] * 4
    assert len(set(warehouse.read_arrow(SALES).column("count").to_pylist())) == 1
    assert len(list(Path(warehouse.path(SALES, DAY)).parent.iterdir())) == 1


MANY_DAYS = days_between(DAY, DAY + timedelta(days=29))


def _collect(held: Warehouse, days: Iterable[tuple[date, pa.Table]], replaced: list[date]) -> None:
    for day, _ in held.replace_days(SALES, days):
        replaced.append(day)


def test_days_written_in_batches_are_reported_in_order(tmp_path: Path) -> None:
    held, alone = Warehouse(str(tmp_path / "many")), Warehouse(str(tmp_path / "alone"))
    days = [(day, sales(number, day)) for number, day in enumerate(MANY_DAYS)]
    replaced = list(held.replace_days(SALES, days))
    assert replaced == [(day, alone.replace_day(SALES, day, rows)) for day, rows in days]
    assert held.read_arrow(SALES) == alone.read_arrow(SALES)


def test_days_computed_before_an_error_are_replaced_and_reported(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    replaced: list[date] = []

    def computed() -> Iterator[tuple[date, pa.Table]]:
        yield from ((day, sales(3, day)) for day in MANY_DAYS[:7])
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        _collect(held, computed(), replaced)
    assert replaced == held.days_held(SALES) == MANY_DAYS[:7]


def test_a_day_that_cannot_be_written_ends_the_sequence(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    replaced: list[date] = []
    Path(held.path(SALES, MANY_DAYS[5])).mkdir(parents=True)
    with pytest.raises(NotWritten):
        _collect(held, ((day, sales(3, day)) for day in MANY_DAYS), replaced)
    assert replaced == MANY_DAYS[:5]


def test_small_and_large_days_are_reported_in_order(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    counts = [3, 3, 1500, 3, 1500, 1500, *([3] * 70)]
    days = [(DAY + timedelta(number), sales(count)) for number, count in enumerate(counts)]
    replaced = list(held.replace_days(SALES, days))
    assert [day for day, _ in replaced] == [day for day, _ in days]
    assert [written.rows for _, written in replaced] == counts
    assert held.marks(SALES) == {day: written.mark for day, written in replaced}


def _version(held: Warehouse, day: date) -> int | None:
    """The version that a day holds as a whole; ``None`` if it is not stored."""
    counts = held.read_arrow(SALES, day, day).column("count").to_pylist()
    assert len(counts) in (0, 3)
    assert len(set(counts)) <= 1
    return counts[0] if counts else None


def _all_days(version: int) -> list[tuple[date, pa.Table]]:
    return [(day, sales(3, day, count=version)) for day in MANY_DAYS]


STOPPED = """
import os, sys
from feedback_assets.warehouse import local_files
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import SALES
from tests.warehouse.test_replacing import _all_days
step, left = sys.argv[2], int(sys.argv[3])
do = getattr(local_files, step)
def stopping(*given):
    global left
    if not left:
        os._exit(9)
    left -= 1
    return do(*given)
setattr(local_files, step, stopping)
list(Warehouse(sys.argv[1]).replace_days(SALES, _all_days(1)))
"""


@pytest.mark.parametrize(
    ("step", "done"),
    [("_draft", 7), ("_flush", 0), ("_rename", 0), ("_rename", 7), ("sync_directory", 0)],
)
def test_a_process_that_ends_amid_a_batch_leaves_each_day_old_or_new(
    tmp_path: Path, step: str, done: int
) -> None:
    held = Warehouse(str(tmp_path))
    # Every other day is new.
    list(held.replace_days(SALES, _all_days(0)[::2]))
    before = {day: 0 if number % 2 == 0 else None for number, day in enumerate(MANY_DAYS)}
    command = [sys.executable, "-c", STOPPED, str(tmp_path), step, str(done)]
    stopped = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert stopped.returncode == 9
    renamed = {"_rename": done, "sync_directory": len(MANY_DAYS)}.get(step, 0)
    expected = before | dict.fromkeys(MANY_DAYS[:renamed], 1)
    assert {day: _version(held, day) for day in MANY_DAYS} == expected

    list(held.replace_days(SALES, _all_days(2)))
    assert {_version(held, day) for day in MANY_DAYS} == {2}
    files = [path.name for path in Path(held.directory(SALES)).glob("*/*")]
    assert files == ["data.parquet"] * len(MANY_DAYS)


@pytest.mark.parametrize("step", ["_draft", "_flush", "_rename"])
def test_a_day_refused_by_the_disk_keeps_its_old_file_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    held = Warehouse(str(tmp_path))
    list(held.replace_days(SALES, _all_days(0)))
    refused = MANY_DAYS[5]
    do = getattr(local_files, step)

    def refusing(given: Any, *more: Any) -> Any:
        if str(refused) in str(given if step == "_draft" else given.path):
            raise OSError(28, "No space left on device")
        return do(given, *more)

    monkeypatch.setattr(local_files, step, refusing)
    replaced: list[date] = []
    with pytest.raises(NotWritten, match=f"day={refused}/.*No space left"):
        _collect(held, _all_days(1), replaced)
    assert replaced == MANY_DAYS[:5]
    assert [_version(held, day) for day in MANY_DAYS[:6]] == [1] * 5 + [0]
    assert {_version(held, day) for day in MANY_DAYS[6:]} <= {0, 1}
    files = [path.name for path in Path(held.directory(SALES)).glob("*/*")]
    assert files == ["data.parquet"] * len(MANY_DAYS)


def test_a_day_with_the_wrong_columns_ends_the_sequence(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    days = _all_days(1)
    days[5] = (days[5][0], pa.table({"id": ["a"]}))
    replaced: list[date] = []
    with pytest.raises(ValueError, match="names"):
        _collect(held, days, replaced)
    assert replaced == held.days_held(SALES) == MANY_DAYS[:5]
