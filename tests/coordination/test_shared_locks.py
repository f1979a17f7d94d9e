"""Locks over machines: who writes alone does, and no lock outlives whoever held it."""

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
    """Another machine, which waits for no lock longer than a moment."""
    return SharedLocks(Coordination(postgres.url, lock_patience=0.2))


def test_many_write_at_once_but_one_partition_one_at_a_time(
    one: SharedLocks, other: SharedLocks
) -> None:
    with one.changing(alone=False, partition="a"):
        with other.changing(alone=False, partition="b"), other.changing(alone=False):
            pass
        with pytest.raises(CoordinationUnavailable, match=BUSY):
            other.changing(alone=False, partition="a").__enter__()
    with other.changing(alone=False, partition="a"):
        pass


def test_who_works_alone_waits_for_all_and_all_for_him(
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


def test_threads_of_one_process_are_held_apart_too(one: SharedLocks) -> None:
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


def test_a_name_is_one_s_alone_and_who_does_not_wait_is_told(
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


def test_a_killed_machine_holds_nothing(postgres: PostgresDatabase, one: SharedLocks) -> None:
    here, there = multiprocessing.Pipe()
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(postgres.url, there))
    holder.start()
    assert here.recv() == "held"
    holder.kill()
    holder.join()
    with one.changing(alone=True):
        pass


def test_a_lock_that_a_restart_took_is_reported_at_its_end(
    postgres: PostgresDatabase, one: SharedLocks
) -> None:
    with (
        pytest.raises(LockLost, match="another process may have done the same work; run it again"),
        one.changing(alone=True),
    ):
        postgres.server.restart()
    with one.changing(alone=True):
        pass


def test_an_error_of_the_work_is_raised_as_it_is_and_the_lock_is_free(
    one: SharedLocks, other: SharedLocks
) -> None:
    with pytest.raises(ZeroDivisionError), one.changing(alone=True):
        _ = 1 / 0
    with other.changing(alone=True):
        pass
