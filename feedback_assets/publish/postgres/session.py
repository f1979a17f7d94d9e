"""A transaction on the published Postgres through ADBC, and its errors with remedies."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from feedback_assets.publish.postgres.shape import quoted
from feedback_assets.publish.trouble import PublishTrouble

SETTING = "FEEDBACK_PUBLISH_POSTGRES_URL"
_CONNECT = {
    "application_name": "feedback-assets",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Overrides of the server's defaults: a first publication may take minutes.
_SESSION = (
    "set transaction isolation level read committed",
    "set local statement_timeout = 0",
    "set local idle_in_transaction_session_timeout = 0",
    "set local timezone = 'UTC'",
)
_REFUSES = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied")
_PASSING = ("08", "57P", "40")
_FULL, _LOCKED = "53", "55P03"
_UNCHANGED = "Nothing was published; its tables are unchanged."
_PUBLISHED = "Its tables are up to date, but may still keep deleted rows."
_DEPENDENT = "2BP01"
_CURES = {
    "42501": (
        "denies a permission",
        "let its user create schemas, or make that user owner of the schema and its tables",
    ),
    "25006": ("is read-only", "use the address of the primary server"),
    _LOCKED: (
        "did not release a lock held by another session",
        "wait for the query that holds it, or end that query (see pg_locks and pg_stat_activity)",
    ),
    "42P07": (
        "has an object of a published name that feedback-assets did not create",
        "rename or drop it",
    ),
    _DEPENDENT: (
        "has views that depend on what would be dropped",
        "drop these views, and create them again after the publication",
    ),
}
"""What happened and what to do, by SQLSTATE."""
# A null, a duplicate, or a value too long for an index.
_DOES_NOT_FIT = frozenset({"23502", "23505", "54000"})


class DoesNotFit(Exception):
    """Rows break a constraint of the table that they are copied into."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


