"""Paths below the warehouse's root; nothing is opened.

``<root>/<group>/<table>/day=YYYY-MM-DD/data.parquet``, without the day for a table that is not
partitioned. A partition is one file. The day is only in the path: pandas and pyarrow refuse a
directory whose partition key is also a column of its files.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec

from feedback_assets.files.places import local_path
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.remote import store_errors

FILE = "data.parquet"
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})/[^/]+\.parquet$")


@dataclass(frozen=True)
class Place:
    """One root, a local path or any fsspec URI, and the paths below it."""

    root: str

    @property
    def is_local(self) -> bool:
        return local_path(self.root) is not None

    @cached_property
    def local_root(self) -> Path:
        """The root of a local warehouse as an absolute path."""
        return Path(self.root.split("://", 1)[-1]).expanduser().absolute()

    @cached_property
    def filesystem(self) -> Any:
        """The fsspec file system of the root."""
        if self.is_local:
            return fsspec.filesystem("file")
        with store_errors(self.root):
            return fsspec.core.url_to_fs(self.root)[0]

    @cached_property
    def base(self) -> str:
        """The root without a trailing slash, spelt as the file system spells listed paths.

        ``memory://bucket`` is listed as ``memory:///bucket``, ``s3a://`` as ``s3://``, and Azure's
        account is not part of a path: a query may only read paths that begin with this.
        """
        if self.is_local:
            return str(self.local_root)
        inside = self.filesystem._strip_protocol(self.root)
        return str(self.filesystem.unstrip_protocol(inside)).rstrip("/")

    def directory(self, table: Table) -> str:
        return f"{self.base}/{table.group}/{table.name}"

    def path(self, table: Table, day: date | None = None) -> str:
        """The file of one partition, or of a table that is not partitioned."""
        if table.partitioned != (day is not None):
            kind = "needs a day" if table.partitioned else "has no days"
            raise ValueError(f"{table.full_name} {kind}")
        middle = "" if day is None else f"/day={day.isoformat()}"
        return f"{self.directory(table)}{middle}/{FILE}"

    def inside(self, path: str) -> str:
        """The path relative to the root: the same on every machine, wherever it is mounted."""
        return path.removeprefix(f"{self.base}/")


def day_in(path: str) -> date | None:
    """The day in a partition's path; None if there is none or it is not a valid date."""
    matched = _DAY.search(path)
    try:
        return date.fromisoformat(matched[1]) if matched else None
    except ValueError:  # day=2024-02-30, created by hand
        return None
