"""Replaces a partition as a whole, without erased persons and under the write lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.encoding import encode
from feedback_assets.warehouse.erased import (
    DIRECTORY,
    Addition,
    Erased,
    load_erased,
    written_additions,
)
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.locks import Locks, until_held
from feedback_assets.warehouse.place import Place
from feedback_assets.warehouse.reading import read_file
from feedback_assets.warehouse.stored_files import exists, list_files, put, read_bytes

# Small days mostly wait for the disk: 365 days of three rows took 1.9 s one after the other, and
# half of that four at a time.
_WRITERS = 4
# More threads than cores compete for the GIL: 365 days of 343 rows took 16 s with four on two
# cores, and 13.5 s with two. An object store makes them wait longer than that.
_WRITERS_TO_DISK = min(_WRITERS, max(2, os.cpu_count() or 1))
ROWS_AT_ONCE = 200_000
"""Days with at least this many rows are written before the next is computed: 200 MB at most."""


@dataclass(frozen=True)
class Written:
    """The result of one replacement: rows, content hash, and the file.

    ``mark`` is the file's, see ``marks``.
    """

    rows: int
    content_hash: str
    mark: str = field(default="", compare=False)


@dataclass(frozen=True)
class Writer:
    """Writes to a place under ``locks``, without the persons erased under ``erasure_secret``.

    If there is a list of erased persons but no key for it, writing raises ``ErasureKeyMissing``.
    """

    place: Place
    locks: Locks
    erasure_secret: Callable[[], bytes] | None = field(repr=False)

    def replace(self, table: Table, day: date | None, rows: pa.Table) -> Written:
        """Replace a partition with ``rows`` atomically."""
        path = self.place.path(table, day)
        if not rows.schema.equals(table.schema, check_metadata=True):
            rows = rows.cast(table.schema)

        def write() -> tuple[pa.Table, str]:
            with self.locks.changing(alone=False, partition=self.place.inside(path)):
                return self._write(table, path, rows)

        return _written(*until_held(write))

    def change(
        self, table: Table, day: date | None, change: Callable[[pa.Table], pa.Table | None]
    ) -> Written | None:
        """Replace a partition with the result of ``change``, unless that is None."""
        path = self.place.path(table, day)
        written: list[tuple[pa.Table, str]] = []

        def replace() -> None:
            with self.locks.changing(alone=True):
                if exists(self.place, path):
                    rows = read_file(self.place, table, path, table.schema)
                else:
                    rows = table.schema.empty_table()
                changed = change(rows)
                if changed is not None:
                    written.append(self._write(table, path, changed.cast(table.schema)))

        until_held(replace)
        return _written(*written[-1]) if written else None

    def erased(self) -> Erased | None:
        """The current list of erased persons, None if it is empty."""
        listed = list_files(self.place, f"{self.place.base}/{DIRECTORY}")
        additions = (path for path in listed if path.endswith(".json"))
        return load_erased(
            additions, lambda path: read_bytes(self.place, path), self.erasure_secret
        )

    def add_erased(self, additions: Iterable[Addition]) -> Erased:
        """Add persons to the list; waits for writes in progress to finish."""
        if self.erasure_secret is None:
            raise ValueError("this warehouse was opened without the key of the erased persons")
        key = self.erasure_secret()

        def add() -> None:
            with self.locks.changing(alone=True):
                self._add_to_list(key, additions)

        until_held(add)
        return self.erased() or Erased(key)

    def _write(self, table: Table, path: str, rows: pa.Table) -> tuple[pa.Table, str]:
        erased = self.erased()
        if erased:
            done = erase_rows(table, rows, erased)
            if done.learned:
                self._add_to_list(erased.key, done.learned)
            rows = done.rows
        return rows, self.put_rows(table, path, rows)

    def put_rows(self, table: Table, path: str, rows: pa.Table) -> str:
        """Put a file of these rows in place; returns its mark."""
        return put(self.place, path, lambda sink: encode(rows, sink, table))

    def _add_to_list(self, key: bytes, additions: Iterable[Addition]) -> None:
        name, content = written_additions(key, additions)
        path = f"{self.place.base}/{DIRECTORY}/{name}"
        put(self.place, path, lambda sink: sink.write(content))


def _written(rows: pa.Table, mark: str) -> Written:
    return Written(rows.num_rows, content_hash(rows), mark)


def replace_in_turn(
    replace: Callable[[date, pa.Table], Written],
    days: Iterable[tuple[date, pa.Table]],
    *,
    writers: int,
    rows_aside: int,
) -> Iterator[tuple[date, Written]]:
    """Replace each day, several at a time while the next is computed; yields results in order.

    At most ``writers`` days are written at a time; after a day of more than ``rows_aside`` rows,
    the next one is computed only once it is written.

    If computing fails, earlier days are still replaced and yielded. If writing fails, that error is
    raised in its turn, and up to ``writers`` - 1 later days may be replaced without being yielded.
    """
    writing: deque[tuple[date, Future[Written]]] = deque()
    failed: Exception | None = None
    pool = ThreadPoolExecutor(writers, thread_name_prefix="write")
    try:
        computed = iter(days)
        while True:
            try:
                day, rows = next(computed)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised below
                failed = error
                break
            while writing and (len(writing) >= writers or writing[0][1].done()):
                done, future = writing.popleft()
                yield done, future.result()
            future = pool.submit(replace, day, rows)
            writing.append((day, future))
            if rows.num_rows > rows_aside:
                # Otherwise memory holds one day more than there are writers, of any size.
                wait([future])
            # Otherwise it stays in memory while the next is computed.
            del rows, future
        for done, future in writing:
            yield done, future.result()
        if failed is not None:
            raise failed
    finally:
        pool.shutdown(cancel_futures=True)


def writers_to(place: Place) -> int:
    """The default number of partitions written at a time."""
    return _WRITERS_TO_DISK if place.is_local else _WRITERS
