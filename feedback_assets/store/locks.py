"""Who writes when: locks between the processes of one machine, or of all that share a Postgres."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from feedback_assets.coordination.shared_locks import LockLost, LockTaken

T = TypeVar("T")
_TRIES = 5


class Locks(Protocol):
    """What a writer asks for; nothing of it is to be entered twice by one caller."""

    def changing(self, *, alone: bool, partition: str = "") -> AbstractContextManager[None]:
        """While something is written; ``alone``: while nobody else writes."""

    def alone_with(self, name: str, *, wait: bool = True) -> AbstractContextManager[None]:
        """While nobody else has this name; raises ``LockTaken`` unless it is to ``wait``."""


@dataclass(frozen=True)
class MachineLocks:
    """Files in a private directory, for the warehouse of this name.

    Two processes may write one partition at once: a rename makes the day one's or the other's.
    """

    directory: Path
    warehouse: str

    @contextmanager
    def changing(self, *, alone: bool, partition: str = "") -> Iterator[None]:  # noqa: ARG002
        gate, door = self._open("gate"), self._open("door")
        try:
            # Who is to be alone keeps the gate while it waits: without one, writers that overlap
            # all the time are let in past it, since a shared lock need not wait for it.
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(door, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(gate, fcntl.LOCK_UN)
            yield
        finally:
            os.close(door)
            os.close(gate)

    def _open(self, part: str) -> int:
        return os.open(self._file(f"{self.warehouse} {part}"), os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def alone_with(self, name: str, *, wait: bool = True) -> Iterator[None]:
        # Here, since a query needs none: it takes longer to import than to ask.
        import filelock

        lock = filelock.FileLock(self._file(f"{self.warehouse}/{name}"), mode=0o600)
        taken = False
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except filelock.Timeout:
            taken = True
        if taken:
            raise LockTaken(name)
        try:
            yield
        finally:
            lock.release()

    def _file(self, name: str) -> Path:
        return self.directory / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"


def until_held(work: Callable[[], T]) -> T:
    """What ``work`` gives, done again where its lock was lost: it must bear being done twice.

    What was written without the lock may hold somebody who was erased meanwhile; the second time
    the list is read again.
    """
    for _ in range(_TRIES - 1):
        with suppress(LockLost):
            return work()
    return work()
