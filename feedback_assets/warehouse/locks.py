"""Write locks between the processes of one machine, or of all machines that share a Postgres."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from feedback_assets.coordination.shared_locks import LockLost, LockTaken, SharedLocks
from feedback_assets.files.locking import Busy, LockFile

T = TypeVar("T")
_TRIES = 5
_BUILDING = "derived tables"
_LONGEST_BUILD_SECONDS = 12 * 3600.0


class Locks(Protocol):
    """The locks that a writer takes; not reentrant."""

    def changing(
        self, *, alone: bool, partitions: Collection[str] = ()
    ) -> AbstractContextManager[None]:
        """Hold while writing; with ``alone``, while no other process writes."""

    def alone_with(self, name: str, *, wait: bool = True) -> AbstractContextManager[None]:
        """Hold this name exclusively; raises ``LockTaken`` without ``wait``."""


@dataclass(frozen=True)
class MachineLocks:
    """Lock files in a directory that every process which writes the warehouse uses.

    ``warehouse`` distinguishes several warehouses in one directory; ``variable`` is the setting for
    the directory. Two processes may write one partition at once: the rename decides which one wins.
    """

    directory: Path
    warehouse: str = ""
    variable: str = "FEEDBACK_WAREHOUSE"

    @contextmanager
    def changing(self, *, alone: bool, partitions: Collection[str] = ()) -> Iterator[None]:  # noqa: ARG002
        gate = self._open(f"{self.warehouse} gate")
        door = self._open(f"{self.warehouse} door")
        try:
            # An exclusive writer holds the gate while it waits. Without the gate, overlapping
            # writers would pass it continuously, since a shared lock need not wait for it.
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


@contextmanager
def hold_while_building(locks: Locks, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the derived tables; raises ``LockTaken`` without ``wait``.

    A build may take hours, so another one waits for as long as a run may take. A lost lock is no
    error: each partition was replaced atomically, and its record names the inputs that were read.
    """
    if isinstance(locks, SharedLocks):
        locks = SharedLocks(replace(locks.coordination, lock_patience=_LONGEST_BUILD_SECONDS))
    done = False
    try:
        with locks.alone_with(_BUILDING, wait=wait):
            yield
            done = True
    except LockLost:
        if not done:
            raise


def until_held(work: Callable[[], T]) -> T:
    """Return the result of ``work``, run again if its lock was lost: it must be safe to run twice.

    Data written without the lock may contain a person erased in the meantime; the second run reads
    the list again.
    """
    for _ in range(_TRIES - 1):
        with suppress(LockLost):
            return work()
    return work()
