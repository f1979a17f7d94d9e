"""The order of channels by NPS, and which of many differences are more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.05
_STEPS = 200


@dataclass(frozen=True)
class Pulled:
    """NPS pulled towards their average; ``values`` in the order given, all in points.

    ``tau2`` is the variance of the true NPS. Where it is 0 the channels cannot be told apart and
    there is no order among them.
    """

    average: float
    tau2: float
    values: tuple[float, ...]

    @property
    def is_ranked(self) -> bool:
        return self.tau2 > 0

    def order(self) -> tuple[int, ...]:
        """Places in what was given, the highest first; as given where there is no order."""
        places = range(len(self.values))
        if not self.is_ranked:
            return tuple(places)
        return tuple(sorted(places, key=lambda place: -self.values[place]))


def pull(adjusted: Sequence[float], errors: Sequence[float]) -> Pulled:
    """Shrink ``nps_adjusted`` with standard errors ``nps_se`` towards their weighted average.

    The variance between channels is Paule and Mandel's. The result sorts; it never stands for an
    NPS. Raises ``ValueError`` where the two differ in length or an error is not above 0.
    """
    given = list(zip(adjusted, (error * error for error in errors), strict=True))
    if any(v <= 0 for _, v in given):
        raise ValueError("A standard error must be above 0")
    if not given:
        return Pulled(0.0, 0.0, ())
    tau2 = paule_mandel(given)
    average = _average(given, tau2)
    return Pulled(
        average, tau2, tuple(average + tau2 / (tau2 + v) * (y - average) for y, v in given)
    )


def paule_mandel(given: Sequence[tuple[float, float]]) -> float:
    """The variance between values that explains how far they scatter beyond their own variances.

    ``given`` are values with their variances. 0 where those suffice.
    """
    wanted = len(given) - 1
    if wanted < 1 or _scatter(given, 0.0) <= wanted:
        return 0.0
    low, high = 0.0, 1.0
    while _scatter(given, high) > wanted:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _scatter(given, middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _average(given: Sequence[tuple[float, float]], tau2: float) -> float:
    weights = [1 / (v + tau2) for _, v in given]
    return math.fsum(w * y for w, (y, _) in zip(weights, given, strict=True)) / math.fsum(weights)


def _scatter(given: Sequence[tuple[float, float]], tau2: float) -> float:
    average = _average(given, tau2)
    return math.fsum((y - average) ** 2 / (v + tau2) for y, v in given)


def benjamini_hochberg(p_values: Sequence[float], level: float = LEVEL) -> tuple[bool, ...]:
    """Which are significant so that, of all that are, ``level`` at most are expected to be chance.

    The k smallest, k the largest for which the k-th smallest is at most k / m × level.
    """
    m = len(p_values)
    ranked = sorted(p_values)
    limit = max((p for k, p in enumerate(ranked, 1) if p <= k / m * level), default=-1.0)
    return tuple(p <= limit for p in p_values)
