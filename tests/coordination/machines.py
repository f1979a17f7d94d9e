"""A simulated machine: a process with its own temporary directory and mount."""

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from feedback_assets.coordination.database import Coordination
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.replacing import Writer
from feedback_assets.warehouse.warehouse import Warehouse

KEY = b"key of the list"


@dataclass(frozen=True)
class _HookedWriter(Writer):
    hooked: "HookedWarehouse"

    def put_rows(self, table: Table, files: Sequence[tuple[str, pa.Table]]) -> Iterator[str]:
        with contextlib.ExitStack() as stack:
            for path, _ in files:
                stack.enter_context(self.hooked.writing(path))
            yield from super().put_rows(table, files)


class HookedWarehouse(Warehouse):
    """Enters ``writing`` when the rows of a partition are ready and their file is not in place."""

    @property
    def _writer(self) -> Writer:
        return _HookedWriter(self, self.locks, self.erasure_secret, self)

    def writing(self, path: str) -> contextlib.AbstractContextManager[None]:
        raise NotImplementedError


class SlowWarehouse(HookedWarehouse):
    """Pauses before a file is in place, and records when it wrote which file."""

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[None]:
        began = time.monotonic()
        time.sleep(0.005)
        yield
        written = self.__dict__.setdefault("written", [])
        written.append((self.inside(path), began, time.monotonic()))


def mounted(root: Path, number: int) -> Path:
    """The warehouse at another path, as a second machine may mount it."""
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
    """Run ``work(warehouse, pipe, *args)`` in a process; its result is sent last."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(work, root, number, url, there, args)
    )
    process.start()
    there.close()  # so that a reader of the pipe notices a dead process
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
