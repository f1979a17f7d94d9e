"""A quota across threads and processes: never over the limit, barely under it."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import sqlite3
import stat
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from feedback_assets.files.unusable import Unusable
from feedback_assets.http.quota import SHARE, Allowance, Quota, QuotaClosedError
from tests.taken import fastest_quartile, most_in_any_window, watch


def kept(allowance):
    """Requests and seconds of the enforced window, slightly stricter than the limit."""
    rate = allowance.rate()
    return rate.limit, rate.interval / 1000


def take_some(quota, requests, start, queue):
    notes = watch(quota)
    start.wait()
    for _ in range(requests):
        quota.acquire()
    queue.put(notes.taken)


@pytest.mark.slow
def test_four_processes_on_an_empty_directory_use_the_quota_and_never_exceed_it(tmp_path):
    allowance = Allowance(60, 1.2)
    requests, window = kept(allowance)
    context = multiprocessing.get_context("spawn")
    quota = Quota("shared", allowance, kept_in=tmp_path / "home" / "quota")
    start, queue = context.Barrier(4, timeout=100), context.Queue()
    workers = [
        context.Process(target=take_some, args=(quota, requests, start, queue)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    taken = [one for _ in workers for one in queue.get(timeout=120)]
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(taken) == 4 * requests
    assert most_in_any_window(taken, allowance.seconds) <= allowance.requests
    assert fastest_quartile(taken, requests) < 1.05 * window
    assert stat.S_IMODE((tmp_path / "home" / "quota").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "quota" / "shared.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("shared", [True, False])
def test_threads_share_one_quota(tmp_path, shared):
    allowance = Allowance(20, 0.5)
    quota = Quota("t", allowance, kept_in=tmp_path if shared else None)
    notes = watch(quota)

    def take():
        for _ in range(8):
            quota.acquire()

    threads = [threading.Thread(target=take) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most_in_any_window(notes.taken, allowance.seconds) <= allowance.requests
    requests, window = kept(allowance)
    assert fastest_quartile(notes.taken, requests) < 1.1 * window


def test_several_rate_limits_apply_at_once():
    quota = Quota("thanx", Allowance(5, 0.1), Allowance(12, 0.6))
    notes = watch(quota)
    for _ in range(24):
        quota.acquire()
    assert most_in_any_window(notes.taken, 0.1) <= 5
    assert most_in_any_window(notes.taken, 0.6) <= 12


@pytest.mark.parametrize(("limit", "seconds"), [(120, 60), (60, 60), (2000, 900), (5, 1), (1, 60)])
def test_the_rate_stays_within_a_few_per_cent_below_the_limit(limit, seconds):
    rate = Allowance(limit, seconds).rate()
    assert rate.limit <= limit
    assert rate.interval >= seconds * 1000
    share = (rate.limit / rate.interval) / (limit / (seconds * 1000))
    assert SHARE - 0.01 < share <= 0.97


def test_a_wait_ends_on_time_without_busy_polling(tmp_path):
    quota = Quota("exact", Allowance(1, 0.5), kept_in=tmp_path)
    notes = watch(quota)
    quota.acquire()
    for _ in range(4):
        quota.acquire()
    assert most_in_any_window(notes.taken, 0.5) == 1
    # The fastest of four waits, because the machine may be busy.
    between = [later.seen - one.asked for one, later in pairwise(notes.taken)]
    assert min(between) < 0.56
    # Once for the wait time, once after it, and once more if the clock is coarse.
    assert notes.refused <= 2 * 4


def test_closing_ends_a_wait():
    quota = Quota("closed", Allowance(1, 60))
    quota.acquire()
    raised = []

    def wait():
        try:
            quota.acquire()
        except QuotaClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    quota.close()
    thread.join(30)
    assert raised


def test_a_copy_shares_the_file(tmp_path):
    quota = Quota("copied", Allowance(2, 3600), kept_in=tmp_path)
    copy = pickle.loads(pickle.dumps(quota))
    quota.acquire()
    copy.acquire()
    for each in (quota, copy):
        _, wait = each._take(forget=0.0)
        assert wait is not None


def test_a_clock_set_back_does_not_block_for_hours(tmp_path, monkeypatch):
    quota = Quota("clock", Allowance(1, 0.2), kept_in=tmp_path)
    real = time.time_ns
    monkeypatch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", lambda: real() + 10**13)
    quota.acquire()
    monkeypatch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", real)
    assert quota.acquire() < 60


def test_no_quota_never_waits():
    assert Quota("free").acquire() == 0.0
    with pytest.raises(ValueError, match="allows nothing"):
        Allowance(0, 60)


def no_database(path):
    path.write_bytes(b"not a database, but longer than the header of one" * 50)


def a_page_overwritten(path):
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(b"")


def another_table(path):
    with sqlite3.connect(path) as connection:
        connection.execute("alter table rate_bucket rename column item_timestamp to other")
    connection.close()


@pytest.mark.parametrize("spoil", [no_database, a_page_overwritten, truncate, another_table])
def test_a_damaged_file_is_rebuilt_with_its_quota_used_up(tmp_path, spoil):
    allowance = Allowance(20, 0.5)
    before = Quota("t", allowance, kept_in=tmp_path)
    for _ in range(5):
        before.acquire()
    before.close()
    for beside in tmp_path.glob("*-*"):
        beside.unlink()
    spoil(tmp_path / "t.sqlite")
    quota = Quota("t", allowance, kept_in=tmp_path)
    assert quota.acquire() >= allowance.seconds
    assert quota.acquire() < allowance.seconds
    assert {file.name for file in tmp_path.iterdir()} <= {
        "t.sqlite",
        "t.sqlite.lock",
        "t.sqlite-wal",
        "t.sqlite-shm",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("spoil", [no_database, truncate, lambda path: path.unlink()])
def test_a_process_with_the_file_open_continues_with_the_rebuilt_file(tmp_path, spoil):
    allowance = Allowance(20, 0.5)
    quotas = [Quota("t", allowance, kept_in=tmp_path) for _ in range(2)]
    for quota in quotas:
        quota.acquire()
    # The replaced file has another inode, like a restored backup.
    draft = tmp_path / "draft"
    draft.write_bytes(b"")
    draft.replace(tmp_path / "t.sqlite")
    spoil(tmp_path / "t.sqlite")
    notes = [watch(quota) for quota in quotas]
    for _ in range(15):
        for quota in quotas:
            quota.acquire()
    taken = [one for note in notes for one in note.taken]
    assert most_in_any_window(taken, allowance.seconds) <= allowance.requests


def test_an_unusable_file_is_reported_in_one_line():
    with pytest.raises(Unusable, match=r"^/proc/quota/t.sqlite.*DAGSTER_HOME") as caught:
        Quota("t", Allowance(20, 0.5), kept_in=Path("/proc/quota")).acquire()
    assert "\n" not in str(caught.value)


@pytest.mark.slow  # Waits the full timeout for another program.
def test_a_locked_file_is_reported_in_one_line(tmp_path):
    Quota("t", Allowance(20, 0.5), kept_in=tmp_path).acquire()
    with contextlib.closing(sqlite3.connect(tmp_path / "t.sqlite", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(Unusable, match=r"database is locked.*wait for the process that holds"):
            Quota("t", Allowance(20, 0.5), kept_in=tmp_path).acquire()
