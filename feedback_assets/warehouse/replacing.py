"""Replaces partitions as a whole, without erased people and under the write lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

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
from feedback_assets.warehouse.stored_files import exists, list_files, put, put_all, read_bytes
from feedback_assets.warehouse.until_failure import until_failure

_WRITERS = 4
# More threads than cores compete for the GIL: 365 days of 343 rows took 16 s with four on two
# cores, and 13.5 s with two. An object store makes them wait longer than that.
_WRITERS_TO_DISK = min(_WRITERS, max(2, os.cpu_count() or 1))
ROWS_AT_ONCE = 200_000
"""Days with at least this many rows are written before the next is computed: 200 MB at most."""
_DAYS_TOGETHER = 64
# At most 16 MB together. A day takes about 1 ms to encode, and 1 ms to flush separately.
_SMALL_ROWS, _SMALL_BYTES = 1000, 256 * 1024

T = TypeVar("T")
Day = tuple[date, pa.Table]


@dataclass(frozen=True)
class Written:
    """The result of one replacement: rows, content hash, and the file.

    ``mark`` is the file's, see ``marks``.
    """

    rows: int
    content_hash: str
    mark: str = field(default="", compare=False)


Done = tuple[list[Written], Exception | None]
"""The results up to the first partition that failed, and its error."""


@dataclass(frozen=True)
class Writer:
    """Writes to a place under ``locks``, without the persons erased under ``erasure_secret``.

    If there is a list of erased people but no key for it, writing raises ``ErasureKeyMissing``.
    """

    place: Place
    locks: Locks
    erasure_secret: Callable[[], bytes] | None = field(repr=False)

    def replace(self, table: Table, day: date | None, rows: pa.Table) -> Written:
        """Replace a partition with ``rows`` atomically."""
        (written,) = _raised(self.replace_together(table, [(day, rows)]))
        return written

    def replace_together(self, table: Table, days: Sequence[tuple[date | None, pa.Table]]) -> Done:
        """``replace`` for several partitions, in order, up to the first that fails."""
        paths = [self.place.path(table, day) for day, _ in days]
        partitions = [self.place.inside(path) for path in paths]
        typed, failed = until_failure(_typed(table, rows) for _, rows in days)

        def write() -> tuple[list[tuple[pa.Table, str]], Exception | None]:
            with self.locks.changing(alone=False, partitions=partitions[: len(typed)]):
                return self._write(table, list(zip(paths, typed, strict=False)))

        done, refused = until_held(write) if typed else ([], None)
        return [_written(rows, mark) for rows, mark in done], refused or failed

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
                    done = self._write(table, [(path, changed.cast(table.schema))])
                    written.extend(_raised(done))

        until_held(replace)
        return _written(*written[-1]) if written else None

    def erased(self) -> Erased | None:
        """The current list of erased people, None if it is empty."""
        listed = list_files(self.place, f"{self.place.base}/{DIRECTORY}")
        additions = (path for path in listed if path.endswith(".json"))
        return load_erased(
            additions, lambda path: read_bytes(self.place, path), self.erasure_secret
        )

    def add_erased(self, additions: Iterable[Addition]) -> Erased:
        """Add persons to the list; waits for writes in progress to finish."""
        if self.erasure_secret is None:
            raise ValueError("this warehouse was opened without the key of the erased people")
        key = self.erasure_secret()

        def add() -> None:
            with self.locks.changing(alone=True):
                self._add_to_list(key, additions)

        until_held(add)
        return self.erased() or Erased(key)

    def _write(
        self, table: Table, files: Sequence[tuple[str, pa.Table]]
    ) -> tuple[list[tuple[pa.Table, str]], Exception | None]:
        """Put files in place; the rows and mark of each up to the first failure, and its error."""
        kept, failed = until_failure(self._without_erased(table, [rows for _, rows in files]))
        ready = [(path, rows) for (path, _), rows in zip(files, kept, strict=False)]
        marks, refused = until_failure(self.put_rows(table, ready))
        return list(zip(kept, marks, strict=False)), refused or failed

    def _without_erased(self, table: Table, parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        erased = self.erased()
        for rows in parts:
            if not erased:
                yield rows
                continue
            done = erase_rows(table, rows, erased)
            if done.learned:
                self._add_to_list(erased.key, done.learned)
                erased = self.erased()
            yield done.rows

    def put_rows(self, table: Table, files: Sequence[tuple[str, pa.Table]]) -> Iterator[str]:
        """Put files of these rows in place; yields their marks."""
        return put_all(
            self.place, [(path, partial(encode, rows, table=table)) for path, rows in files]
        )

    def _add_to_list(self, key: bytes, additions: Iterable[Addition]) -> None:
        name, content = written_additions(key, additions)
        path = f"{self.place.base}/{DIRECTORY}/{name}"
        put(self.place, path, lambda sink: sink.write(content))


def _typed(table: Table, rows: pa.Table) -> pa.Table:
    # Rows with this very schema object are recognised at once; a cast takes 0.1 ms.
    same = rows.schema.equals(table.schema, check_metadata=True)
    return rows if same else rows.cast(table.schema)


def _written(rows: pa.Table, mark: str) -> Written:
    return Written(rows.num_rows, content_hash(rows), mark)


def _raised(done: tuple[list[T], Exception | None]) -> list[T]:
    """The results, if nothing failed."""
    results, failed = done
    if failed is not None:
        raise failed
    return results


def replace_in_turn(
    replace: Callable[[Sequence[Day]], Done],
    days: Iterable[Day],
    *,
    together: int,
    writers: int,
    rows_aside: int,
) -> Iterator[tuple[date, Written]]:
    """Replace each day; yields results in order.

    Up to ``together`` small days are replaced with one call, before the next is computed. Of the
    others, at most ``writers`` are written at a time while the next is computed; after a day of
    more than ``rows_aside`` rows, the next one is computed only once it is written.

    If computing fails, earlier days are still replaced and yielded. If writing fails, that error is
    raised in its turn, and later days of the same call, or up to ``writers`` - 1, may be replaced
    without being yielded.
    """
    writing: deque[tuple[list[date], Future[Done]]] = deque()
    failed: Exception | None = None
    pool = ThreadPoolExecutor(writers, thread_name_prefix="write")
    try:
        batches = _batches(days, together)
        while True:
            try:
                batch, small = next(batches)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised below
                failed = error
                break
            while writing and (small or len(writing) >= writers or writing[0][1].done()):
                names, future = writing.popleft()
                yield from _in_turn(names, future.result())
            names = [day for day, _ in batch]
            if small:
                yield from _in_turn(names, replace(batch))
                continue
            future = pool.submit(replace, batch)
            writing.append((names, future))
            if batch[0][1].num_rows > rows_aside:
                # Otherwise memory holds one day more than there are writers, of any size.
                wait([future])
            # Otherwise it stays in memory while the next is computed.
            del batch, future
        for names, future in writing:
            yield from _in_turn(names, future.result())
        if failed is not None:
            raise failed
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(days: Iterable[Day], together: int) -> Iterator[tuple[list[Day], bool]]:
    """Consecutive small days, up to ``together``, or one day; and whether they are small.

    If computing fails, the days before it are yielded first.
    """
    waiting: list[Day] = []
    failed: Exception | None = None
    try:
        for day, rows in days:
            small = together > 1 and _is_small(rows)
            if waiting and (not small or len(waiting) == together):
                yield waiting, True
                waiting = []
            if small:
                waiting.append((day, rows))
            else:
                yield [(day, rows)], False
            del rows
    except Exception as error:  # noqa: BLE001 - raised below
        failed = error
    if waiting:
        yield waiting, True
    if failed is not None:
        raise failed


def _is_small(rows: pa.Table) -> bool:
    return bool(rows.num_rows <= _SMALL_ROWS and rows.nbytes <= _SMALL_BYTES)


def _in_turn(days: Sequence[date], done: Done) -> Iterator[tuple[date, Written]]:
    written, failed = done
    yield from zip(days, written, strict=False)
    if failed is not None:
        raise failed


def writers_to(place: Place) -> int:
    """The default number of partitions written at a time."""
    return _WRITERS_TO_DISK if place.is_local else _WRITERS


def together_in(place: Place) -> int:
    """The most partitions to replace in one call; an object store gains nothing from several."""
    return _DAYS_TOGETHER if place.is_local else 1
