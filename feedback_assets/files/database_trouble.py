"""Diagnoses SQLite database errors: what is wrong, and the remedy, in words."""

import sqlite3

_WRITABLE = "make it writable for this user"
_HELD = "wait for the process that holds it, or end it"
_DAMAGED = "restore it from a backup"
_REMEDIES = {
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
    sqlite3.SQLITE_PERM: _WRITABLE,
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: "move it to a file system with file locks, such as a local disk",
    sqlite3.SQLITE_IOERR: "check its disk; if it is a network file system, use a local disk",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


def remedy(error: sqlite3.Error) -> str | None:
    """What to do about it; ``None`` if the database is not to blame."""
    if is_damaged(error):
        return _DAMAGED
    return _REMEDIES.get(_code(error))


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault: not a database, or one without its tables."""
    if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return str(error).startswith(("no such table", "no such column"))


def _code(error: sqlite3.Error) -> int:
    # The rest of an extended code gives detail on the same error.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
