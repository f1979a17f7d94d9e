"""Locks across machines: exclusive access is exclusive, and no lock outlives its owner."""

import multiprocessing
import threading
from typing import Any

import pytest

from feedback_assets.coordination.database import Coordination, CoordinationUnavailable
from feedback_assets.coordination.shared_locks import LockLost, LockTaken, SharedLocks
from tests.servers.postgres import PostgresDatabase

pytestmark = pytest.mark.slow
BUSY = "did not release a lock held by another process within 0.2 s"


@pytest.fixture
def one(postgres: PostgresDatabase) -> SharedLocks:
    return SharedLocks(Coordination(postgres.url))


@pytest.fixture
def other(postgres: PostgresDatabase) -> SharedLocks:
    """Another machine, which waits only briefly for a lock."""
    return SharedLocks(Coordination(postgres.url, lock_patience=0.2))


def test_writers_run_concurrently_but_one_at_a_time_for_each_partition(
    one: SharedLocks, other: SharedLocks
) -> None:
    with one.changing(alone=False, partitions=["a"]):
        with other.changing(alone=False, partitions=["b"]), other.changing(alone=False):
            pass
        with pytest.raises(CoordinationUnavailable, match=BUSY):
            other.changing(alone=False, partitions=["a"]).__enter__()
    with other.changing(alone=False, partitions=["a"]):
        pass


def test_exclusive_work_waits_for_all_writers_and_blocks_them(
    one: SharedLocks, other: SharedLocks
) -> None:
    with (
        one.changing(alone=False),
        pytest.raises(CoordinationUnavailable, match=r"select \* from pg_locks"),
        other.changing(alone=True),
    ):
        pass
    with one.changing(alone=True):
        for alone in (True, False):
            with pytest.raises(CoordinationUnavailable, match=BUSY):
                other.changing(alone=alone).__enter__()
    with other.changing(alone=True):
        pass


def test_threads_of_one_process_exclude_each_other_too(one: SharedLocks) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(20):
            with one.changing(alone=True):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most == [1]


def test_a_named_lock_has_one_owner_and_a_non_waiting_caller_is_refused(
    one: SharedLocks, other: SharedLocks
) -> None:
    with one.alone_with("links"):
        with pytest.raises(LockTaken):
            other.alone_with("links", wait=False).__enter__()
        with other.alone_with("others", wait=False):
            pass
    with other.alone_with("links", wait=False):
        pass


def hold(url: str, pipe: Any) -> None:
    with SharedLocks(Coordination(url)).changing(alone=True):
        pipe.send("held")
        threading.Event().wait()


def test_a_killed_machine_releases_its_locks(postgres: PostgresDatabase, one: SharedLocks) -> None:
    here, there = multiprocessing.Pipe()
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(postgres.url, there))
    holder.start()
    assert here.recv() == "held"
    holder.kill()
    holder.join()
    with one.changing(alone=True):
        pass


def test_a_lock_lost_in_a_restart_is_reported_on_release(
    postgres: PostgresDatabase, one: SharedLocks
) -> None:
    with (
        pytest.raises(LockLost, match="another process may have done the same work; run it again"),
        one.changing(alone=True),
    ):
        postgres.server.restart()
    with one.changing(alone=True):
        pass


def test_an_error_inside_the_lock_is_raised_unchanged_and_frees_the_lock(
    one: SharedLocks, other: SharedLocks
) -> None:
    with pytest.raises(ZeroDivisionError), one.changing(alone=True):
        _ = 1 / 0
    with other.changing(alone=True):
        pass
