"""Removes what no reader needs: old snapshots, and files that no snapshot refers to.

Expiring a snapshot removes it only from the metadata; its files stay in the store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from feedback_assets.publish.trouble import PublishTrouble

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable

KEPT_FOR = timedelta(days=7)
"""How long readers can use an old snapshot."""
# If somebody else is committing, no snapshot refers to their new files yet.
_GRACE = timedelta(hours=1)
_MAIN = "main"


@dataclass(frozen=True)
class _Found:
    path: str
    changed: datetime


def clean(table: "IcebergTable", *, everything: bool, now: datetime | None = None) -> int:
    """Expire snapshots older than ``KEPT_FOR``; returns the number of files removed.

    ``everything``: all snapshots except the current one, for an erasure; raises ``PublishTrouble``
    if a branch or tag keeps an old snapshot.
    """
    now = now or datetime.now(UTC)
    if everything:
        _refuse_references(table)
    elif not _is_due(table, now):
        return 0
    oldest = now + timedelta(days=1) if everything else now - KEPT_FOR
    table.maintenance.expire_snapshots().older_than(oldest).commit()
    table.refresh()
    return remove_unreferenced(
        table, before=now + timedelta(days=1) if everything else now - _GRACE
    )


def _refuse_references(table: "IcebergTable") -> None:
    others = sorted(set(table.metadata.refs) - {_MAIN})
    if others:
        raise PublishTrouble(
            f"{'.'.join(table.name())} has branches or tags that keep old rows: "
            f"{', '.join(others)}. Drop them, then run feedback-assets publish again."
        )


def _is_due(table: "IcebergTable", now: datetime) -> bool:
    limit = (now - KEPT_FOR).timestamp() * 1000
    current = table.metadata.current_snapshot_id
    return any(
        snapshot.timestamp_ms < limit and snapshot.snapshot_id != current
        for snapshot in table.metadata.snapshots
    )


def remove_unreferenced(table: "IcebergTable", *, before: datetime) -> int:
    """Remove the files in the table's location that none of its snapshots refers to.

    Raises ``PublishTrouble``, and removes nothing, if the location lacks the table's own metadata.
    """
    filesystem, root = _store(table)
    there = _files(filesystem, root)
    # If the store lists paths in another form than the table has them, no file would be kept.
    if _path(table, table.metadata_location) not in {found.path for found in there}:
        raise PublishTrouble(
            f"{'.'.join(table.name())} has its metadata at {table.metadata_location}, which is not "
            f"among the files listed in {table.location()}. The table is up to date, but its old "
            "files were left, since it is unclear which are in use. What to do: remove them with "
            "the catalog's own maintenance."
        )
    kept = {_path(table, location) for location in _referenced(table)}
    gone = [found.path for found in there if found.path not in kept and found.changed < before]
    for path in gone:
        filesystem.delete_file(path)
    return len(gone)


def remove_location(table: "IcebergTable") -> int:
    """Remove every file of a table that was dropped from the catalog."""
    filesystem, root = _store(table)
    paths = [found.path for found in _files(filesystem, root)]
    for path in paths:
        filesystem.delete_file(path)
    return len(paths)


def _referenced(table: "IcebergTable") -> Iterator[str]:
    metadata = table.metadata
    yield table.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (one.statistics_path for one in metadata.statistics)
    yield from (one.statistics_path for one in metadata.partition_statistics)
    for snapshot in metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            yield manifest.manifest_path
            yield from (
                entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io)
            )


def _store(table: "IcebergTable") -> tuple[Any, str]:
    """The table's file system, with the catalog's credentials, and the table's path in it."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    io = table.io
    if not isinstance(io, PyArrowFileIO):
        raise PublishTrouble(
            f"{'.'.join(table.name())} is read through {type(io).__name__}, which cannot list "
            "files. Remove py-io-impl from FEEDBACK_PUBLISH_ICEBERG_PROPERTIES."
        )
    scheme, place, path = io.parse_location(table.location(), io.properties)
    return io.fs_by_scheme(scheme, place), path.rstrip("/")


def _path(table: "IcebergTable", location: str) -> str:
    """A location in the form in which the table's file system lists it."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    return PyArrowFileIO.parse_location(location, table.io.properties)[2]


def _files(filesystem: Any, root: str) -> list[_Found]:
    from pyarrow.fs import FileSelector

    selector = FileSelector(root, recursive=True, allow_not_found=True)
    return [
        _Found(found.path, found.mtime)
        for found in filesystem.get_file_info(selector)
        if found.is_file
    ]
