"""Where a table's Parquet lies under the warehouse's root, and how it is listed and replaced.

``<root>/<group>/<table>/day=YYYY-MM-DD/data.parquet``, or without the day for a table that is
not partitioned. A partition is one file: on a disk a rename replaces it, in an object store a
put, and both are atomic. The day is in the path alone: pandas and pyarrow refuse a directory
whose partition key is a column of its files too.
"""

import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.store.content import content_hash
from feedback_assets.store.litter import begin_file, end, sweep_files
from feedback_assets.tables import Table

if TYPE_CHECKING:
    import duckdb

FILE = "data.parquet"
# Small enough that a reader who wants one contact skips most of a large day, large enough that
# a usual day is one group.
ROW_GROUP_ROWS = 64 * 1024

_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})/[^/]+\.parquet$")


class NotWritten(OSError):
    """A file that could not be written, and what to do; what was in its place is unchanged."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} was not written: {reason}. What was held there is unchanged. Make room or "
            "mend its permissions, or set FEEDBACK_WAREHOUSE to another place, then run it again."
        )


@dataclass(frozen=True)
class Written:
    """What one replacement left: rows, and the hash of their content whatever wrote them."""

    rows: int
    content_hash: str


@dataclass(frozen=True)
class Warehouse:
    """The Parquet tables under one root: a local path or any fsspec URI."""

    root: str

    @property
    def is_local(self) -> bool:
        return "://" not in self.root or self.root.startswith("file://")

    @cached_property
    def _local_root(self) -> Path:
        return Path(self.root.removeprefix("file://")).expanduser().absolute()

    @cached_property
    def filesystem(self) -> Any:
        """The fsspec file system of the root."""
        if self.is_local:
            return fsspec.filesystem("file")
        return fsspec.core.url_to_fs(self.root)[0]

    @cached_property
    def base(self) -> str:
        """The root as people and DuckDB write it, without a slash at its end."""
        return str(self._local_root) if self.is_local else self.root.rstrip("/")

    def directory(self, table: Table) -> str:
        return f"{self.base}/{table.group}/{table.name}"

    def path(self, table: Table, day: date | None = None) -> str:
        """The file of one partition, or of a table that is not partitioned."""
        if table.partitioned != (day is not None):
            kind = "needs a day" if table.partitioned else "has no days"
            raise ValueError(f"{table.full_name} {kind}")
        middle = "" if day is None else f"/day={day.isoformat()}"
        return f"{self.directory(table)}{middle}/{FILE}"

    def files(self, table: Table, first: date | None = None, last: date | None = None) -> list[str]:
        """Paths of the Parquet files held, in day order; ``first`` and ``last`` included."""
        if not table.partitioned:
            path = self.path(table)
            return [path] if self.exists(path) else []
        held = self._held(table)
        return [
            path
            for day, path in sorted(held)
            if (first is None or day >= first) and (last is None or day <= last)
        ]

    def days_held(self, table: Table) -> list[date]:
        """The days of which the table holds a partition, in order."""
        return sorted({day for day, _ in self._held(table)})

    def _held(self, table: Table) -> Iterator[tuple[date, str]]:
        directory = self.directory(table)
        if self.is_local:
            found = _local_partitions(Path(directory))
        else:
            found = self._remote_partitions(directory)
        for path in found:
            day = _day_in(path)
            if day is not None:
                yield day, path

    def _remote_partitions(self, directory: str) -> Iterator[str]:
        # One listing of the table's prefix, a thousand keys a request, not one a day.
        protocol = self.root.split("://", 1)[0]
        self.filesystem.invalidate_cache()
        for path in self.filesystem.find(directory):
            yield path if "://" in path else f"{protocol}://{path}"

    def list_files(self, directory: str) -> list[str]:
        """All files below a directory of the warehouse; none if there is no such directory."""
        if self.is_local:
            return sorted(str(path) for path in Path(directory).rglob("*") if path.is_file())
        return sorted(self._remote_partitions(directory))

    @property
    def lock_directory(self) -> Path:
        """Where processes of this machine agree on who writes; never inside the warehouse."""
        directory = Path(tempfile.gettempdir()) / f"feedback-assets-{os.getuid()}"
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != os.getuid() or directory.is_symlink():
            raise PermissionError(f"{directory} belongs to somebody else; set TMPDIR to another")
        return directory

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        if self.is_local:
            return Path(path).is_file()
        self.filesystem.invalidate_cache()
        return bool(self.filesystem.exists(path))

    def replace_day(self, table: Table, day: date, rows: pa.Table) -> Written:
        """Put ``rows`` in the place of the partition of ``day``, at once or not at all."""
        return self._replace(table, self.path(table, day), rows)

    def replace_whole(self, table: Table, rows: pa.Table) -> Written:
        """Put ``rows`` in the place of a table that is not partitioned."""
        return self._replace(table, self.path(table), rows)

    def _replace(self, table: Table, path: str, rows: pa.Table) -> Written:
        rows = rows.cast(table.schema)
        self.write_parquet(path, rows)
        return Written(rows.num_rows, content_hash(rows))

    def write_parquet(self, path: str, rows: pa.Table) -> None:
        """Write one Parquet file so that a reader finds the old one or the new one.

        Raises ``NotWritten`` where the disk or the object store refuses it.
        """
        try:
            self._write_file(path, rows)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return
        raise NotWritten(path, reason)

    def _write_file(self, path: str, rows: pa.Table) -> None:
        if self.is_local:
            _write_local(Path(path), rows)
            return
        sink = pa.BufferOutputStream()
        _write(rows, sink)
        self.filesystem.pipe_file(path, sink.getvalue().to_pybytes())

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
        wanted = list(columns) if columns is not None else None
        schema = table.schema
        if table.partitioned:
            schema = schema.append(pa.field("day", pa.date32()))
        if wanted is not None:
            schema = pa.schema([schema.field(name) for name in wanted])
        parts = (self._read_file(table, path, schema) for path in self.files(table, first, last))
        return pa.concat_tables([schema.empty_table(), *parts])

    def _read_file(self, table: Table, path: str, schema: pa.Schema) -> pa.Table:
        with self.filesystem.open(path, "rb") as source:
            file = pq.ParquetFile(source)
            there = set(file.schema_arrow.names)
            read = file.read(columns=[name for name in schema.names if name in there])
            rows = file.metadata.num_rows
        day = _day_in(path)
        arrays = []
        for column in schema:
            if column.name in there:
                arrays.append(read.column(column.name).cast(column.type))
            elif column.name == "day" and table.partitioned:
                value = pa.scalar(day, pa.date32())
                arrays.append(pa.chunked_array([pa.repeat(value, rows)]))
            else:
                arrays.append(pa.chunked_array([pa.nulls(rows, column.type)]))
        return pa.table(arrays, schema=schema)

    def register(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Let DuckDB read this warehouse; a local one it can read as it is."""
        if not self.is_local:
            connection.register_filesystem(self.filesystem)


