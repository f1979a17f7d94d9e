"""Compares stored files with recorded state and so detects changes of any origin.

A run replaces files and records them when it ends. A killed run, a restored backup, another
``DAGSTER_HOME`` or a copied file leave files that are not recorded. The listing of a table
reveals them by their marks, without reading a file. Files of a provider table are then read and
recorded; a derived partition counts as out of date and is rebuilt.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.assets.recorded import latest_metadata, read_recorded, record_days
from feedback_assets.days import named_days
from feedback_assets.publish.names import ASSET_GROUP
from feedback_assets.reports.path import page_path
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.tables import READ_TABLES, REPORT_PAGES
from feedback_assets.transforms.inputs import Day, Recorded
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

CHECK = "files_are_recorded"
DESCRIPTION = "The files on disk are those that the last run of each partition recorded."


@dataclass(frozen=True)
class Difference:
    """Partitions whose file differs from the recorded one, is not recorded, or is missing."""

    changed: tuple[Day, ...] = ()
    unrecorded: tuple[Day, ...] = ()
    gone: tuple[Day, ...] = ()

    @property
    def days(self) -> list[date]:
        return sorted({day for day in (*self.changed, *self.unrecorded, *self.gone) if day})

    def __len__(self) -> int:
        return len(self.changed) + len(self.unrecorded) + len(self.gone)


def difference(recorded: Recorded, found_marks: Mapping[Day, str]) -> Difference:
    """How the existing files differ from the record.

    The first version recorded no marks: such a file counts as the recorded one.
    """
    known = recorded.files
    return Difference(
        _sorted(day for day, mark in found_marks.items() if known.get(day, mark) != mark),
        _sorted(day for day in found_marks if day not in recorded.content),
        _sorted(day for day in recorded.content if day not in found_marks),
    )


def _sorted(days: Iterable[Day]) -> tuple[Day, ...]:
    return tuple(sorted(days, key=lambda day: day or date.min))


def marks(warehouse: Warehouse, table: Table) -> dict[Day, str]:
    """The mark of each partition's file; for a page only whether it exists.

    What is published has no file: the target is asked when it is published to.
    """
    if table.group == ASSET_GROUP:
        return {None: ""}
    if table in REPORT_PAGES:
        return {None: ""} if warehouse.exists(page_path(warehouse)) else {}
    return warehouse.marks(table)


def listing(warehouse: Warehouse, tables: Iterable[Table]) -> str:
    """A fingerprint of all files of the tables; it changes when any file changes."""
    digest = hashlib.sha256()
    for table in tables:
        found_marks = marks(warehouse, table)
        rows = (f"{day} {found_marks[day]}" for day in _sorted(found_marks))
        digest.update(f"{table.full_name} {chr(10).join(rows)}\n".encode())
    return digest.hexdigest()[:16]


def read_present(
    instance: dg.DagsterInstance, warehouse: Warehouse, table: Table, names: Names
) -> Recorded:
    """The instance's records of the files that exist."""
    return read_recorded(instance, table, names).of_files(marks(warehouse, table))


def record_found(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    tables: Iterable[Table],
    names: Names,
    most: int | None = None,
) -> int:
    """Read and record the provider days whose files differ from the record; returns their number.

    At most ``most`` per call; a later call continues.
    """
    done = 0
    for table in tables:
        if table not in READ_TABLES:
            continue
        # Marks before files: a file that is replaced meanwhile differs again on the next tick.
        found_marks = marks(warehouse, table)
        found = difference(read_recorded(instance, table, names), found_marks)
        days = [day for day in (*found.changed, *found.unrecorded) if day is not None]
        days = days if most is None else days[: most - done]
        _record(instance, warehouse, table, names, {day: found_marks[day] for day in days})
        done += len(days)
        if done == most:
            break
    return done


def _record(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    table: Table,
    names: Names,
    days: Mapping[date, str],
) -> None:
    before = latest_metadata(instance, table, names, days)
    for day, mark in days.items():
        rows = warehouse.read_arrow(table, day, day).drop_columns("day")
        content = content_hash(rows)
        same = before.get(day, {})
        if same.get("content_hash") != content:
            # Unknown: the definition that it was read with, and the other records in the response.
            same = {"dagster/partition_row_count": rows.num_rows, "content_hash": content}
        record_days(instance, table, names, {day: {**same, "file": mark}})


def numbers(warehouse: Warehouse, table: Table, recorded: Recorded) -> dict[str, Any]:
    """The numbers of ``files_are_recorded``."""
    found_marks = marks(warehouse, table)
    found = difference(recorded, found_marks)
    shown: dict[str, Any] = {
        "partitions": len(found_marks),
        "changed": len(found.changed),
        "unrecorded": len(found.unrecorded),
        "gone": len(found.gone),
        "violations": len(found),
    }
    if found.days:
        shown["days"] = named_days(found.days)
        shown["what_to_do"] = (
            "the sensor build_what_changed reads and rebuilds what differs; without it: "
            "feedback-assets backfill --missing for these days"
        )
    return shown
