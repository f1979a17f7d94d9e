"""Lists, reads, writes and removes single files of the warehouse, whatever their content.

A write replaces a file as a whole: on a disk with a rename, in an object store with one put; both
are atomic.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from feedback_assets.warehouse.local_files import Write, put_local
from feedback_assets.warehouse.marks import local_mark, remote_mark
from feedback_assets.warehouse.place import Place
from feedback_assets.warehouse.remote import Found, StoreTrouble, fetched, listed, store_errors
from feedback_assets.warehouse.until_failure import until_failure


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


def put(place: Place, path: str, write: Write) -> str:
    """Write one file so that readers see either the old or the new one; returns its mark.

    Raises ``NotWritten`` if the disk or the object store refuses the write.
    """
    (mark,) = put_all(place, [(path, write)])
    return mark


def put_all(place: Place, files: Sequence[tuple[str, Write]]) -> Iterator[str]:
    """``put`` for several files; yields the mark of each, in order, once it is in place.

    If one fails, its error is raised after the marks of those before it.
    """
    marks, failed = until_failure(put_local(files) if place.is_local else _put_remote(place, files))
    yield from marks
    if isinstance(failed, OSError):
        reason = (failed.strerror or str(failed)).rstrip(".")
        transient = isinstance(failed, StoreTrouble) and failed.transient
        raise NotWritten(files[len(marks)][0], reason, transient=transient)
    if failed is not None:
        raise failed


def _put_remote(place: Place, files: Sequence[tuple[str, Write]]) -> Iterator[str]:
    for path, write in files:
        sink = pa.BufferOutputStream()
        write(sink)
        with store_errors(place.base):
            place.filesystem.pipe_file(path, sink.getvalue().to_pybytes())
            mark = remote_mark(place.filesystem.info(path))
        yield mark
