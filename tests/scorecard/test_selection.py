"""Post-stratified NPS and the tipping ratio, against what they are defined by."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feedback_assets.scorecard.selection import Stratum, is_moved, post_stratified, tipping_ratio

counts = st.floats(0.5, 500)
nps = st.floats(-100, 100)


@given(counts, counts, counts, st.floats(-95, 95))
def test_the_tipping_ratio_makes_the_difference_vanish(
    promoters: float, passives: float, detractors: float, rest: float
) -> None:
    k = tipping_ratio(promoters, passives, detractors, rest)
    assert k
    # Who answers k times as readily stands for a k-th as many.
    p, a, d = promoters / k, passives / math.sqrt(k), detractors
    assert 100 * (p - d) / (p + a + d) == pytest.approx(rest, abs=1e-5)


@given(counts, counts, counts, st.floats(-95, 95))
def test_it_is_above_one_where_the_channel_is_above_the_rest(
    promoters: float, passives: float, detractors: float, rest: float
) -> None:
    own = 100 * (promoters - detractors) / (promoters + passives + detractors)
    assume(abs(own - rest) > 1e-6)
    k = tipping_ratio(promoters, passives, detractors, rest)
    assert k
    assert (k > 1) == (own > rest)


@given(counts, counts, counts)
def test_it_is_one_where_nothing_differs(promoters: float, passives: float, d: float) -> None:
    own = 100 * (promoters - d) / (promoters + passives + d)
    assert tipping_ratio(promoters, passives, d, own) == pytest.approx(1)


def test_where_no_readiness_explains_a_difference_there_is_no_ratio() -> None:
    assert tipping_ratio(0, 0, 0, 20) is None
    assert tipping_ratio(0, 5, 5, 20) is None
    assert tipping_ratio(5, 5, 5, 100) is None
    assert tipping_ratio(5, 0, 0, 20) is None


@given(st.lists(st.tuples(counts, st.floats(5, 100), nps), min_size=1, max_size=4))
def test_a_post_stratified_nps_lies_between_those_of_its_strata(
    strata: list[tuple[float, float, float]],
) -> None:
    found = post_stratified([Stratum(*each) for each in strata])
    assert found is not None
    values = [each[2] for each in strata]
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9


@given(counts, counts, nps, nps)
def test_it_stays_where_all_strata_are_answered_alike(
    a: float, b: float, x: float, y: float
) -> None:
    rate = 5.001 / min(a, b)
    found = post_stratified([Stratum(a, rate * a, x), Stratum(b, rate * b, y)])
    assert found == pytest.approx((a * x + b * y) / (a + b), abs=1e-9)


def test_it_takes_five_answered_orders_of_each_stratum() -> None:
    many = Stratum(40, 30, 40)
    assert post_stratified([Stratum(60, 5, -10), many]) == 10
    assert post_stratified([Stratum(60, 4.9, -10), many]) is None
    assert post_stratified([Stratum(60, 5, None), many]) is None
    assert post_stratified([]) is None


def test_it_is_shown_if_it_moves_by_more_than_half_the_half_width() -> None:
    assert is_moved(20, 25.1, (10, 30))
    assert not is_moved(20, 25, (10, 30))
    assert is_moved(20, 14, (10, 30))
