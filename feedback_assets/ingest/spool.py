"""Rows of a window on their way from pages to days, in bounded memory."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.tables import Table

# With a thousand orders a page, fifty pages: some 50 MB in memory before they go to disk.
_ROWS_IN_MEMORY = 50_000
_READ = "__read"


class Spool:
    """Collects rows in the order they are read and gives them back a day at a time.

    Rows beyond ``_ROWS_IN_MEMORY`` wait in a private temporary directory. Of rows with one key
    the one read last counts, on whichever day and page it came.
    """

    def __init__(self, table: Table, rows_in_memory: int = _ROWS_IN_MEMORY) -> None:
        self._table = table
        self._limit = rows_in_memory
        self._buffer: list[pa.Table] = []
        self._buffered = 0
        self._read = 0
        self._keys: list[pa.Table] = []
        self._days: list[np.ndarray] = []
        self._spills: dict[date, list[tuple[Path, int]]] = defaultdict(list)
        self._directory: tempfile.TemporaryDirectory[str] | None = None

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
        """Forget all rows."""
        self._buffer, self._buffered, self._read = [], 0, 0
        self._keys, self._days = [], []
        self._spills.clear()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def add(self, rows: pa.Table) -> None:
        """Take the rows of one page, in the page's order; all within the window."""
        if not rows.num_rows:
            return
        numbers = pa.array(np.arange(self._read, self._read + rows.num_rows), pa.int64())
        self._read += rows.num_rows
        self._keys.append(key_columns(rows, self._table.key))
        self._days.append(days_of(rows, self._table).to_numpy(zero_copy_only=False))
        self._buffer.append(rows.append_column(_READ, numbers))
        self._buffered += rows.num_rows
        if self._buffered >= self._limit:
            self._spill()

    def days(self, wanted: list[date]) -> Iterator[tuple[date, pa.Table, int]]:
        """Each wanted day: its rows, sorted and once per key, and how many duplicates there were.

        A row that a later read moved to another day counts as a duplicate on the day it left.
        """
        last = self._last_reads()
        in_memory = self._split(self._buffer)
        for day in wanted:
            parts = [self._load(path, batch) for path, batch in self._spills.get(day, ())]
            if day in in_memory:
                parts.append(in_memory[day])
            if not parts:
                yield day, self._table.schema.empty_table(), 0
                continue
            rows = pa.concat_tables(parts)
            kept = rows.filter(pa.array(last[rows.column(_READ).to_numpy()]))
            kept = kept.drop_columns([_READ])
            yield day, sort_rows(kept, self._table), rows.num_rows - kept.num_rows

    def _last_reads(self) -> np.ndarray:
        """For every row read, whether it is the last with its key."""
        flags = np.zeros(self._read, dtype=bool)
        if not self._keys:
            return flags
        keys = pa.concat_tables(self._keys)
        names = keys.column_names
        numbered = keys.append_column(_READ, pa.array(np.arange(self._read), pa.int64()))
        latest = numbered.group_by(names, use_threads=False).aggregate([(_READ, "max")])
        flags[latest.column(f"{_READ}_max").to_numpy()] = True
        return flags

    def _split(self, tables: list[pa.Table]) -> dict[date, pa.Table]:
        if not tables:
            return {}
        rows = pa.concat_tables(tables)
        days = days_of(rows, self._table)
        order = pc.sort_indices(days)
        rows, days = rows.take(order), days.take(order)
        counts = days.value_counts()
        found, start = {}, 0
        for pair in counts:
            length = pair["counts"].as_py()
            found[pair["values"].as_py()] = rows.slice(start, length)
            start += length
        return found

    def _spill(self) -> None:
        if self._directory is None:
            # Made by mkdtemp, so only this user can read what waits there.
            self._directory = tempfile.TemporaryDirectory(prefix="feedback-assets-")
        path = Path(self._directory.name) / f"{self._read}.arrow"
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        schema = self._buffer[0].schema
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, schema, options=options) as writer,
        ):
            batch = 0
            for day, rows in self._split(self._buffer).items():
                for piece in rows.combine_chunks().to_batches():
                    writer.write_batch(piece)
                    self._spills[day].append((path, batch))
                    batch += 1
        self._buffer, self._buffered = [], 0

    @staticmethod
    def _load(path: Path, batch: int) -> pa.Table:
        with pa.memory_map(str(path)) as source:
            return pa.Table.from_batches([pa.ipc.open_file(source).get_batch(batch)])


def days_of(rows: pa.Table, table: Table) -> pa.Array:
    """The UTC day of each row's event time, as ``date32``."""
    days = rows.column(table.event_time).cast(pa.timestamp("us")).cast(pa.date32())
    return days.combine_chunks() if isinstance(days, pa.ChunkedArray) else days


def key_columns(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """The columns of a key, those within structs lifted out."""
    return pa.table({path: _column(rows, path) for path in key})


def sort_rows(rows: pa.Table, table: Table) -> pa.Table:
    """Rows by the table's ``order_by``, so that equal content is equal to the byte."""
    keys = key_columns(rows, table.order_by)
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return rows.take(order).combine_chunks()


def _column(rows: pa.Table, path: str) -> pa.ChunkedArray:
    first, *rest = path.split(".")
    column = rows.column(first)
    return pc.struct_field(column, rest) if rest else column
