"""Locks across machines: Postgres advisory locks, which are released when their holder is gone.

They belong to the database, not to a path: two machines may mount one warehouse at different paths.
Each is held by a transaction, so a connection pooler in between does no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedback_assets.coordination.database import Coordination, CoordinationUnavailable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_KEY = "hashtextextended('feedback_assets lock ' || %s, 0)"
_SHARED = f"select pg_advisory_xact_lock_shared({_KEY})"
_ALONE = f"select pg_advisory_xact_lock({_KEY})"
_ALONE_AT_ONCE = f"select pg_try_advisory_xact_lock({_KEY})"
_EVERYTHING = "everything"


class LockLost(CoordinationUnavailable):
    """The server went away while a lock was held: another process may have worked concurrently."""


class LockTaken(Exception):
    """Another process holds the lock."""


@dataclass(frozen=True)
class SharedLocks:
    """The locks of all machines that share one Postgres.

    Every ``with`` raises ``CoordinationUnavailable`` if the server is away for long, and at its end
    ``LockLost`` if it went away in between.
    """

    coordination: Coordination

    @contextmanager
    def changing(self, *, alone: bool, partitions: Collection[str] = ()) -> Iterator[None]:
        """Hold while writing; with ``alone``, while no other process on any machine writes.

        Without ``alone``, no other process writes these partitions.
        """
        if alone:
            steps = [(_ALONE, _EVERYTHING)]
        else:
            # In the same order everywhere, so that no two processes wait for each other.
            steps = [(_SHARED, _EVERYTHING), *((_ALONE, name) for name in sorted(partitions))]
        with self._held(steps):
            yield

    @contextmanager
    def alone_with(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold this name exclusively; raises ``LockTaken`` without ``wait``."""
        with self._held([(_ALONE if wait else _ALONE_AT_ONCE, name)]):
            yield

    @contextmanager
    def _held(self, steps: list[tuple[str, str]]) -> Iterator[None]:
        sql = "; ".join(["begin", *(step for step, _ in steps)])
        names = [self.coordination.keyed(name) for _, name in steps]

        def lock(connection: Connection) -> bool:
            with connection.cursor() as cursor:
                cursor.execute(sql, names)
                (got,) = cursor.fetchone() or (None,)
            return got is not False

        connection, got = self.coordination.begin(lock)
        done = False
        try:
            if not got:
                raise LockTaken(steps[-1][1])
            yield
            done = True
        finally:
            held_to_the_end = self._commit(connection)
        if done and not held_to_the_end:
            raise LockLost(
                f"the Postgres of FEEDBACK_COORDINATION_URL ({self.coordination.address}) went "
                "away while a lock was held, and another process may have done the same work",
                "run it again",
            )

    def _commit(self, connection: Connection) -> bool:
        from psycopg2 import Error

        try:
            with connection.cursor() as cursor:
                cursor.execute("commit")
        except Error:
            connection.close()
            return False
        self.coordination.give_back(connection)
        return True
