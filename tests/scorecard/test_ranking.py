"""Shrinkage and Benjamini–Hochberg against their definitions."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.scorecard.ranking import benjamini_hochberg, paule_mandel, pull

channels = st.lists(st.tuples(st.floats(-100, 100), st.floats(0.5, 60)), min_size=1, max_size=25)
p_values = st.lists(st.one_of(st.floats(0, 1), st.floats(0, 0.06)), max_size=20)


def naive(given_p: list[float], level: float) -> list[bool]:
    """Named is what is at most k / m of the level, for a k of which there are at least k such."""
    m = len(given_p)
    return [
        any(
            p <= k / m * level and sum(other <= k / m * level for other in given_p) >= k
            for k in range(1, m + 1)
        )
        for p in given_p
    ]


@given(p_values)
def test_benjamini_hochberg_is_its_definition(given_p: list[float]) -> None:
    assert list(benjamini_hochberg(given_p)) == naive(given_p, 0.05)


@given(p_values)
def test_it_names_what_bonferroni_names_and_nothing_above_the_level(given_p: list[float]) -> None:
    for p, named in zip(given_p, benjamini_hochberg(given_p), strict=True):
        assert named or p > 0.05 / len(given_p)
        assert not named or p <= 0.05


@given(p_values, st.randoms())
def test_the_order_of_the_channels_does_not_matter_to_who_is_named(
    given_p: list[float], shuffle: Random
) -> None:
    places = list(range(len(given_p)))
    shuffle.shuffle(places)
    named = benjamini_hochberg(given_p)
    assert benjamini_hochberg([given_p[place] for place in places]) == tuple(
        named[place] for place in places
    )


@given(channels)
def test_tau_is_the_root_of_paule_and_mandel(found: list[tuple[float, float]]) -> None:
    given_pairs = [(y, se * se) for y, se in found]
    tau2 = paule_mandel(given_pairs)

    def scatter(at: float) -> float:
        w = [1 / (v + at) for _, v in given_pairs]
        mean = sum(a * y for a, (y, _) in zip(w, given_pairs, strict=True)) / sum(w)
        return sum(a * (y - mean) ** 2 for a, (y, _) in zip(w, given_pairs, strict=True))

    if tau2 == 0:
        assert scatter(0) <= len(found) - 1 + 1e-6
    else:
        assert scatter(tau2) == pytest.approx(len(found) - 1, rel=1e-6)


@given(channels)
def test_a_pulled_nps_lies_between_the_average_and_its_own(
    found: list[tuple[float, float]],
) -> None:
    pulled = pull([y for y, _ in found], [se for _, se in found])
    for (y, _), value in zip(found, pulled.values, strict=True):
        low, high = sorted((y, pulled.average))
        assert low - 1e-9 <= value <= high + 1e-9


@given(channels, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_what_is_given(
    found: list[tuple[float, float]], shuffle: Random
) -> None:
    found = list(dict.fromkeys(found))
    shuffled = list(found)
    shuffle.shuffle(shuffled)
    one = pull([y for y, _ in found], [se for _, se in found])
    other = pull([y for y, _ in shuffled], [se for _, se in shuffled])
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-6, abs=1e-6)
    if one.is_ranked and other.is_ranked:
        values = dict(zip(shuffled, other.values, strict=True))
        in_order = [values[found[place]] for place in one.order()]
        assert all(a >= b - 1e-6 for a, b in pairwise(in_order))


def test_equal_channels_keep_the_order_in_which_they_came() -> None:
    pulled = pull([50, 10, 50, -40, 10], [5, 5, 5, 5, 5])
    assert pulled.order() == (0, 2, 1, 4, 3)


def test_where_errors_explain_all_differences_there_is_no_ranking() -> None:
    pulled = pull([20, 24, 17], [10, 12, 11])
    assert pulled.tau2 == 0
    assert not pulled.is_ranked
    assert pulled.order() == (0, 1, 2)
    assert pulled.values == pytest.approx([pulled.average] * 3)


def test_with_equal_errors_tau_is_what_the_variance_of_the_values_exceeds_them_by() -> None:
    values = [60, 30, 0, -10]
    mean = sum(values) / 4
    variance = sum((y - mean) ** 2 for y in values) / 3
    assert pull(values, [5] * 4).tau2 == pytest.approx(variance - 25)


def test_a_few_lucky_answers_do_not_come_first() -> None:
    pulled = pull([55, 35, 10, 18], [28, 6, 6, 9])
    assert pulled.order()[0] == 1


def test_one_channel_or_none_has_no_ranking_and_an_error_of_nought_is_refused() -> None:
    assert not pull([], []).is_ranked
    assert not pull([40], [3]).is_ranked
    with pytest.raises(ValueError, match="above 0"):
        pull([1, 2], [0, 1])
    with pytest.raises(ValueError, match="shorter"):
        pull([1, 2], [1])
    assert math.isfinite(pull([100, -100], [0.5, 0.5]).tau2)
