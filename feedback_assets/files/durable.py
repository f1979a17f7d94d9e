"""Writes a small file so that it is complete or absent, even after a power failure."""

import errno
import os
from pathlib import Path


def write_durably(path: Path, content: bytes, draft: Path) -> None:
    """Replace ``path`` with ``content``, readable only by its owner.

    ``draft`` is a name in the same directory that no other process uses at the time.
    """
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def make_private(directory: Path) -> None:
    """Create a directory and its missing parents for this user only."""
    for above in create_private(directory):
        sync_directory(above)


def create_private(directory: Path) -> list[Path]:
    """As ``make_private``, but returns the directories that the caller has to flush."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        # Path.mkdir would create the parents with the umask's mode.
        path.mkdir(mode=0o700, exist_ok=True)
    return [path.parent for path in reversed(missing)]


def sync_directory(directory: Path) -> None:
    """Flush a directory's entries to the disk, so that a rename survives a power failure."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:  # writable, but not listable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not support it; they order writes themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
