"""Tests and intervals that the page needs beyond those of the marts; no data, no I/O."""

import math
from dataclasses import dataclass

from feedback_assets.scorecard.intervals import p_value

Z95 = 1.96
LEVEL = 0.05


@dataclass(frozen=True)
class Counts:
    """Answers by class; fractional if an attribution model splits an answer."""

    responses: float = 0
    promoters: float = 0
    passives: float = 0
    detractors: float = 0

    @property
    def nps(self) -> float | None:
        """100 × (promoters − detractors) / responses; None without responses."""
        if not self.responses:
            return None
        return 100 * (self.promoters - self.detractors) / self.responses

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the 95 % adjusted Wald interval, clipped to ±100; None without responses."""
        if not self.responses:
            return None
        centre, variance = _adjusted(self)
        half = Z95 * math.sqrt(variance)
        return max(-100.0, 100 * (centre - half)), min(100.0, 100 * (centre + half))


@dataclass(frozen=True)
class Difference:
    """A difference in points (NPS or per cent) with its 95 % interval and two-sided p."""

    points: float
    low: float
    high: float
    p: float

    def beyond_chance(self) -> bool:
        """Whether p is under 5 %."""
        return self.p < LEVEL


def nps_difference(now: Counts, before: Counts) -> Difference | None:
    """The increase of the NPS to ``now``: a z test of two adjusted Wald estimates.

    Both are shrunk towards 0 by three answers, as for a single interval, so that a handful of
    identical answers proves nothing. ``points`` is the difference of the two unadjusted NPS.
    None if either has no responses.
    """
    if now.nps is None or before.nps is None:
        return None
    (a, a_variance), (b, b_variance) = _adjusted(now), _adjusted(before)
    return _difference(now.nps - before.nps, a - b, a_variance + b_variance)


def rate_difference(hits: int, of: int, hits_before: int, of_before: int) -> Difference | None:
    """The increase of the first rate over the second in percentage points, by Agresti and Caffo.

    One success and one failure are added to each of the two. None if either is out of zero.
    """
    if not of or not of_before:
        return None
    a, b = (hits + 1) / (of + 2), (hits_before + 1) / (of_before + 2)
    variance = a * (1 - a) / (of + 2) + b * (1 - b) / (of_before + 2)
    return _difference(100 * (hits / of - hits_before / of_before), a - b, variance)


def _adjusted(counts: Counts) -> tuple[float, float]:
    """(p − d) and its variance with ¾ promoter, 1½ passives and ¾ detractor added."""
    n = counts.responses + 3
    p, d = (counts.promoters + 0.75) / n, (counts.detractors + 0.75) / n
    return p - d, (p + d - (p - d) ** 2) / n


def _difference(points: float, centre: float, variance: float) -> Difference:
    error = math.sqrt(variance)
    p = p_value(centre / error) if error else 1.0
    return Difference(points, 100 * (centre - Z95 * error), 100 * (centre + Z95 * error), p)
