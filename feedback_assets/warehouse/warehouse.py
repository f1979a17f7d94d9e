"""The warehouse as all others use it: one object, each of whose methods is a line.

What they do is in ``place`` (paths), ``partitions`` (listing), ``reading``, ``copies``,
``replacing`` and ``stored_files``.
"""

import os
from collections.abc import Callable, Iterable, Iterator
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
from feedback_assets.warehouse.locks import Locks, MachineLocks
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

    Whatever is written comes without the persons on its list of erased ones, whose key
    ``erasure_secret`` gives; where there is such a list and no key, writing fails. Who writes
    when is agreed on over ``coordination``; without it among the processes of this machine, by
    files beside the tables, or for a remote warehouse in ``home``, the ``DAGSTER_HOME``.
    """

    erasure_secret: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)
    coordination: Coordination | None = field(default=None, repr=False, compare=False)
    home: Path | None = field(default=None, repr=False, compare=False)

    @property
    def locks(self) -> Locks:
        """What a writer holds while it writes.

        What is written before a person is put on the list is seen by the search that follows,
        and what is written after it knows the list.
        """
        if self.coordination is not None:
            return SharedLocks(self.coordination)
        if self.is_local:
            # Beside the tables, so that all who write them meet there, whatever their TMPDIR,
            # DAGSTER_HOME or name for the place.
            return MachineLocks(self.local_root / LOCKS)
        home = self.home or Path(os.environ.get("DAGSTER_HOME") or Path.home() / _OWN_HOME)
        return MachineLocks(home / "locks", self.base, "DAGSTER_HOME")

    @property
    def _writer(self) -> replacing.Writer:
        return replacing.Writer(self, self.locks, self.erasure_secret)

    def files(self, table: Table, first: date | None = None, last: date | None = None) -> list[str]:
        """Paths of the Parquet files held, in day order; ``first`` and ``last`` included."""
        return [found.path for found in partitions.find_files(self, table, first, last)]

    def days_held(self, table: Table) -> list[date]:
        """The days of which the table holds a partition, in order."""
        return sorted({day for day, _ in partitions.find_days(self, table)})

    def marks(self, table: Table) -> dict[date | None, str]:
        """The mark of each partition's file, by day; one listing, no file is opened."""
        return partitions.marks(self, table)

    def near(
        self, table: Table, first: date | None, last: date | None, directory: Callable[[], Path]
    ) -> list[str]:
        """``files`` for a reader that opens them many times: of a remote warehouse, copies.

        They lie in ``directory``, as below the root; what is too large to copy stays where it is.
        """
        if self.is_local:
            return self.files(table, first, last)
        return copies.copy_near(
            self, lambda: partitions.find_files(self, table, first, last), directory
        )

    def near_files(self, below: str, directory: Callable[[], Path]) -> list[str]:
        """``list_files`` as ``near`` does it."""
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
        """The rows of the days ``first`` to ``last``, with ``day`` where partitioned.

        A column that an older file lacks is null there.
        """
        return reading.read_arrow(self, table, first, last, columns)

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Let DuckDB read this warehouse."""
        reading.register(self, connection)

    def replace_day(self, table: Table, day: date, rows: pa.Table) -> Written:
        """Put ``rows`` in the place of the partition of ``day``, at once or not at all."""
        return self._writer.replace(table, day, rows)

    def replace_whole(self, table: Table, rows: pa.Table) -> Written:
        """Put ``rows`` in the place of a table that is not partitioned."""
        return self._writer.replace(table, None, rows)

    def replace_days(
        self,
        table: Table,
        days: Iterable[tuple[date, pa.Table]],
        *,
        writers: int | None = None,
        rows_aside: int = replacing.ROWS_AT_ONCE,
    ) -> Iterator[tuple[date, Written]]:
        """As ``replace_day`` for each day, as ``replacing.replace_in_turn`` says; in order."""
        return replacing.replace_in_turn(
            lambda day, rows: self.replace_day(table, day, rows),
            days,
            writers=writers or replacing.writers_to(self),
            rows_aside=rows_aside,
        )

    def change_partition(
        self, table: Table, day: date | None, change: Callable[[pa.Table], pa.Table | None]
    ) -> Written | None:
        """Replace a partition by what ``change`` makes of it, unless that gives None.

        Nobody else writes meanwhile. Done again, it may find that it is as it should be.
        """
        return self._writer.change(table, day, change)

    def erased(self) -> Erased | None:
        """The list of erased persons as it is now, ``None`` where nobody was erased.

        Raises ``ErasureKeyMissing`` where there is one and its key is not that of this warehouse.
        """
        return self._writer.erased()

    def add_erased(self, *additions: Addition) -> Erased:
        """Put persons on the list; what is being written at this moment is in place by then."""
        return self._writer.add_erased(additions)

    def list_files(self, directory: str) -> list[str]:
        """All files below a directory of the warehouse; none if there is no such directory."""
        return stored_files.list_files(self, directory)

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return stored_files.exists(self, path)

    def remove(self, path: str) -> None:
        """Remove one file; nothing happens where there is none."""
        stored_files.remove(self, path)

    def read_bytes(self, path: str) -> bytes:
        """The content of one file, of one version whoever replaces it meanwhile."""
        return stored_files.read_bytes(self, path)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write a file that is no table so that a reader finds the old one or the new one.

        Raises ``NotWritten`` where the disk or the object store refuses it.
        """
        stored_files.put(self, path, lambda sink: sink.write(content))

    def write_parquet(self, path: str, rows: pa.Table, table: Table | None = None) -> str:
        """Write one Parquet file as ``write_bytes`` does; its mark.

        ``table`` is the one whose rows they are, if they are a table's.
        """
        return stored_files.put(self, path, lambda sink: encode(rows, sink, table))
