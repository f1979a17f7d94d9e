"""Sorts a window's rows from pages into days, in bounded memory."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.temporary_names import make_scratch, remove_scratch

# At a thousand orders a page, twenty pages: about 20 MB in memory before spilling to disk.
_ROWS_IN_MEMORY = 20_000
_READ = "__read"
_HASH = "__hash"


class Spool:
    """Collects rows in the order in which they are read, and returns them a day at a time.

    Rows beyond ``rows_in_memory`` are spilled to a private temporary directory. If rows share a
    key, the last one read wins, whatever its day and page.
    """

    def __init__(self, table: Table, rows_in_memory: int = _ROWS_IN_MEMORY) -> None:
        self._table = table
        self._limit = rows_in_memory
        # Rows with the same key are then on the same day, so duplicates are found within a day.
        self._key_has_time = table.event_time in table.key
        self._buffer: list[pa.Table] = []
        self._buffered = 0
        self._read = 0
        self._keys: list[pa.Table] = []
        self._key_files: list[Path] = []
        self._keys_spilled = 0
        self._spills: dict[date, list[tuple[Path, int]]] = defaultdict(list)
        self._directory: Path | None = None

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop all rows."""
        self._buffer, self._buffered, self._read = [], 0, 0
        self._keys, self._key_files, self._keys_spilled = [], [], 0
        self._spills.clear()
        if self._directory is not None:
            remove_scratch(self._directory)
            self._directory = None

    def add(self, rows: pa.Table, within: pa.ChunkedArray | None = None) -> None:
        """Add the rows of one page, in the page's order; for rows not ``within``, only their keys.

        A row that was read again with a time outside the window has left the window.
        """
        if not rows.num_rows:
            return
        numbers = pa.array(np.arange(self._read, self._read + rows.num_rows), pa.int64())
        self._read += rows.num_rows
        if not self._key_has_time:
            keys = key_columns(rows, self._table.key)
            self._keys.append(keys.append_column(_HASH, pa.array(_hashes(keys))))
            if self._read - self._keys_spilled >= self._limit:
                self._spill_keys()
        rows = rows.append_column(_READ, numbers)
        if within is not None and not pc.all(within).as_py():
            rows = rows.filter(within)
        if not rows.num_rows:
            return
        self._buffer.append(rows)
        self._buffered += rows.num_rows
        if self._buffered >= self._limit:
            self._spill()

    def days(self, wanted: list[date]) -> Iterator[tuple[date, pa.Table, int]]:
        """Yield each wanted day: its rows, sorted and unique by key, and the number of duplicates.

        A row that a later read moved to another day counts as a duplicate on its old day.
        """
        last = None if self._key_has_time else self._last_reads()
        in_memory = self._split()
        for day in wanted:
            parts = [self._load(path, batch) for path, batch in self._spills.get(day, ())]
            if day in in_memory:
                parts.append(in_memory.pop(day))
            if not parts:
                yield day, self._table.schema.empty_table(), 0
                continue
            rows = pa.concat_tables(parts)
            read = rows.num_rows
            order = self._order(rows, last)
            columns = dict(zip(rows.column_names, rows.columns, strict=True))
            # No other reference may keep a column alive while the columns are reordered one by one.
            del parts, rows
            yield day, self._ordered(columns, order), read - len(order)

    def _order(self, rows: pa.Table, last: np.ndarray | None) -> pa.Array:
        """Positions of the rows to keep, in the order of the table's ``order_by``."""
        reads = rows.column(_READ).to_numpy()
        if last is None:
            numbers = _last_with_key(key_columns(rows, self._table.key), reads)
            keep = np.isin(reads, numbers)
        else:
            keep = last[reads]
        keys = key_columns(rows, self._table.order_by)
        order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
        return order if keep.all() else order.filter(pa.array(keep).take(order))

    def _ordered(self, columns: dict[str, pa.ChunkedArray], order: pa.Array) -> pa.Table:
        schema = self._table.schema
        as_read = len(order) == len(columns[_READ]) and _is_sorted(order)
        arrays = []
        for name in schema.names:
            column = columns.pop(name).combine_chunks()
            arrays.append(column if as_read else column.take(order))
        return pa.table(arrays, schema=schema)

    def _last_reads(self) -> np.ndarray:
        """For every row read, whether it is the last with its key.

        Uses eight bytes a row in memory; keys themselves are compared only if their hashes are
        equal.
        """
        flags = np.ones(self._read, dtype=bool)
        hashes, start = np.empty(self._read, np.int64), 0
        for keys in self._all_keys():
            hashes[start : start + keys.num_rows] = keys.column(_HASH).to_numpy()
            start += keys.num_rows
        hashes.sort()
        repeated = hashes[1:][hashes[1:] == hashes[:-1]]
        if len(repeated):
            keys, numbers = self._with_hashes(repeated)
            flags[numbers] = False
            flags[_last_with_key(keys, numbers)] = True
        return flags

    def _with_hashes(self, hashes: np.ndarray) -> tuple[pa.Table, np.ndarray]:
        """The keys with one of these ascending hashes, and their positions in reading order."""
        found, numbers, start = [], [], 0
        for keys in self._all_keys():
            asked = keys.column(_HASH).to_numpy()
            places = np.searchsorted(hashes, asked)
            places[places == len(hashes)] = 0
            places = np.flatnonzero(hashes[places] == asked)
            found.append(keys.take(pa.array(places)))
            numbers.append(start + places)
            start += keys.num_rows
        return pa.concat_tables(found), np.concatenate(numbers)

    def _all_keys(self) -> Iterator[pa.Table]:
        for path in self._key_files:
            with pa.memory_map(str(path)) as source:
                yield pa.ipc.open_file(source).read_all()
        yield from self._keys

    def _split(self) -> dict[date, pa.Table]:
        """The rows in memory by day; they are removed from memory."""
        if not self._buffer:
            return {}
        rows = pa.concat_tables(self._buffer)
        self._buffer, self._buffered = [], 0
        days = days_of(rows, self._table)
        order = pc.sort_indices(days)
        if not _is_sorted(order):
            rows = rows.take(order)
        found, start = {}, 0
        for pair in days.value_counts().sort("ascending", by="values"):
            length = pair["counts"].as_py()
            found[pair["values"].as_py()] = rows.slice(start, length)
            start += length
        return found

    def _spill(self) -> None:
        path = self._new_file("rows")
        with _writer(path, self._buffer[0].schema) as writer:
            batch = 0
            for day, rows in self._split().items():
                for piece in rows.combine_chunks().to_batches():
                    writer.write_batch(piece)
                    self._spills[day].append((path, batch))
                    batch += 1

    def _spill_keys(self) -> None:
        path = self._new_file("keys")
        keys, self._keys = pa.concat_tables(self._keys), []
        with _writer(path, keys.schema) as writer:
            writer.write_table(keys)
        self._key_files.append(path)
        self._keys_spilled = self._read

    def _new_file(self, kind: str) -> Path:
        if self._directory is None:
            self._directory = make_scratch()
        return self._directory / f"{self._read}.{kind}"

    @staticmethod
    def _load(path: Path, batch: int) -> pa.Table:
        with pa.memory_map(str(path)) as source:
            return pa.Table.from_batches([pa.ipc.open_file(source).get_batch(batch)])


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchFileWriter]:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as sink,
            pa.ipc.new_file(sink, schema, options=options) as writer,
        ):
            yield writer
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        return
    raise OSError(
        f"rows could not be buffered in {path.parent}: {reason}. Nothing was replaced. Free "
        f"disk space there "
        "or set TMPDIR to another directory, then run it again."
    )


