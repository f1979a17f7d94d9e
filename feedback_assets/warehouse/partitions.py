"""Which partitions a table has, by one listing and without opening a file."""

import os
from collections.abc import Iterator
from datetime import date

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.place import FILE, Place, day_in
from feedback_assets.warehouse.remote import Found
from feedback_assets.warehouse.stored_files import list_objects, local_file


def find_files(
    place: Place, table: Table, first: date | None = None, last: date | None = None
) -> list[Found]:
    """The Parquet files held, in day order; ``first`` and ``last`` included."""
    if not table.partitioned:
        path = place.path(table)
        if place.is_local:
            found = local_file(path)
            return [found] if found else []
        return [one for one in list_objects(place, place.directory(table)) if one.path == path]
    held = find_days(place, table, first, last)
    return [found for _, found in sorted(held, key=lambda pair: (pair[0], pair[1].path))]


def find_days(
    place: Place, table: Table, first: date | None = None, last: date | None = None
) -> Iterator[tuple[date, Found]]:
    """The partitions of a table with days, each with its file, in no order."""
    directory = place.directory(table)
    there = _local_partitions(directory) if place.is_local else list_objects(place, directory)
    for found in there:
        day = day_in(found.path)
        if day is None or (first and day < first) or (last and day > last):
            continue
        there_now = local_file(found.path) if place.is_local else found
        if there_now:
            yield day, there_now


def marks(place: Place, table: Table) -> dict[date | None, str]:
    """The mark of each partition's file, by day."""
    if table.partitioned:
        return {day: found.mark for day, found in find_days(place, table)}
    found = find_files(place, table)
    return {None: found[0].mark} if found else {}


def _local_partitions(directory: str) -> Iterator[Found]:
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith("day="):
            yield Found(f"{entry.path}/{FILE}", 0)
