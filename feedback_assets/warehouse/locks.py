"""Who writes when: locks between the processes of one machine, or of all that share a Postgres."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from feedback_assets.coordination.shared_locks import LockLost, LockTaken
from feedback_assets.files.locking import Busy, LockFile

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
    """Lock files in a directory that every process which writes the warehouse uses.

    ``warehouse`` tells apart those of several warehouses there; ``variable`` is the setting that
    says where the directory is. Two processes may write one partition at once: a rename makes the
    day one's or the other's.
    """

    directory: Path
    warehouse: str = ""
    variable: str = "FEEDBACK_WAREHOUSE"

    @contextmanager
    def changing(self, *, alone: bool, partition: str = "") -> Iterator[None]:  # noqa: ARG002
        gate = self._open(f"{self.warehouse} gate")
        door = self._open(f"{self.warehouse} door")
        try:
            # Who is to be alone keeps the gate while it waits: without one, writers that overlap
            # all the time are let in past it, since a shared lock need not wait for it.
            gate.take()
            door.take(shared=not alone)
            gate.release()
            yield
        finally:
            door.close()
            gate.close()

    @contextmanager
    def alone_with(self, name: str, *, wait: bool = True) -> Iterator[None]:
        lock = self._open(f"{self.warehouse}/{name}")
        try:
            try:
                lock.take(wait=wait)
            except Busy:
                raise LockTaken(name) from None
            yield
        finally:
            lock.close()

    def _open(self, name: str) -> LockFile:
        digest = hashlib.sha256(name.encode()).hexdigest()[:24]
        return LockFile(self.directory / f"{digest}.lock", self.variable)


def until_held(work: Callable[[], T]) -> T:
    """What ``work`` gives, done again where its lock was lost: it must bear being done twice.

    What was written without the lock may hold somebody who was erased meanwhile; the second time
    the list is read again.
    """
    for _ in range(_TRIES - 1):
        with suppress(LockLost):
            return work()
    return work()
