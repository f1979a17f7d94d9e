"""A ``DAGSTER_HOME`` that is full, read-only or locked, as one line with the remedy."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_assets.files.unusable import Unusable

_REMEDIES = {
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_READONLY: "make it writable for this user",
    sqlite3.SQLITE_CANTOPEN: "make it writable for this user",
    sqlite3.SQLITE_PERM: "make it writable for this user",
    sqlite3.SQLITE_BUSY: "wait for the process that holds it, or end it",
    sqlite3.SQLITE_LOCKED: "wait for the process that holds it, or end it",
    sqlite3.SQLITE_PROTOCOL: "move it to a file system with file locks, such as a local disk",
    sqlite3.SQLITE_IOERR: "check its disk; if it is a network file system, use a local disk",
    sqlite3.SQLITE_CORRUPT: "restore it from a backup",
    sqlite3.SQLITE_NOTADB: "restore it from a backup",
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room within your quota",
}


@contextmanager
def home_errors(home: Path) -> Iterator[None]:
    """Raise ``Unusable`` for an error of a database or file in ``home``."""
    try:
        yield
    except Exception as error:
        line = trouble_line(error, home)
        if line is None:
            raise
        raise Unusable(line) from None


def trouble_line(error: BaseException, home: Path) -> str | None:
    """The line for an error that a file or database in ``home`` caused; ``None`` for others."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, Unusable):
            return str(cause)
        if isinstance(cause, sqlite3.DatabaseError):
            return _line(home, str(cause), _code(cause))
        if isinstance(cause, OSError) and _lies_in(home, cause):
            reason = f"{cause.strerror}: {cause.filename}" if cause.filename else str(cause)
            return _line(home, reason, cause.errno or 0)
        cause = cause.__cause__ or cause.__context__
    return None


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _lies_in(home: Path, error: OSError) -> bool:
    return isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)


def _line(home: Path, reason: str, code: int) -> str:
    remedy = _REMEDIES.get(code, "fix its permissions")
    return (
        f"DAGSTER_HOME={home} cannot be used ({reason}): {remedy}, or set DAGSTER_HOME to another "
        "directory"
    )
