"""Connections to the Postgres that several machines share, and waiting while it is away."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    import tenacity
    from psycopg2.extensions import connection as Connection  # noqa: N812

T = TypeVar("T")

_log = logging.getLogger(__name__)
_MOST_IDLE = 8
_LONGEST_WAIT = 2.0
# Otherwise the server keeps the session and locks of a machine that lost power for two hours.
_CONNECT = {
    "application_name": "feedback-assets",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Overrides for an administrator's settings: a lock is held while a partition is written, and
# later reads must see the current state.
_SESSION = """
set default_transaction_isolation = 'read committed';
set idle_in_transaction_session_timeout = 0;
set statement_timeout = 0;
set lock_timeout = {lock_timeout};
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 3;
"""
_FOR_GOOD = ("authentication failed", "does not exist", "pg_hba.conf", "no password supplied")
"""Error texts that waiting does not fix; a server with messages in another language is retried."""


class CoordinationUnavailable(RuntimeError):
    """The shared database cannot be reached or used: where and why, and what to do."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}; {cure}")
        self.what = what
        self.cure = cure


class DriverMissing(CoordinationUnavailable):
    """A shared Postgres is configured, but its driver is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "FEEDBACK_COORDINATION_URL needs psycopg2, which is not installed",
            "run: pip install 'feedback-assets[server]'",
        )


class _Away(Exception):
    """The server does not respond now and may in a moment."""


@dataclass(frozen=True)
class Coordination:
    """One Postgres, by its URL; picklable, safe after ``fork``, for any number of threads.

    ``patience``: seconds to wait for an unavailable server, for example while it restarts.
    ``lock_patience``: seconds to wait for a lock that another process holds. ``account``: whose
    quotas and locks these are; accounts that share a database do not wait for each other.
    """

    url: str = field(repr=False)
    patience: float = 120.0
    lock_patience: float = 300.0
    account: str = ""

    def keyed(self, name: str) -> str:
        """The name of a quota or lock, distinct for each account."""
        return f"{self.account}/{name}" if self.account else name

    @property
    def address(self) -> str:
        """Host, port and database, without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 5432}{parts.path}"

    @property
    def secrets(self) -> set[str]:
        """The parts of the URL to mask."""
        parts = urlsplit(self.url)
        found = {value for name, value in parse_qsl(parts.query) if "pass" in name}
        password = parts.password or ""
        return {self.url} | {word for word in (password, unquote(password), *found) if word}

    def run(self, work: Callable[[Connection], T], stop: threading.Event | None = None) -> T:
        """Return ``work``'s result on a connection, retried if the server went away meanwhile.

        Raises ``CoordinationUnavailable``, immediately if ``stop`` is set during a wait.
        """
        connection, result = self.begin(work, stop)
        self.give_back(connection)
        return result

    def begin(
        self, work: Callable[[Connection], T], stop: threading.Event | None = None
    ) -> tuple[Connection, T]:
        """The same with the connection, which the caller owns until ``give_back``."""
        # Imported here, since a query reads the settings too but does not need tenacity.
        import tenacity

        if find_spec("psycopg2") is None:
            raise DriverMissing
        stop = stop or threading.Event()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Away),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=_LONGEST_WAIT),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(self.patience), tenacity.stop_when_event_set(stop)
            ),
            sleep=tenacity.sleep_using_event(stop),
            before_sleep=self._log_wait,
            reraise=True,
        )
        reason = ""
        try:
            return retrying(self._try_once, work)
        except _Away as error:
            reason = str(error)
        raise self.unavailable(
            f"did not answer for {self.patience:g} s: {reason}",
            "start it, or fix the URL",
        )

    def give_back(self, connection: Connection) -> None:
        """Return an unused connection to the pool; a broken one is dropped."""
        with _state.lock:
            idle = _state.idle.setdefault(self, [])
            if not connection.closed and len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()

    def unavailable(self, what: str, cure: str) -> CoordinationUnavailable:
        """The error with this server's address."""
        return CoordinationUnavailable(
            f"the Postgres of FEEDBACK_COORDINATION_URL ({self.address}) {what}",
            f"{cure}, then run it again",
        )

    def _try_once(self, work: Callable[[Connection], T]) -> tuple[Connection, T]:
        from psycopg2 import Error, InterfaceError, OperationalError
        from psycopg2.errors import InsufficientPrivilege, LockNotAvailable, ReadOnlySqlTransaction

        connection: Connection | None = None
        try:
            connection = self._connection()
            return connection, work(connection)
        except LockNotAvailable:
            failure: Exception = self.unavailable(
                f"did not release a lock held by another process within {self.lock_patience:g} s",
                "find it with: select * from pg_locks join pg_stat_activity using (pid) where "
                "locktype = 'advisory'; wait for it or end it",
            )
        except (OperationalError, InterfaceError, ReadOnlySqlTransaction) as error:
            reason = _message_of(error)
            failure = _Away(reason)
            if connection is None and any(words in reason for words in _FOR_GOOD):
                failure = self.unavailable(
                    f"refuses: {reason}", "fix user, password and database in it"
                )
            self._drop_idle()
        except InsufficientPrivilege as error:
            failure = self.unavailable(
                f"denies a permission: {_message_of(error)}",
                "grant its user the right to create a table there, or create it yourself as "
                "docs/deploy.md says",
            )
        except Error as error:
            failure = self.unavailable(f"failed: {_message_of(error)}", "check its log")
        if connection is not None:
            connection.close()
        # Outside the block, so that the driver's error is not chained.
        raise failure

    def _connection(self) -> Connection:
        import psycopg2

        with _state.lock:
            idle = _state.idle.get(self)
            if idle:
                return idle.pop()
        options: dict[str, Any] = dict(_CONNECT)
        connection: Connection = psycopg2.connect(self.url, **options)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_SESSION.format(lock_timeout=int(self.lock_patience * 1000)))
        return connection

    def _drop_idle(self) -> None:
        """Drop connections made before the server went away."""
        with _state.lock:
            idle = _state.idle.pop(self, [])
        for connection in idle:
            connection.close()

    def _log_wait(self, state: tenacity.RetryCallState) -> None:
        # The first failure may be an idle connection that was closed.
        if state.attempt_number == 3:
            _log.warning(
                "the Postgres of FEEDBACK_COORDINATION_URL (%s) does not answer: waiting for it "
                "for up to %g s",
                self.address,
                self.patience,
            )


@dataclass
class _State:
    """The idle connections of this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: dict[Coordination, list[Connection]] = field(default_factory=dict)


_state = _State()
_of_parents: list[_State] = []


def _reset_after_fork() -> None:
    """A forked child must not use its parent's connections."""
    global _state  # noqa: PLW0603 - one a process
    _of_parents.append(_state)
    _state = _State()


os.register_at_fork(after_in_child=_reset_after_fork)


def _message_of(error: Exception) -> str:
    """The error message on one line: a host with two addresses fails for each separately."""
    return " ".join(str(error).split()) or type(error).__name__
