"""Intervals that count customers: invariants, and what they equal where answers are single."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.reports.statistics import Counts
from feedback_assets.scorecard.intervals import (
    Z95,
    Estimate,
    Sums,
    cost_per_promoter,
    estimate,
    median_ranks,
    money_per_customer,
    p_value,
    rest,
    sums,
    z_between,
)

classes = st.sampled_from([1, 0, -1])
weights = st.floats(0.01, 1)
# A customer's answers as (weight, class).
answers = st.lists(st.tuples(weights, classes), min_size=1, max_size=5)
customers = st.lists(answers, min_size=1, max_size=30)
amounts = st.floats(0, 1e6, allow_subnormal=False).map(lambda amount: round(amount, 2))
buyers = st.lists(st.tuples(st.floats(0.05, 1), amounts), min_size=2, max_size=60)


def pair(given_answers: list[tuple[float, int]]) -> tuple[float, float]:
    return sum(w for w, _ in given_answers), sum(w * x for w, x in given_answers)


@given(st.lists(classes, min_size=1, max_size=200))
def test_with_one_whole_answer_each_the_interval_is_that_of_nps_by_channel(xs: list[int]) -> None:
    found = estimate(sums((1, x) for x in xs))
    assert found
    counts = Counts(len(xs), xs.count(1), xs.count(0), xs.count(-1))
    assert found.interval == pytest.approx(counts.interval)
    assert found.effective_responses == pytest.approx(len(xs))


@given(customers)
def test_an_interval_lies_within_a_hundred_and_holds_its_centre(
    found: list[list[tuple[float, int]]],
) -> None:
    channel = estimate(sums(pair(each) for each in found))
    assert channel
    low, high = channel.interval
    assert -100 <= low <= channel.nps_adjusted <= high <= 100
    assert 1 - 1e-9 <= channel.effective_responses <= len(found) + 1e-9


@given(customers, st.floats(0.01, 100))
def test_weights_have_no_unit(found: list[list[tuple[float, int]]], unit: float) -> None:
    pairs = [pair(each) for each in found]
    one, other = estimate(sums(pairs)), estimate(sums((unit * w, unit * x) for w, x in pairs))
    assert one
    assert other
    assert other.nps_adjusted == pytest.approx(one.nps_adjusted, abs=1e-9)
    assert other.nps_se == pytest.approx(one.nps_se)


@given(customers)
def test_turning_every_answer_round_turns_the_interval_round(
    found: list[list[tuple[float, int]]],
) -> None:
    pairs = [pair(each) for each in found]
    one, other = estimate(sums(pairs)), estimate(sums((w, -x) for w, x in pairs))
    assert one
    assert other
    low, high = one.interval
    assert other.interval == pytest.approx((-high, -low))


@given(st.integers(2, 40), classes)
def test_answers_of_one_customer_that_agree_say_less_than_those_of_many(n: int, x: int) -> None:
    apart = estimate(sums([(1, x)] * n))
    together = estimate(sums([(n, n * x)]))
    assert apart
    assert together
    assert together.nps_se > apart.nps_se
    assert together.effective_responses == 1


def test_without_answers_there_is_no_estimate() -> None:
    assert estimate(Sums()) is None
    assert estimate(sums([])) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), weights, classes), min_size=1, max_size=40)
)
def test_channel_and_rest_add_up_to_all(given_answers: list[tuple[int, bool, float, int]]) -> None:
    channel: dict[str, tuple[float, float]] = {}
    outside: dict[str, tuple[float, float]] = {}
    totals: dict[str, tuple[float, float]] = {}
    for key, inside, weight, x in given_answers:
        for group in (totals, channel if inside else outside):
            w, ux = group.get(str(key), (0.0, 0.0))
            group[str(key)] = (w + weight, ux + weight * x)
    found, direct = rest(channel, totals), sums(outside.values())
    for name in ("w", "x", "ww", "wx", "xx"):
        assert getattr(found, name) == pytest.approx(getattr(direct, name), abs=1e-9)


def test_z_and_p_are_those_of_a_two_sided_test() -> None:
    one, other = Estimate(50, 3, 100), Estimate(40, 4, 100)
    assert z_between(one, other) == 2
    assert z_between(other, one) == -2
    assert p_value(0) == 1
    assert p_value(Z95) == pytest.approx(0.05, abs=1e-4)
    assert p_value(-3) == p_value(3)


@pytest.mark.parametrize("n", [*range(6, 200), 500, 1000, 2000])
def test_the_median_lies_between_its_ranks_95_times_in_100(n: int) -> None:
    ranks = median_ranks(n)
    assert ranks
    low, high = ranks
    assert 1 <= low < high == n + 1 - low
    # Fewer than `low` of n values below the median, or fewer than that above it.
    missed = 2 * sum(math.comb(n, k) for k in range(low)) / 2**n
    assert missed <= 0.05


def test_below_six_values_no_ranks_hold_the_median_often_enough() -> None:
    assert all(median_ranks(n) is None for n in range(6))
    assert 2 / 2**5 > 0.05


@given(buyers)
def test_the_mean_of_money_lies_within_its_interval(found: list[tuple[float, float]]) -> None:
    money = money_per_customer(found)
    assert money
    slack = 1e-6 * max(1, abs(money.mean))
    assert money.low - slack <= money.mean <= money.high + slack
    assert money.mean == pytest.approx(sum(r for _, r in found) / sum(s for s, _ in found))


@given(buyers, st.floats(0.01, 1000))
def test_the_interval_of_money_follows_the_currency(
    found: list[tuple[float, float]], rate: float
) -> None:
    one, other = money_per_customer(found), money_per_customer([(s, r * rate) for s, r in found])
    assert one
    assert other
    near = {"rel": 1e-4, "abs": 1e-4 * max(1, abs(other.mean))}
    assert (other.low, other.high) == pytest.approx((one.low * rate, one.high * rate), **near)


def test_without_skew_the_interval_of_money_is_even_and_with_skew_it_reaches_further_up() -> None:
    even = money_per_customer([(1, 10 + x) for x in range(-5, 6)])
    skewed = money_per_customer([(1, 2.0**x) for x in range(11)])
    assert even
    assert skewed
    assert even.high - even.mean == pytest.approx(even.mean - even.low)
    assert skewed.high - skewed.mean > 1.5 * (skewed.mean - skewed.low)


def test_the_bend_near_no_skew_is_that_of_no_skew() -> None:
    even = [(1.0, 10.0 + x) for x in range(-10, 11)]
    bent = [*even[:-1], (1.0, 20.01)]
    one, other = money_per_customer(even), money_per_customer(bent)
    assert one
    assert other
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_one_buyer_or_no_credit_has_no_interval_and_alike_totals_have_no_width() -> None:
    assert money_per_customer([]) is None
    assert money_per_customer([(1, 10)]) is None
    assert money_per_customer([(0, 0), (0, 0)]) is None
    alike = money_per_customer([(0.5, 7.5), (1, 15), (0.1, 1.5)])
    assert alike
    assert (alike.mean, alike.low, alike.high) == pytest.approx((15, 15, 15))


@given(st.floats(0.01, 1e4), st.floats(0.1, 500), st.floats(0, 500), st.floats(0.5, 1000))
def test_the_cost_of_a_promoter_lies_within_its_interval_or_beside_a_small_sample(
    cost: float, promoters: float, others: float, effective: float
) -> None:
    responses = promoters + others
    found = cost_per_promoter(cost, promoters, responses, effective)
    assert found
    assert cost <= found.low * (1 + 1e-9)
    assert found.low < found.high
    assert found.mean == pytest.approx(cost * responses / promoters)
    # Agresti–Coull moves the share to a half, and may leave the share itself outside at its ends.
    if effective >= 20 and 0.1 <= promoters / responses <= 0.9:
        assert found.low <= found.mean <= found.high


def test_a_promoter_has_no_cost_without_orders_answers_or_promoters() -> None:
    assert cost_per_promoter(None, 5, 10, 10) is None
    assert cost_per_promoter(20, 0, 10, 10) is None
    assert cost_per_promoter(20, 0, 0, 0) is None
    hardly = cost_per_promoter(20, 0.01, 1, 1)
    assert hardly
    assert hardly.high == math.inf
