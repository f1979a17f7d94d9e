"""The warehouse's public interface: one object whose methods delegate in one line.

The implementation is in ``place`` (paths), ``partitions`` (listing), ``reading``, ``copies``,
``replacing`` and ``stored_files``.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from feedback_assets.coordination.database import Coordination
from feedback_assets.coordination.shared_locks import SharedLocks
from feedback_assets.schema.table import Table
from feedback_assets.warehouse import copies, partitions, reading, replacing, stored_files
from feedback_assets.warehouse.encoding import encode
from feedback_assets.warehouse.erased import Addition, Erased
from feedback_assets.warehouse.locks import Locks, MachineLocks, hold_while_building
from feedback_assets.warehouse.place import Place
from feedback_assets.warehouse.replacing import Written

if TYPE_CHECKING:
    import duckdb

LOCKS = ".locks"
"""The directory of lock files in a local warehouse."""
_OWN_HOME = ".feedback-assets"


@dataclass(frozen=True)
class Warehouse(Place):
    """The Parquet tables under one root: a local path or any fsspec URI.

    Data is always written without erased people, whose list has the key ``erasure_secret``; if
    there is a list but no key, writing fails. Writers are synchronised through ``coordination``;
    without it, between the processes of this machine by files beside the tables, or for a remote
    warehouse in ``home``, the ``DAGSTER_HOME``.
    """

    erasure_secret: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)
    coordination: Coordination | None = field(default=None, repr=False, compare=False)
    home: Path | None = field(default=None, repr=False, compare=False)

    @property
    def locks(self) -> Locks:
        """The locks that writers hold.

        Data written before a person is added to the list is covered by the search that follows;
        data written afterwards is checked against the list.
        """
        if self.coordination is not None:
            return SharedLocks(self.coordination)
        if self.is_local:
            # Beside the tables, so that all writers share them, whatever their TMPDIR, DAGSTER_HOME
            # or spelling of the path.
            return MachineLocks(self.local_root / LOCKS)
        home = self.home or Path(os.environ.get("DAGSTER_HOME") or Path.home() / _OWN_HOME)
        return MachineLocks(home / "locks", self.base, "DAGSTER_HOME")

    @property
    def _writer(self) -> replacing.Writer:
        return replacing.Writer(self, self.locks, self.erasure_secret)

    def building(self, *, wait: bool = True) -> AbstractContextManager[None]:
        """Hold while derived tables are built; raises ``LockTaken`` without ``wait``."""
        return hold_while_building(self.locks, wait=wait)

    def files(self, table: Table, first: date | None = None, last: date | None = None) -> list[str]:
        """Paths of the existing Parquet files in day order; ``first`` and ``last`` included."""
        return [found.path for found in partitions.find_files(self, table, first, last)]

    def days_held(self, table: Table) -> list[date]:
        """The days for which the table has a partition, in order."""
        return sorted({day for day, _ in partitions.find_days(self, table)})

    def marks(self, table: Table) -> dict[date | None, str]:
        """The mark of each partition's file, by day; one listing, no file is opened."""
        return partitions.marks(self, table)

    def near(
        self, table: Table, first: date | None, last: date | None, directory: Callable[[], Path]
    ) -> list[str]:
        """``files`` for readers that open each many times: local copies of a remote warehouse.

        They are stored in ``directory`` under the same relative paths; too large files stay remote.
        """
        if self.is_local:
            return self.files(table, first, last)
        return copies.copy_near(
            self, lambda: partitions.find_files(self, table, first, last), directory
        )

    def near_files(self, below: str, directory: Callable[[], Path]) -> list[str]:
        """``list_files`` with local copies, as in ``near``."""
        if self.is_local:
            return self.list_files(below)
        return copies.copy_near(self, lambda: stored_files.list_objects(self, below), directory)

    def read_arrow(
        self,
        table: Table,
        first: date | None = None,
        last: date | None = None,
        columns: Iterable[str] | None = None,
    ) -> pa.Table:
        """The rows of the days ``first`` to ``last``, with ``day`` if partitioned.

        A column that an older file lacks is null in its rows.
        """
        return reading.read_arrow(self, table, first, last, columns)

    def read_partitions(
        self, table: Table, days: Collection[date | None]
    ) -> Iterator[tuple[date | None, pa.Table]]:
        """Yield these partitions' rows without ``day``; ``None`` is a table without days."""
        return reading.read_partitions(self, table, days)

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Let DuckDB read this warehouse."""
        reading.register(self, connection)

    def replace_day(self, table: Table, day: date, rows: pa.Table) -> Written:
        """Replace the partition of ``day`` with ``rows`` atomically."""
        return self._writer.replace(table, day, rows)

    def replace_whole(self, table: Table, rows: pa.Table) -> Written:
        """Replace a table that is not partitioned with ``rows``."""
        return self._writer.replace(table, None, rows)

    def replace_days(
        self,
        table: Table,
        days: Iterable[tuple[date, pa.Table]],
        *,
        writers: int | None = None,
        rows_aside: int = replacing.ROWS_AT_ONCE,
    ) -> Iterator[tuple[date, Written]]:
        """``replace_day`` for each day, in order; see ``replacing.replace_in_turn``."""
        return replacing.replace_in_turn(
            lambda batch: self._writer.replace_together(table, batch),
            days,
            together=replacing.together_in(self),
            writers=writers or replacing.writers_to(self),
            rows_aside=rows_aside,
        )

    def change_partition(
        self, table: Table, day: date | None, change: Callable[[pa.Table], pa.Table | None]
    ) -> Written | None:
        """Replace a partition with the result of ``change``, unless that is None.

        No other process writes meanwhile. ``change`` may be called again on its own result.
        """
        return self._writer.change(table, day, change)

    def erased(self) -> Erased | None:
        """The current list of erased people, ``None`` if it is empty.

        Raises ``ErasureKeyMissing`` if there is a list and its key is not this warehouse's.
        """
        return self._writer.erased()

    def add_erased(self, *additions: Addition) -> Erased:
        """Add persons to the list; waits for writes in progress to finish."""
        return self._writer.add_erased(additions)

    def list_files(self, directory: str) -> list[str]:
        """All files below a directory of the warehouse; empty if the directory does not exist."""
        return stored_files.list_files(self, directory)

    def exists(self, path: str) -> bool:
        """Whether the file exists."""
        return stored_files.exists(self, path)

    def remove(self, path: str) -> None:
        """Remove one file; does nothing if it does not exist."""
        stored_files.remove(self, path)

    def read_bytes(self, path: str) -> bytes:
        """The content of one file, in a single version even while it is replaced."""
        return stored_files.read_bytes(self, path)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write a file other than a table's so that readers see either the old or the new one.

        Raises ``NotWritten`` if the disk or the object store refuses the write.
        """
        stored_files.put(self, path, lambda sink: sink.write(content))

    def write_parquet(self, path: str, rows: pa.Table, table: Table | None = None) -> str:
        """Write one Parquet file as ``write_bytes`` does; returns its mark.

        ``table`` is the table that the rows belong to, if any.
        """
        return stored_files.put(self, path, lambda sink: encode(rows, sink, table))
