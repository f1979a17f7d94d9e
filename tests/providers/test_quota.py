"""A quota holds over threads and processes: never over the limit, hardly under it."""

from __future__ import annotations

import multiprocessing
import pickle
import stat
import threading
import time

import pytest

from feedback_assets.providers.quota import SHARE, Allowance, Quota, QuotaClosedError


def most_in_any_window(moments, seconds):
    moments = sorted(moments)
    return max(
        sum(1 for later in moments[i:] if later < moment + seconds)
        for i, moment in enumerate(moments)
    )


def take_for(quota, seconds, start, queue):
    start.wait()
    ends, taken = time.time() + seconds, []
    while time.time() < ends:
        quota.acquire()
        taken.append(time.time())
    queue.put(taken)


def test_four_processes_on_an_empty_directory_never_exceed_the_quota_and_use_it(tmp_path):
    limit, window, seconds = 60, 1.2, 5.0
    context = multiprocessing.get_context("spawn")
    quota = Quota("shared", Allowance(limit, window), kept_in=tmp_path / "home" / "quota")
    start, queue = context.Event(), context.Queue()
    workers = [
        context.Process(target=take_for, args=(quota, seconds, start, queue)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    time.sleep(1)
    start.set()
    moments = [moment for _ in workers for moment in queue.get(timeout=30)]
    for worker in workers:
        worker.join(10)
        assert worker.exitcode == 0
    assert most_in_any_window(moments, window) <= limit
    first = min(moments)
    used = [m for m in moments if first <= m < first + 4 * window * 0.99]
    assert len(used) >= 0.95 * limit * 3.96
    assert stat.S_IMODE((tmp_path / "home" / "quota").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "quota" / "shared.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("shared", [True, False])
def test_threads_share_one_quota(tmp_path, shared):
    quota = Quota("t", Allowance(20, 0.5), kept_in=tmp_path if shared else None)
    moments: list[float] = []

    def take():
        for _ in range(8):
            quota.acquire()
            moments.append(time.time())

    threads = [threading.Thread(target=take) for _ in range(8)]
    began = time.monotonic()
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most_in_any_window(moments, 0.5) <= 20
    assert time.monotonic() - began < 2.2


def test_several_allowances_hold_at_once():
    quota = Quota("thanx", Allowance(5, 0.1), Allowance(12, 0.6))
    moments = []
    for _ in range(24):
        quota.acquire()
        moments.append(time.time())
    assert most_in_any_window(moments, 0.1) <= 5
    assert most_in_any_window(moments, 0.6) <= 12


@pytest.mark.parametrize(("limit", "seconds"), [(120, 60), (60, 60), (2000, 900), (5, 1), (1, 60)])
def test_what_is_kept_is_a_few_per_cent_under_the_limit_and_no_more(limit, seconds):
    rate = Allowance(limit, seconds).rate()
    assert rate.limit <= limit
    assert rate.interval >= seconds * 1000
    share = (rate.limit / rate.interval) / (limit / (seconds * 1000))
    assert SHARE - 0.01 < share <= 0.97


def test_a_wait_is_picked_up_to_the_moment_and_without_busy_polling(tmp_path):
    quota = Quota("exact", Allowance(1, 1), kept_in=tmp_path)
    quota.acquire()
    worked, began = time.process_time(), time.monotonic()
    quota.acquire()
    assert 0.98 <= time.monotonic() - began < 1.12
    assert time.process_time() - worked < 0.1


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
    thread.join(2)
    assert raised


def test_a_copy_shares_the_file(tmp_path):
    quota = Quota("copied", Allowance(2, 1), kept_in=tmp_path)
    copy = pickle.loads(pickle.dumps(quota))
    quota.acquire()
    copy.acquire()
    assert quota.acquire() > 0.8


def test_a_clock_that_was_turned_back_does_not_block_for_hours(tmp_path, monkeypatch):
    quota = Quota("clock", Allowance(1, 0.2), kept_in=tmp_path)
    real = time.time_ns
    monkeypatch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", lambda: real() + 10**13)
    quota.acquire()
    monkeypatch.setattr("pyrate_limiter.buckets.sqlite_bucket.time_ns", real)
    assert quota.acquire() < 2


def test_no_quota_never_waits():
    assert Quota("free").acquire() == 0.0
    with pytest.raises(ValueError, match="allows nothing"):
        Allowance(0, 60)
