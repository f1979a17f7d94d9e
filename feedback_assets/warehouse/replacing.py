"""A partition replaced as a whole, without erased persons and under the lock of its writers."""

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

# Of small days most of the time is waiting for the disk: 365 of three rows took 1.9 s one after the
# other, and half of that four at a time.
_WRITERS = 4
# More than there are cores take Python's lock from each other: 365 days of 343 rows cost 16 s with
# four on two cores, and 13.5 with two. An object store keeps them waiting longer than that.
_WRITERS_TO_DISK = min(_WRITERS, max(2, os.cpu_count() or 1))
ROWS_AT_ONCE = 200_000
"""Rows of a day from which on it is written before the next is computed: 200 MB of the widest."""


@dataclass(frozen=True)
class Written:
    """What one replacement left: rows, the hash of their content whatever wrote them, and the file.

    ``mark`` is the file's, see ``marks``.
    """

    rows: int
    content_hash: str
    mark: str = field(default="", compare=False)


@dataclass(frozen=True)
class Writer:
    """Who writes to a place: ``locks`` say when, ``erasure_secret`` who is left out.

    Where there is a list of erased persons and no key for it, writing raises ``ErasureKeyMissing``.
    """

    place: Place
    locks: Locks
    erasure_secret: Callable[[], bytes] | None = field(repr=False)

    def replace(self, table: Table, day: date | None, rows: pa.Table) -> Written:
        """Put ``rows`` in the place of a partition, at once or not at all."""
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
        """Replace a partition by what ``change`` makes of it, unless that gives None."""
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
        """The list of erased persons as it is now, None where nobody was erased."""
        listed = list_files(self.place, f"{self.place.base}/{DIRECTORY}")
        additions = (path for path in listed if path.endswith(".json"))
        return load_erased(
            additions, lambda path: read_bytes(self.place, path), self.erasure_secret
        )

    def add_erased(self, additions: Iterable[Addition]) -> Erased:
        """Put persons on the list; what is being written at this moment is in place by then."""
        if self.erasure_secret is None:
            raise ValueError("this warehouse was opened without the key of the erased persons")
        key = self.erasure_secret()

        def add() -> None:
            with self.locks.changing(alone=True):
                self._put_on_list(key, additions)

        until_held(add)
        return self.erased() or Erased(key)

    def _write(self, table: Table, path: str, rows: pa.Table) -> tuple[pa.Table, str]:
        erased = self.erased()
        if erased:
            done = erase_rows(table, rows, erased)
            if done.learned:
                self._put_on_list(erased.key, done.learned)
            rows = done.rows
        return rows, put(self.place, path, lambda sink: encode(rows, sink, table))

    def _put_on_list(self, key: bytes, additions: Iterable[Addition]) -> None:
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
    """Replace each day, some at a time while the next is computed; told in order.

    At most ``writers`` days are being written at a time; the next after one of more rows than
    ``rows_aside`` is computed when that is written.

    Where computing fails, what came before it is still replaced and told. Where writing fails,
    that error comes in its turn, and ``writers`` less one days after it may be replaced untold.
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
                # Else a day more than there are writers is in memory, of any size.
                wait([future])
            # Else it stays in memory while the next is computed.
            del rows, future
        for done, future in writing:
            yield done, future.result()
        if failed is not None:
            raise failed
    finally:
        pool.shutdown(cancel_futures=True)


def writers_to(place: Place) -> int:
    """How many partitions are written at a time where nothing else is said."""
    return _WRITERS_TO_DISK if place.is_local else _WRITERS
