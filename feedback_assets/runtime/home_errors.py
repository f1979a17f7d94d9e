"""A ``DAGSTER_HOME`` that is full, read-only or locked, as one line with the remedy."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback_assets.files.database_trouble import remedy
from feedback_assets.files.unusable import Unusable

_ROOM = {errno.ENOSPC: "free space on its disk", errno.EDQUOT: "free space within your quota"}


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
    """The message for an error caused by a file or database in ``home``; ``None`` for others."""
    for cause in _causes(error):
        if isinstance(cause, Unusable):
            return str(cause)
        if isinstance(cause, sqlite3.Error) and (cure := remedy(cause)):
            return _line(home, str(cause), cure)
        if isinstance(cause, OSError) and _lies_in(home, cause):
            cure = _ROOM.get(cause.errno or 0, "make it writable for this user")
            return _line(home, f"{cause.strerror}: {cause.filename}", cure)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _lies_in(home: Path, error: OSError) -> bool:
    return isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)


def _line(home: Path, reason: str, cure: str) -> str:
    return (
        f"DAGSTER_HOME={home} cannot be used ({reason}): {cure}, or set DAGSTER_HOME to another "
        "directory"
    )
