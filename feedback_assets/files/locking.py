"""Locks between the processes of one machine: files locked with ``flock``.

A lock is released when its process ends. Lock files are never removed: another process may be
waiting on one.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_assets.files.durable import make_private
from feedback_assets.files.unusable import Unusable

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Busy(Exception):
    """Another process holds the lock."""


class LockFile:
    """An open lock file. ``variable`` is the setting for its location, used in messages."""

    def __init__(self, path: Path, variable: str) -> None:
        self._path = path
        self._variable = variable
        self._descriptor = self._open()

    def take(self, *, shared: bool = False, wait: bool = True) -> None:
        """Lock the file; raises ``Busy`` without ``wait``, and ``Unusable``."""
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._descriptor, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(str(self._path)) from None
        except OSError as error:
            raise self._unusable(error) from None

    def release(self) -> None:
        """Unlock the file and keep it open."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unlock and close the file."""
        os.close(self._descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        try:
            try:
                descriptor = os.open(self._path, flags, 0o600)
            except FileNotFoundError:
                make_private(self._path.parent)
                descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        if os.geteuid() == 0:
            # Under sudo, the owner of the directory must be able to lock it afterwards.
            above = self._path.parent.stat()
            os.fchown(descriptor, above.st_uid, above.st_gid)
        return descriptor

    def _unusable(self, error: OSError) -> Unusable:
        reason = error.strerror or str(error)
        if error.errno in _NO_LOCKS:
            return Unusable(
                f"{self._path} cannot be locked ({reason}): its file system does not support file "
                f"locks. Set {self._variable} to a directory on one that does, such as a local disk"
            )
        return Unusable(
            f"{self._path} cannot be opened ({reason}). Free disk space or fix its permissions, "
            f"or set "
            f"{self._variable} to another directory"
        )


@contextmanager
def locked(path: Path, variable: str, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock; raises ``Busy`` without ``wait``, and ``Unusable``."""
    lock = LockFile(path, variable)
    try:
        lock.take(wait=wait)
        yield
    finally:
        lock.close()
