"""Money of customers and true NPS of channels drawn at random, and how often we are right."""

import math
from collections.abc import Callable
from itertools import repeat

import numpy as np
from scipy import stats

from benchmarks.support.simulated_answers import adjusted_wald
from feedback_assets.scorecard.intervals import median_ranks, money_per_customer
from feedback_assets.scorecard.ranking import pull

Draw = np.random.Generator
Numbers = np.ndarray
Population = Callable[[Draw, tuple[int, int]], Numbers]


def populations(totals: Numbers) -> dict[str, tuple[Population, float, float]]:
    """Ways to draw what customers spent, each with its true mean and median."""
    return {
        "the demo's": (
            lambda draw, shape: draw.choice(totals, shape),
            float(totals.mean()),
            float(np.median(totals)),
        ),
        "lognormal, σ 1": (_lognormal(1.0), math.exp(0.5), 1.0),
        "lognormal, σ 1.4": (_lognormal(1.4), math.exp(0.98), 1.0),
        "Pareto 2.5": (
            lambda draw, shape: 1 + draw.pareto(2.5, shape),
            2.5 / 1.5,
            2 ** (1 / 2.5),
        ),
    }


def _lognormal(sigma: float) -> Population:
    return lambda draw, shape: draw.lognormal(0, sigma, shape)


def covers_mean(
    draw: Draw, runs: int, n: int, population: Population, mean: float, *, shared: bool
) -> tuple[float, float]:
    """How often Student's and Hall's intervals of ``n`` customers hold the true mean, 0 to 1.

    Where ``shared``, a half, a third or a quarter of some customers is credited.
    """
    totals = population(draw, (runs, n))
    shares = 1 / draw.integers(1, 5, (runs, n)) if shared else np.ones((runs, n))
    credited = shares * totals
    m = credited.sum(axis=1) / shares.sum(axis=1)
    errors = (credited - m[:, None] * shares) / shares.mean(axis=1)[:, None]
    half = stats.t.ppf(0.975, n - 1) * errors.std(axis=1, ddof=1) / math.sqrt(n)
    student = float((abs(m - mean) <= half).mean())
    hall = 0
    for of_run, money in zip(shares.tolist(), credited.tolist(), strict=True):
        found = money_per_customer(list(zip(of_run, money, strict=True)))
        hall += found is not None and found.low <= mean <= found.high
    return student, hall / runs


def covers_median(draw: Draw, runs: int, n: int, population: Population, median: float) -> float:
    """How often the ranks hold the true median, 0 to 1."""
    ranks = median_ranks(n)
    if ranks is None:
        raise ValueError(f"{n} values have no interval")
    ordered = np.sort(population(draw, (runs, n)), axis=1)
    low, high = ordered[:, ranks[0] - 1], ordered[:, ranks[1] - 1]
    return float(((low <= median) & (median <= high)).mean())


def ranked(
    draw: Draw, runs: int, responses: Numbers, tau: float, least: int = 0
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Raw and pulled NPS against the true ones, which scatter by ``tau`` points.

    Of each the root mean square error and how many points the channel put first lies below the
    best. Raw, only channels with ``least`` answers may be first.
    """
    errors, lost = np.zeros(2), np.zeros(2)
    for _ in repeat(None, runs):
        truth = np.clip(draw.normal(20, tau, len(responses)), -70, 70)
        promoters = (0.75 + truth / 100) / 2
        shares = np.stack([promoters, np.full(len(truth), 0.25), 0.75 - promoters], axis=1)
        p, _, d = draw.multinomial(responses, shares).T
        raw = 100 * (p - d) / responses
        centre, variance = adjusted_wald(responses, p, d)
        found = pull((100 * centre).tolist(), (100 * np.sqrt(variance)).tolist())
        values = np.array(found.values)
        errors += ((raw - truth) ** 2).mean(), ((values - truth) ** 2).mean()
        first = int(np.argmax(np.where(responses >= least, raw, -np.inf)))
        # Without an order any channel may be put first.
        mine = truth[found.order()[0]] if found.is_ranked else truth.mean()
        lost += truth.max() - truth[first], truth.max() - mine
    errors, lost = np.sqrt(errors / runs), lost / runs
    return (float(errors[0]), float(lost[0])), (float(errors[1]), float(lost[1]))
