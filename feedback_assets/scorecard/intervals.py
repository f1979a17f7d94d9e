"""Intervals and z of NPS, money and cost that count customers and not answers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Z95 = 1.96
Pair = tuple[float, float]
"""Of one customer W, the sum of the weights, and X, that of weight times 1, 0 or −1."""


@dataclass(frozen=True)
class Sums:
    """ΣW, ΣX, ΣW², ΣWX and ΣX² over customers: all that an interval needs of them."""

    w: float = 0.0
    x: float = 0.0
    ww: float = 0.0
    wx: float = 0.0
    xx: float = 0.0


def sums(customers: Iterable[Pair]) -> Sums:
    """The sums over customers, each as (W, X)."""
    pairs = list(customers)
    return Sums(
        math.fsum(w for w, _ in pairs),
        math.fsum(x for _, x in pairs),
        math.fsum(w * w for w, _ in pairs),
        math.fsum(w * x for w, x in pairs),
        math.fsum(x * x for _, x in pairs),
    )


def rest(channel: Mapping[str, Pair], totals: Mapping[str, Pair]) -> Sums:
    """The sums over what each customer gave outside a channel; both by customer."""
    return sums(
        (total[0] - channel.get(key, (0, 0))[0], total[1] - channel.get(key, (0, 0))[1])
        for key, total in totals.items()
    )


@dataclass(frozen=True)
class Estimate:
    """An NPS moved towards 0 by three customers, with its standard error, both in points."""

    nps_adjusted: float
    nps_se: float
    effective_responses: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends at 95 %, cut to ±100."""
        half = Z95 * self.nps_se
        return max(-100.0, self.nps_adjusted - half), min(100.0, self.nps_adjusted + half)


def centre_and_variance(w: float, x: float, ww: float, wx: float, xx: float) -> tuple[float, float]:
    """NPS / 100 and its variance after three customers of average weight were added.

    Of the three ¾ promote, 1½ are passive and ¾ detract. Arithmetic alone, so that arrays of NumPy
    of any one shape will do as well. ``w`` must be above 0.
    """
    c = ww / w
    t = x / (w + 3 * c)
    v = (xx - 2 * t * wx + t * t * ww + c * c * (1.5 + 3 * t * t)) / ((w + 3 * c) * (w + 3 * c))
    return t, v


def estimate(found: Sums) -> Estimate | None:
    """The NPS that the sums stand for; None without answers."""
    if found.w <= 0:
        return None
    t, v = centre_and_variance(found.w, found.x, found.ww, found.wx, found.xx)
    return Estimate(100 * t, 100 * math.sqrt(max(v, 0.0)), found.w * found.w / found.ww)


def z_between(one: Estimate, other: Estimate) -> float:
    """How many standard errors the first of two independent estimates lies above the second."""
    return (one.nps_adjusted - other.nps_adjusted) / math.hypot(one.nps_se, other.nps_se)


def p_value(z: float) -> float:
    """How often chance alone would make a z at least as large, in either direction."""
    return math.erfc(abs(z) / math.sqrt(2))


@dataclass(frozen=True)
class Mean:
    """A mean with both ends of its interval, in the unit of what was averaged."""

    mean: float
    low: float
    high: float


def money_per_customer(buyers: Sequence[tuple[float, float]]) -> Mean | None:
    """Net amount per customer with Hall's interval, which bends with the skew of the amounts.

    ``buyers``: of each one what is credited, the share s of the customer and the net amount R. None
    where fewer than two are known or no share is above 0.
    """
    n, shares = len(buyers), math.fsum(s for s, _ in buyers)
    if n < 2 or shares <= 0:
        return None
    m = math.fsum(r for _, r in buyers) / shares
    errors = [(r - m * s) / (shares / n) for s, r in buyers]
    centre = math.fsum(errors) / n
    sd = math.sqrt(math.fsum((e - centre) ** 2 for e in errors) / (n - 1))
    # Amounts that are all alike leave nothing but the rounding of the mean.
    if sd <= 1e-9 * max(abs(m), 1e-9):
        return Mean(m, m, m)
    skew = math.fsum((e / sd) ** 3 for e in errors) / n
    nu = n - 1
    q = Z95 + 2.37 / nu + 2.82 / nu**2
    error = sd / math.sqrt(n)
    return Mean(m, m - _unbent(q, skew, n) * error, m - _unbent(-q, skew, n) * error)


def _unbent(z: float, skew: float, n: int) -> float:
    """The quantile of the skewed t statistic that Hall's transformation takes to ``z``."""
    if abs(skew) < 1e-6:
        return z
    a, root = skew / 3, math.sqrt(n)
    return root / a * (math.cbrt(1 + skew / root * (z - skew / (6 * root))) - 1)


def median_ranks(n: int) -> tuple[int, int] | None:
    """Which of ``n`` values in order, from 1 on, are the ends of the median's 95 % interval.

    None below six, where even the smallest and the largest hold the median less often.
    """
    if n < 6:
        return None
    k = math.floor((n + 1) / 2 - 0.98 * math.sqrt(n))
    return k, n + 1 - k


def cost_per_promoter(
    cost_per_order: float | None, promoters: float, responses: float, effective: float
) -> Mean | None:
    """What an order by a promoter costs: cost per order over the share that promotes.

    The ends are those of the Agresti–Coull interval of the share, with ``effective`` responses; the
    upper one is infinite where the share may be 0. None without cost, answers or promoters.
    """
    if cost_per_order is None or promoters <= 0 or responses <= 0 or effective <= 0:
        return None
    share, added = promoters / responses, Z95 * Z95
    n = effective + added
    centre = (effective * share + added / 2) / n
    half = Z95 * math.sqrt(centre * (1 - centre) / n)
    least, most = centre - half, min(1.0, centre + half)
    return Mean(
        cost_per_order / share,
        cost_per_order / most,
        cost_per_order / least if least > 0 else math.inf,
    )