def address_of(url: str) -> str:
    """Host, port and database, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


@dataclass(frozen=True)
class Session:
    """An open transaction; it is rolled back unless committed.

    ``after_failure``: what an error says about the tables.
    """

    connection: Any
    cursor: Any
    address: str
    after_failure: str = _UNCHANGED

    def run(self, *statements: str) -> None:
        """Execute statements that return nothing."""
        for statement in statements:
            with explained(self.address, self.after_failure):
                self.cursor.execute(statement)

    def run_together(self, statements: Iterable[str]) -> None:
        """Execute data definition statements in one round trip."""
        body = "".join(f"{statement}; " for statement in statements)
        if body:
            self.run(f"do $together$ begin {body} end $together$")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with explained(self.address, self.after_failure):
            self.cursor.execute(query)
            found = self.cursor.fetch_arrow_table()
        # Not fetchall, which takes five times as long for thousands of rows.
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def copy(
        self,
        name: str,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        *,
        into: str | None,
    ) -> None:
        """Append ``batches`` to a table in the schema ``into``, or to a temporary table if None.

        Raises ``DoesNotFit``; an error of the iterator itself is raised unchanged.
        """
        from adbc_driver_manager import Error

        raised: list[Exception] = []

        def guarded() -> Iterator[pa.RecordBatch]:
            # ADBC reports only the text of the error.
            try:
                yield from batches
            except Exception as error:
                raised.append(error)
                raise

        reader = pa.RecordBatchReader.from_batches(schema, guarded())
        place: dict[str, Any] = {"temporary": True} if into is None else {"db_schema_name": into}
        failure: Exception
        try:
            self.cursor.adbc_ingest(name, reader, mode="append", **place)
        except Error as error:
            failure = raised[0] if raised else _misfit_or_trouble(error, name, self.address)
        else:
            return
        raise failure

    def insert(self, name: str, statement: str) -> None:
        """Execute an ``insert`` into the table ``name``; raises ``DoesNotFit``."""
        from adbc_driver_manager import Error

        failure: Exception
        try:
            self.cursor.execute(statement)
        except Error as error:
            failure = _misfit_or_trouble(error, name, self.address)
        else:
            return
        raise failure

    def commit(self) -> None:
        with explained(self.address):
            self.connection.commit()


@contextmanager
def transaction(url: str, schema: str) -> Iterator[Session]:
    """Connect and begin; names without a schema refer to ``schema``.

    Raises ``PublishTrouble`` if the server cannot be used.
    """
    with _connection(url, autocommit=False) as session:
        session.run(*_SESSION, f"set local search_path = {quoted(schema)}")
        yield session


@contextmanager
def outside_transactions(url: str) -> Iterator[Session]:
    """A connection after a publication, on which each statement is its own transaction."""
    with _connection(url, autocommit=True) as session:
        yield session


@contextmanager
def _connection(url: str, *, autocommit: bool) -> Iterator[Session]:
    if find_spec("adbc_driver_postgresql") is None:
        raise PublishTrouble(
            f"{SETTING} needs the package adbc-driver-postgresql, which is not installed; run: "
            "pip install 'feedback-assets[postgres]'"
        )
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    address, after = address_of(url), _PUBLISHED if autocommit else _UNCHANGED
    with explained(address, after):
        connection = dbapi.connect(_with_options(url), autocommit=autocommit)
    try:
        cursor = connection.cursor()
        try:
            yield Session(connection, cursor, address, after)
        finally:
            _quietly(cursor.close, Error)
            if not autocommit:
                _quietly(connection.rollback, Error)
    finally:
        _quietly(connection.close, Error)


def _quietly(close: Any, error: type[Exception]) -> None:
    """Close what may already be broken; the first error is the one to report."""
    try:
        close()
    except error:
        return


def _with_options(url: str) -> str:
    given = parse_qs(urlsplit(url).query)
    added = "&".join(f"{name}={value}" for name, value in _CONNECT.items() if name not in given)
    return f"{url}{'&' if urlsplit(url).query else '?'}{added}"


@contextmanager
def explained(address: str, after: str = _UNCHANGED) -> Iterator[None]:
    """Convert errors of the driver to ``PublishTrouble``."""
    from adbc_driver_manager import Error

    try:
        yield
    except Error as error:
        failure = trouble(error, address, after)
    else:
        return
    # Outside the block, so that the driver's error, which may quote a row, is not chained.
    raise failure


def _misfit_or_trouble(error: Any, name: str, address: str) -> Exception:
    return DoesNotFit(name) if error.sqlstate in _DOES_NOT_FIT else trouble(error, address)


def trouble(error: Any, address: str, after: str = _UNCHANGED) -> PublishTrouble:
    """The driver's error as one line, without data from rows."""
    state, text = error.sqlstate or "", str(error)
    reason = f"{_reason(text)}{_detail(text)}" if state == _DEPENDENT else _reason(text)
    what, cure, transient = _explanation(state, reason)
    return PublishTrouble(
        f"the Postgres of {SETTING} ({address}) {what}. {after} What to do: {cure}, then publish "
        "again.",
        transient=transient,
    )


def _explanation(state: str, reason: str) -> tuple[str, str, bool]:
    """What happened, what to do, and whether the same publication may succeed in a minute."""
    if not state:
        if any(words in reason for words in _REFUSES):
            return f"refuses: {reason}", "fix user, password and database in it", False
        return f"cannot be reached: {reason}", "start it, or fix the URL", True
    if state in _CURES:
        what, cure = _CURES[state]
        return f"{what}: {reason}", cure, state == _LOCKED
    if state.startswith(_FULL):
        return f"is out of resources: {reason}", "free disk space or connections", False
    return f"failed ({state}): {reason}", "check its log", state.startswith(_PASSING)


def _detail(text: str) -> str:
    """The names of the objects in the server's detail, which has no rows."""
    found = re.search(r"DETAIL:\s*(.*)", text)
    return f" ({found[1].strip().rstrip('.')})" if found else ""


def _reason(text: str) -> str:
    """The server's own message, without the statement and the row."""
    found = re.search(r"(?:ERROR|FATAL|PANIC):\s*(.*)", text)
    words = found[1] if found else text.rsplit("[libpq]", maxsplit=1)[-1].splitlines()[0]
    return " ".join(words.split()).rstrip(".")
