"""Intervals and tests against the formulas of docs/methods.md, and by simulation."""

import math
import random

import pytest

from feedback_assets.reports.statistics import Counts, nps_difference, rate_difference


def test_the_interval_of_two_promoters_matches_the_worked_example() -> None:
    low, high = Counts(2, 2, 0, 0).interval or (0, 0)
    assert (round(low, 1), round(high, 1)) == (-24.4, 100)
    low, high = Counts(1, 0, 0, 1).interval or (0, 0)
    assert (round(low, 1), round(high, 1)) == (-98.5, 48.5)


def test_without_answers_there_is_no_nps_interval_or_difference() -> None:
    assert Counts().nps is None
    assert Counts().interval is None
    assert nps_difference(Counts(), Counts(10, 5, 2, 3)) is None
    assert rate_difference(0, 0, 3, 10) is None


def test_a_difference_is_symmetric() -> None:
    now, before = Counts(200, 120, 40, 40), Counts(180, 80, 50, 50)
    there, back = nps_difference(now, before), nps_difference(before, now)
    assert there
    assert back
    assert there.points == pytest.approx(-back.points)
    assert there.p == back.p
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_an_interval_excludes_zero_exactly_if_p_is_below_five_per_cent() -> None:
    draw = random.Random(3)
    for _ in range(500):
        pair = []
        for _ in range(2):
            parts = [draw.randrange(60) for _ in range(3)]
            pair.append(Counts(sum(parts), *parts))
        difference = nps_difference(*pair)
        if difference is None or abs(difference.p - 0.05) < 1e-4:
            continue
        assert (difference.p < 0.05) == (difference.low > 0 or difference.high < 0)


def test_a_handful_of_answers_that_agree_proves_nothing() -> None:
    difference = nps_difference(Counts(2, 2, 0, 0), Counts(2, 0, 0, 2))
    assert difference is not None
    assert difference.points == 200
    assert not difference.beyond_chance()


def test_without_a_difference_the_test_raises_one_false_alarm_in_twenty() -> None:
    draw = random.Random(5)

    def asked(n: int) -> Counts:
        found = draw.choices((0, 1, 2), (0.5, 0.2, 0.3), k=n)
        return Counts(n, found.count(0), found.count(1), found.count(2))

    tries = 2000
    wolves = sum(
        difference.beyond_chance()
        for difference in (nps_difference(asked(80), asked(120)) for _ in range(tries))
        if difference
    )
    # Three standard errors around 5 %.
    assert abs(wolves / tries - 0.05) < 3 * math.sqrt(0.05 * 0.95 / tries)


def test_a_rate_does_not_differ_from_itself() -> None:
    difference = rate_difference(30, 100, 30, 100)
    assert difference is not None
    assert difference.points == 0
    assert difference.p == 1
    assert difference.low == pytest.approx(-difference.high)
