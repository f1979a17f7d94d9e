"""What the simulations of the scorecard draw, and where they write."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scorecard_statistics import BEGIN, END, kinds, put
from benchmarks.support.simulated_answers import Demo, adjusted_wald, answers, compared, demo
from feedback_assets.reports.statistics import Counts


@pytest.fixture(scope="module")
def world() -> Demo:
    return demo()


def draw() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_older_method_is_the_interval_of_nps_by_channel() -> None:
    centre, variance = adjusted_wald(np.array([20.0]), np.array([9.5]), np.array([4.5]))
    half = 1.96 * np.sqrt(variance)
    interval = Counts(20, 9.5, 6, 4.5).interval
    assert interval == pytest.approx((100 * (centre - half)[0], 100 * (centre + half)[0]))


def test_whole_answers_of_different_customers_are_the_same_to_both_methods(world: Demo) -> None:
    channel, truth = answers(draw(), 50, 30, kinds(world)["whole, one each, 0"], (0.5, 0.2))
    assert truth == pytest.approx(0.3)
    assert (channel.w == 30).all()
    for one, other in zip(channel.by_answer(), channel.by_customer(), strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize("kind", ["whole, 1 to 5, 0.7", "shared, 1 to 5, 0.7"])
def test_what_is_drawn_has_the_nps_and_size_that_it_should(world: Demo, kind: str) -> None:
    channel, truth = answers(draw(), 4000, 30, kinds(world)[kind], (0.55, 0.2))
    assert channel.x.sum() / channel.w.sum() == pytest.approx(truth, abs=0.02)
    assert channel.x == pytest.approx(channel.p - channel.d)
    assert (channel.w <= 30 + 1e-9).all()


def test_who_answers_more_often_moves_the_nps_that_is_sought(world: Demo) -> None:
    often = kinds(world)["whole, promoters more often, 0.7"]
    channel, truth = answers(draw(), 4000, 60, often, (0.55, 0.2))
    assert truth > 0.4
    assert channel.x.sum() / channel.w.sum() == pytest.approx(truth, abs=0.02)


def test_two_answers_of_a_customer_are_as_alike_as_they_should_be(world: Demo) -> None:
    pairs = kinds(world)["whole, 1 to 5, 0.7"]
    pairs = type(pairs)(lambda _, base: np.full(base.shape, 2), pairs.weights, 0.7)
    channel, truth = answers(draw(), 20_000, 2, pairs, (0.5, 0.3))
    scatter = 0.5 + 0.3 - truth**2
    # Var(x₁ + x₂) = 2 σ² (1 + ICC).
    assert channel.x.var() / (2 * scatter) - 1 == pytest.approx(0.7, abs=0.03)


def test_the_demo_has_its_customers_and_every_answer_is_credited_once(world: Demo) -> None:
    sizes = np.bincount(world.customer)
    assert sizes.sum() ** 2 / (sizes**2).sum() == pytest.approx(1000, rel=0.05)
    for credit in world.credit.values():
        assert credit.sum(axis=1) == pytest.approx(np.ones(len(world.customer)))
    assert (world.credit["linear"] > world.credit["first_click"]).any()


def test_without_effects_nothing_differs_and_half_the_channels_are_average(world: Demo) -> None:
    level = compared(draw(), 2, world.without_effects(), "linear")
    assert abs(level.truth).max() < 1e-9
    # Only the share of answers without an order varies between a channel and the rest.
    some = compared(draw(), 2, world.with_half_the_channels_average(), "first_click")
    assert (abs(some.truth[1::2]) < 0.5).all()
    assert (abs(some.truth[::2]) > 2).sum() >= 4


def test_counting_customers_raises_fewer_false_alarms(world: Demo) -> None:
    found = compared(draw(), 150, world.without_effects(), "first_click")
    assert (abs(found.by_customer) > 1.96).mean() < 0.075
    assert (abs(found.by_answer) > 1.96).mean() > 0.085


def test_the_table_is_put_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\\1\n{END}\nafter\n", encoding="utf-8")
    put("new \\1", page)
    put("newer \\1", page)
    assert page.read_text(encoding="utf-8") == (f"before\n{BEGIN}\n\nnewer \\1\n\n{END}\nafter\n")
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(SystemExit, match="lacks"):
        put("new", page)
