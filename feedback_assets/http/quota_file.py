"""The file in which the processes of one machine share a quota, rebuilt if it is damaged.

A rebuilt file counts as used up: the earlier requests are unknown, and the provider's limit must
not be exceeded.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyrate_limiter import Rate, SQLiteBucket

from feedback_assets.files.database_trouble import is_damaged, remedy
from feedback_assets.files.durable import make_private
from feedback_assets.files.locking import LockFile
from feedback_assets.files.unusable import Unusable

_log = logging.getLogger(__name__)
_INSERT = "insert into rate_bucket (name, item_timestamp) values (?, ?)"


class QuotaFile:
    """``<directory>/<name>.sqlite``; for one thread at a time, and never after ``fork``."""

    def __init__(self, directory: Path, name: str, rates: list[Rate]) -> None:
        self._path = directory / f"{name}.sqlite"
        self._name = name
        self._rates = rates
        self._lock: LockFile | None = None
        self._bucket: SQLiteBucket | None = None
        self._inode = 0

    @contextlib.contextmanager
    def locked(self) -> Iterator[SQLiteBucket]:
        """The bucket, locked against other processes.

        Raises ``Unusable``, and ``sqlite3.DatabaseError`` if ``rebuild`` helps.
        """
        with self._alone():
            yield self._current()

    def rebuild(self) -> None:
        """Replace a damaged file, unless another process has just done so."""
        with self._alone():
            self._close_bucket()
            if not self._is_sound():
                self._replace()

    def close(self) -> None:
        """Close the file; the next ``locked`` opens it again."""
        self._close_bucket()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if self._lock is None:
            self._lock = LockFile(self._path.with_name(f"{self._path.name}.lock"), "DAGSTER_HOME")
        # Held for 0.2 ms at a time.
        self._lock.take()
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None
        finally:
            self._lock.release()

    def _unusable(self, error: sqlite3.Error | OSError) -> Exception:
        if isinstance(error, Unusable) or (isinstance(error, sqlite3.Error) and is_damaged(error)):
            return error
        cure = remedy(error) if isinstance(error, sqlite3.Error) else None
        return Unusable(
            f"{self._path} cannot be used ({error}): {cure or 'fix its permissions'}, or set "
            "DAGSTER_HOME to another directory"
        )

    def _current(self) -> SQLiteBucket:
        if self._bucket is not None and self._inode == self._inode_now():
            return self._bucket
        was_open = self._bucket is not None
        self._close_bucket()
        # Removed while it was in use, or left by a process that was killed while creating it.
        if self._path.stat().st_size == 0 if self._path.exists() else was_open:
            self._replace()
        self._bucket = self._opened(self._path)
        self._inode = self._inode_now()
        return self._bucket

    def _inode_now(self) -> int:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _opened(self, path: Path) -> SQLiteBucket:
        make_private(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        bucket = SQLiteBucket.init_from_file(self._rates, db_path=str(path))
        # Another program may be reading the file; waiting avoids "database is locked". With these
        # settings a power failure cannot damage it, though the last requests may be lost.
        for pragma in ("busy_timeout = 10000", "journal_mode = wal", "synchronous = normal"):
            bucket.conn.execute(f"pragma {pragma}").close()
        return bucket

    def _is_sound(self) -> bool:
        try:
            bucket = self._opened(self._path)
            try:
                (found,) = bucket.conn.execute("pragma quick_check(1)").fetchone()
                bucket.peek(0)
                return bool(found == "ok")
            finally:
                bucket.conn.close()
        except sqlite3.Error as error:
            if not is_damaged(error):
                raise
            return False

    def _replace(self) -> None:
        _log.warning("%s was damaged; it was rebuilt, and the quota counts as used up", self._path)
        draft = self._path.with_name(f".{self._path.name}.new")
        beside = [Path(f"{path}-{kind}") for path in (draft, self._path) for kind in ("wal", "shm")]
        for path in (draft, *beside):
            path.unlink(missing_ok=True)
        bucket = self._opened(draft)
        clock: Any = bucket
        full = max(rate.limit for rate in self._rates)
        bucket.conn.executemany(_INSERT, [(self._name, int(clock.now()))] * full).close()
        bucket.conn.commit()
        # Closing merges the write-ahead log into the file.
        bucket.conn.close()
        draft.replace(self._path)

    def _close_bucket(self) -> None:
        if self._bucket is not None:
            with contextlib.suppress(sqlite3.Error):
                self._bucket.conn.close()
            self._bucket = None
