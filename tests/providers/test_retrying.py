"""How long to wait: every notation, capped, and patience that grows without a hint."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from feedback_assets.http.retrying import RetryPolicy, retry_after_of, seconds_until

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        ("1.5", 1.5),
        (" 7 ", 7),
        ("0", 0),
        ("-5", 0),
        (str(int(NOW) + 20), 20),
        (f"{NOW + 20.5}", 20.5),
        (str(int(NOW * 1000) + 20_000), 20),
        (str(int(NOW) - 20), 0),
        (formatdate(NOW + 20, usegmt=True), 20),
        ("2026-09-21T14:13:40Z", 20),
        ("2026-09-21T16:13:40+02:00", 20),
        ("2026-09-21T14:13:40", 20),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_every_notation_of_a_moment_is_read(value, seconds):
    assert seconds_until(value, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_retry_after_goes_before_the_reset_of_the_quota():
    assert retry_after_of(429, {"retry-after": "3", "x-ratelimit-reset": "9"}) == 3


def test_the_reset_of_the_quota_counts_only_where_the_quota_is_what_failed():
    assert retry_after_of(429, {"x-ratelimit-reset": "9"}) == 9
    assert retry_after_of(500, {"x-ratelimit-reset": "9", "x-ratelimit-remaining": "5"}) is None
    assert retry_after_of(503, {"x-ratelimit-reset": "9", "x-ratelimit-remaining": "0"}) == 9


def test_a_moment_is_meant_by_the_clock_of_the_server():
    ahead = time.time() + 7200
    headers = {"date": formatdate(ahead, usegmt=True), "x-ratelimit-reset": str(int(ahead) + 30)}
    assert retry_after_of(429, headers) == pytest.approx(30, abs=1.1)


def test_waits_grow_are_capped_and_differ():
    policy = RetryPolicy()
    waits = [policy.wait(attempt, None) for attempt in range(1, 9)]
    assert all(0.5 <= wait <= 30 for wait in waits)
    assert waits[4] > waits[0]
    assert waits[7] <= 30
    assert policy.wait(1, 9999) == 120
    assert policy.wait(1, 0) > 0
    assert len({policy.wait(3, None) for _ in range(9)}) > 1
    assert RetryPolicy(factor=0).wait(3, 60) == 0
