"""A machine of its own for a test: a process with its own temporary directory and its own mount."""

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from feedback_assets.coordination.database import Coordination
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.warehouse import Warehouse

KEY = b"key of the list"


class SlowWarehouse(Warehouse):
    """Takes a moment before a file is in its place, and notes when it wrote which one."""

    def write_parquet(self, path: str, rows: pa.Table, table: Table | None = None) -> None:
        began = time.monotonic()
        time.sleep(0.005)
        super().write_parquet(path, rows, table)
        written = self.__dict__.setdefault("written", [])
        written.append((self.inside(path), began, time.monotonic()))


def mounted(root: Path, number: int) -> Path:
    """The warehouse at another place of the file system, as a second machine may have it."""
    place = root / f"mount{number}"
    if not place.exists():
        (root / "warehouse").mkdir(exist_ok=True)
        place.symlink_to(root / "warehouse")
    return place


def open_warehouse(root: Path, number: int, url: str | None) -> SlowWarehouse:
    coordination = Coordination(url) if url else None
    return SlowWarehouse(str(mounted(root, number)), lambda: KEY, coordination)


def _run(work: Any, root: Path, number: int, url: str | None, pipe: Connection, args: Any) -> None:
    private = root / f"tmp{number}"
    private.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(private)
    pipe.send(work(open_warehouse(root, number, url), pipe, *args))


@contextlib.contextmanager
def machine(
    work: Callable[..., Any], root: Path, number: int, url: str | None, *args: Any
) -> Iterator[Connection]:
    """``work(warehouse, pipe, *args)`` in a process; what it returns is the last of the pipe."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(work, root, number, url, there, args)
    )
    process.start()
    there.close()  # so that whoever waits for one that died hears of it
    try:
        yield here
        process.join(60)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


Interval = tuple[str, float, float]


def overlaps(*machines: list[Interval]) -> list[str]:
    """The partitions that two machines wrote at the same time."""
    one, other = machines
    return [
        path
        for path, began, ended in one
        for path_too, began_too, ended_too in other
        if path == path_too and began < ended_too and began_too < ended
    ]