def _is_sorted(order: pa.Array) -> bool:
    """Whether this order leaves the rows in place, as for most providers' lists.

    Taking them anyway would copy every text: a third of the time between page and day.
    """
    places = order.to_numpy()
    return bool((places == np.arange(len(places))).all())


def _hashes(keys: pa.Table) -> np.ndarray:
    """A 64-bit hash of each key; differs between processes."""
    columns = [column.to_pylist() for column in keys.columns]
    values = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
    return np.fromiter(map(hash, values), np.int64, keys.num_rows)


def _last_with_key(keys: pa.Table, numbers: np.ndarray) -> np.ndarray:
    """For every key, the greatest of the ``numbers`` of its rows."""
    names = keys.column_names
    numbered = keys.append_column(_READ, pa.array(numbers, pa.int64()))
    latest = numbered.group_by(names, use_threads=False).aggregate([(_READ, "max")])
    numbers_kept: np.ndarray = latest.column(f"{_READ}_max").to_numpy()
    return numbers_kept


def days_of(rows: pa.Table, table: Table) -> pa.Array:
    """The UTC day of each row's event time, as ``date32``."""
    days = rows.column(table.event_time).cast(pa.timestamp("us")).cast(pa.date32())
    return days.combine_chunks() if isinstance(days, pa.ChunkedArray) else days


def key_columns(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The columns of a key, with struct fields flattened."""
    return pa.table({path: _column(rows, path) for path in key})


def _column(rows: pa.Table, path: str) -> pa.ChunkedArray:
    first, *rest = path.split(".")
    column = rows.column(first)
    return pc.struct_field(column, rest) if rest else column