def days_between(first: date, last: date) -> list[date]:
    """Every day from ``first`` to ``last``, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _day_in(path: str) -> date | None:
    matched = _DAY.search(path)
    try:
        return date.fromisoformat(matched[1]) if matched else None
    except ValueError:  # day=2024-02-30, made by hand
        return None


def _local_partitions(directory: Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith("day="):
            path = Path(entry.path) / FILE
            if path.is_file():
                yield str(path)


def _write(rows: pa.Table, sink: Any) -> None:
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        row_group_size=ROW_GROUP_ROWS,
        write_page_index=True,
        store_schema=True,
    )


def _write_local(path: Path, rows: pa.Table) -> None:
    _make_private(path.parent)
    sweep_files(path.parent)
    temporary = begin_file(path.parent)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            _write(rows, sink)
            sink.flush()
            # Else a power cut may leave the new name with none of the new bytes.
            os.fsync(sink.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        end(temporary)


def _sync_directory(directory: Path) -> None:
    """Put the names in a directory on the disk, so that a rename outlives a power cut."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:  # may be written in, and not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot; they keep their own order.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _make_private(directory: Path) -> None:
    """Make the directory and those above it for this user alone; those there stay as they are."""
    for path in reversed((directory, *directory.parents)):
        # Path.mkdir would give the parents the umask's mode.
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(path.parent)
