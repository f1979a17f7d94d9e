"""The differences between warehouse and target: first by each file's mark, then by its content.

A file whose mark is unchanged is not opened. Otherwise it is read, and its partition is sent only
if the content hash differs as well. Independent of the kind of target.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

Day = date | None
"""A partition: a day, or None for a table without days."""


@dataclass(frozen=True)
class Published:
    """A partition as it was last published: content hash, mark of its file, number of rows."""

    content: str
    mark: str
    rows: int


Held = Mapping[Day, Published]
"""The partitions of a table that the target holds."""


@dataclass(frozen=True)
class Difference:
    """The partitions of one table that may have to be sent or removed.

    ``new``: not at the target. ``changed``: at the target, from another version of the file.
    ``gone``: only at the target. ``marks``: the marks of the warehouse's files.
    """

    table: Table
    new: tuple[Day, ...]
    changed: tuple[Day, ...]
    gone: tuple[Day, ...]
    marks: Mapping[Day, str]

    def __len__(self) -> int:
        return len(self.new) + len(self.changed) + len(self.gone)


def difference(
    table: Table, marks: Mapping[Day, str], held: Held, wrong: Collection[Day] = ()
) -> Difference:
    """Compare the warehouse's files with what the target holds.

    ``wrong``: partitions whose rows at the target are not those that were published.
    """
    both = [day for day in marks if day in held]
    return Difference(
        table,
        _sorted(day for day in marks if day not in held),
        _sorted(day for day in both if day in wrong or held[day].mark != marks[day]),
        _sorted(day for day in {*held, *wrong} if day not in marks),
        marks,
    )


def _sorted(days: Iterator[Day]) -> tuple[Day, ...]:
    return tuple(sorted(days, key=lambda day: day or date.min))


@dataclass(frozen=True)
class Changes:
    """The partitions to send, to remove, and whose file changed but whose rows did not."""

    table: Table
    send: tuple[Day, ...]
    replace: tuple[Day, ...]
    remove: tuple[Day, ...]
    same: Mapping[Day, Published]
    marks: Mapping[Day, str]

    @property
    def clear(self) -> tuple[Day, ...]:
        """The partitions whose rows are deleted at the target first."""
        return (*self.replace, *self.remove)


def changes(
    warehouse: Warehouse, found: Difference, held: Held, wrong: Collection[Day] = ()
) -> Changes:
    """Read the changed files; only those whose content differs from the published one are sent."""
    same: dict[Day, Published] = {}
    check = [day for day in found.changed if day not in wrong]
    for day, rows in warehouse.read_partitions(found.table, check):
        if content_hash(rows) == held[day].content:
            same[day] = Published(held[day].content, found.marks[day], rows.num_rows)
    replace = tuple(day for day in found.changed if day not in same)
    send = _sorted(iter((*found.new, *replace)))
    return Changes(found.table, send, replace, found.gone, same, found.marks)


def with_day(table: Table, day: Day, rows: pa.Table) -> pa.Table:
    """The rows with ``day`` as their first column, if the table is partitioned."""
    if not table.partitioned:
        return rows
    days = pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows)
    return rows.add_column(0, pa.field("day", pa.date32(), nullable=False), days)
