"""Whether those who answered are like those who ordered, and how unlike they would have to be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 5
"""Answered orders that a stratum must have."""


@dataclass(frozen=True)
class Stratum:
    """Orders of one kind, such as customers' first ones: how many, how many answered, their NPS."""

    orders: float
    answered: float
    nps: float | None


def post_stratified(strata: Sequence[Stratum]) -> float | None:
    """The NPS that a channel would have if every kind of its orders were answered alike.

    None unless every stratum has ``ENOUGH`` answers.
    """
    orders = math.fsum(stratum.orders for stratum in strata)
    weighed = []
    for stratum in strata:
        if stratum.nps is None or stratum.answered < ENOUGH:
            return None
        weighed.append(stratum.orders * stratum.nps)
    return math.fsum(weighed) / orders if orders > 0 else None


def is_moved(nps: float, standardised: float, interval: tuple[float, float]) -> bool:
    """Whether post-stratifying moves an NPS by more than half of its interval's half-width."""
    return abs(standardised - nps) > (interval[1] - interval[0]) / 4


def tipping_ratio(
    promoters: float, passives: float, detractors: float, rest_nps: float
) -> float | None:
    """How many times as readily as detractors promoters must answer for a difference to vanish.

    Passives answer √k times as readily, in between. Under 1 detractors are the readier ones. The
    three are answers or shares; ``rest_nps`` is −100 to 100. None where no ratio will do.
    """
    whole = promoters + passives + detractors
    if whole <= 0:
        return None
    p, a, d = promoters / whole, passives / whole, detractors / whole
    r = rest_nps / 100
    if p * (1 - r) <= 0:
        return None
    # The stable one of the two forms of the root: no difference of nearly equal numbers.
    root = math.sqrt(r * r * a * a + 4 * p * (1 - r) * d * (1 + r))
    u = (r * a + root) / (2 * p * (1 - r)) if r * a >= 0 else 2 * d * (1 + r) / (root - r * a)
    return 1 / (u * u) if u > 0 else None
