"""Lists, reads, writes and removes single files of the warehouse, whatever their content.

A write replaces a file as a whole: on a disk with a rename, in an object store with one put; both
are atomic.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from feedback_assets.files.durable import make_private, sync_directory
from feedback_assets.warehouse.marks import local_mark, remote_mark
from feedback_assets.warehouse.place import Place
from feedback_assets.warehouse.remote import Found, StoreTrouble, fetched, listed, store_errors
from feedback_assets.warehouse.temporary_names import new_temporary, release, remove_abandoned


class NotWritten(StoreTrouble):
    """A file could not be written; the message says what to do. The old file is unchanged."""

    def __init__(self, path: str, reason: str, *, transient: bool = False) -> None:
        super().__init__(
            f"{path} was not written: {reason}. The existing file is unchanged. Free disk space or "
            "fix its permissions, or set FEEDBACK_WAREHOUSE to another place, then run it again.",
            transient=transient,
        )


def list_objects(place: Place, directory: str) -> list[Found]:
    """All objects below a directory of an object store, listed afresh."""
    return listed(place.filesystem, directory, place.base.split("://", 1)[0])


def list_files(place: Place, directory: str) -> list[str]:
    """All files below a directory; empty if the directory does not exist."""
    if place.is_local:
        return sorted(str(path) for path in Path(directory).rglob("*") if path.is_file())
    return [found.path for found in list_objects(place, directory)]


def local_file(path: str) -> Found | None:
    """A file of a local warehouse, with its size and mark; None if it does not exist."""
    try:
        # Not with Path: three years of a table took 13 ms instead of 5.
        about = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return Found(path, about.st_size, local_mark(about)) if stat.S_ISREG(about.st_mode) else None


def exists(place: Place, path: str) -> bool:
    """Whether the file exists."""
    if place.is_local:
        return Path(path).is_file()
    place.filesystem.invalidate_cache()
    with store_errors(path):
        return bool(place.filesystem.exists(path))


def remove(place: Place, path: str) -> None:
    """Remove one file; does nothing if it does not exist."""
    if place.is_local:
        Path(path).unlink(missing_ok=True)
    elif exists(place, path):
        with store_errors(path):
            place.filesystem.rm_file(path)


def read_bytes(place: Place, path: str) -> bytes:
    """The content of one file, in a single version even while it is replaced."""
    if not place.is_local:
        return next(fetched(place.filesystem, [Found(path, 0)]))
    return Path(path).read_bytes()


def put(place: Place, path: str, write: Callable[[Any], object]) -> str:
    """Write one file so that readers see either the old or the new one; returns its mark.

    Raises ``NotWritten`` if the disk or the object store refuses the write.
    """
    try:
        if place.is_local:
            return _put_local(Path(path), write)
        sink = pa.BufferOutputStream()
        write(sink)
        with store_errors(place.base):
            place.filesystem.pipe_file(path, sink.getvalue().to_pybytes())
            return remote_mark(place.filesystem.info(path))
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        transient = isinstance(error, StoreTrouble) and error.transient
    raise NotWritten(path, reason, transient=transient)


def _put_local(path: Path, write: Callable[[Any], object]) -> str:
    make_private(path.parent)
    remove_abandoned(path.parent)
    temporary = new_temporary(path.parent)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            write(sink)
            sink.flush()
            # Otherwise a power cut may leave the new name without the new bytes.
            os.fsync(sink.fileno())
            mark = local_mark(os.fstat(sink.fileno()))
        temporary.replace(path)
        sync_directory(path.parent)
        return mark
    finally:
        temporary.unlink(missing_ok=True)
        release(temporary)
