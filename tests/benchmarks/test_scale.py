"""The curve that benchmarks.scale fits to its measurements."""

import pytest

from benchmarks.scale import fit


def test_the_fit_finds_exponent_and_factor_of_a_power_law() -> None:
    line = fit([1, 2, 4, 8], [3, 12, 48, 192])
    assert (line.exponent, line.factor, line.r2) == pytest.approx((2, 3, 1))
    assert line.at(10) == pytest.approx(300)


def test_constant_measurements_have_exponent_zero() -> None:
    line = fit([1, 10, 100], [7, 7, 7])
    assert line.exponent == pytest.approx(0, abs=1e-9)


def test_points_off_the_line_lower_the_explained_variance() -> None:
    assert fit([1, 2, 4, 8], [1, 4, 2, 8]).r2 < 0.7
