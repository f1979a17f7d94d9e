"""Answers drawn at random: of one channel, customer by customer, and of the demo's customers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from feedback_assets.sandbox.journeys import CLICK_FIRST, HORIZON
from feedback_assets.sandbox.times import DAY
from feedback_assets.sandbox.vocabulary import CHANNELS
from feedback_assets.sandbox.world import World
from feedback_assets.scorecard.intervals import centre_and_variance

Draw = np.random.Generator
Numbers = np.ndarray

MIXES = ((0.55, 0.2), (0.34, 0.33), (0.85, 0.05), (0.1, 0.6))
"""Shares of promoters and detractors: good, average, much and little loved."""
DEMO_ICC = 0.72
"""How alike two answers of one customer are in the demo."""
_DAYS, _CUSTOMERS, _SERVED = 60, 3000, 400
_NAMES_NO_ORDER = 0.117
"""Answers to orders held that name neither order nor customer."""
_TOUCH_DAYS = 30


@dataclass(frozen=True)
class Customers:
    """How customers answer: ``sizes`` draws how many answers each of a base class gives.

    ``weights`` draws the credit of an answer; ``icc`` is the correlation of two answers of one.
    """

    sizes: Callable[[Draw, Numbers], Numbers]
    weights: Callable[[Draw, tuple[int, int]], Numbers]
    icc: float
    is_informative: bool = False


@dataclass(frozen=True)
class Channel:
    """Sums of many runs of one channel, a number a run each; what both methods need."""

    w: Numbers
    p: Numbers
    d: Numbers
    x: Numbers
    ww: Numbers
    wx: Numbers
    xx: Numbers

    def by_answer(self) -> tuple[Numbers, Numbers]:
        """Centre and variance of the interval that takes every answer for another customer."""
        return adjusted_wald(self.w, self.p, self.d)

    def by_customer(self) -> tuple[Numbers, Numbers]:
        return centre_and_variance(self.w, self.x, self.ww, self.wx, self.xx)


def adjusted_wald(w: Numbers, p: Numbers, d: Numbers) -> tuple[Numbers, Numbers]:
    """(p − d) of answers with ¾ promoter, 1½ passives and ¾ detractor added, and its variance."""
    p, d = (p + 0.75) / (w + 3), (d + 0.75) / (w + 3)
    return p - d, (p + d - (p - d) ** 2) / (w + 3)


def classes(draw: Draw, shares: Numbers, shape: tuple[int, ...]) -> Numbers:
    """1, 0 or −1 for promoters, passives, detractors; ``shares`` (…, 2) are p and d."""
    drawn = draw.random(shape)
    promotes = drawn < shares[..., 0]
    return promotes.astype(np.int8) - (drawn > 1 - shares[..., 1]).astype(np.int8)


def answers(
    draw: Draw, runs: int, n: int, customers: Customers, mix: tuple[float, float]
) -> tuple[Channel, float]:
    """``runs`` channels of ``n`` answers each, and the NPS / 100 that they are drawn from.

    The last customer's answers are cut at ``n``. Where how often one answers depends on the score,
    that would favour some, and as many customers are drawn as give ``n`` answers on average.
    """
    shares = np.array(mix)
    many, truth = n, mix[0] - mix[1]
    copies = np.sqrt(customers.icc)
    if customers.is_informative:
        base = classes(draw, shares, (1, 100_000))
        sizes = customers.sizes(draw, base)
        many = max(1, round(n / sizes.mean()))
        truth = copies * (base * sizes).mean() / sizes.mean() + (1 - copies) * truth
    base = classes(draw, shares, (runs, many))
    ends = np.cumsum(customers.sizes(draw, base), axis=1)
    length = int(ends[:, -1].max()) if customers.is_informative else n
    starts = np.zeros((runs, length + 1), np.int32)
    np.put_along_axis(starts, np.minimum(ends, length), 1, axis=1)
    who = np.minimum(np.cumsum(starts[:, :length], axis=1), many - 1)
    x = np.where(
        draw.random((runs, length)) < copies,
        np.take_along_axis(base, who, axis=1),
        classes(draw, shares, (runs, length)),
    )
    weight = customers.weights(draw, (runs, length)) * (np.arange(length) < ends[:, -1:])
    place = (np.arange(runs)[:, None] * many + who).ravel()
    each_w = np.bincount(place, weight.ravel(), runs * many).reshape(runs, many)
    each_x = np.bincount(place, (weight * x).ravel(), runs * many).reshape(runs, many)
    return (
        Channel(
            w=each_w.sum(axis=1),
            p=(weight * (x > 0)).sum(axis=1),
            d=(weight * (x < 0)).sum(axis=1),
            x=each_x.sum(axis=1),
            ww=(each_w**2).sum(axis=1),
            wx=(each_w * each_x).sum(axis=1),
            xx=(each_x**2).sum(axis=1),
        ),
        truth,
    )


@dataclass(frozen=True)
class Demo:
    """Who answers in the demo, and the channels that each answer is credited to.

    ``credit`` is by model (answers, channels), with ``named`` channels first; ``nps`` is the true
    one of each customer's own channel, ``own`` that channel of each answer's customer, ``totals``
    what each buyer spent.
    """

    customer: Numbers
    own: Numbers
    credit: dict[str, Numbers]
    named: int
    nps: Numbers
    totals: Numbers

    def without_effects(self) -> "Demo":
        return self.with_effects(0.0)

    def with_effects(self, part: float) -> "Demo":
        """The same with the channels' differences from the average multiplied by ``part``."""
        average = self.nps[self.own].mean()
        return replace(self, nps=average + part * (self.nps - average))

    def with_half_the_channels_average(self) -> "Demo":
        """The same where every other channel is as the rest are together: it does not differ."""
        differs = np.arange(len(self.nps)) % 2 == 0
        average = self.nps[self.own][differs[self.own]].mean()
        return replace(self, nps=np.where(differs, self.nps, average))


def demo() -> Demo:
    """The demo's customers, answers and clicks: the last days of the sandbox with seed 1."""
    world = World(1, _SERVED, _CUSTOMERS)
    end, orders, clicks = HORIZON + _SERVED * DAY, world.orders, world.clicks
    start = end - _DAYS * DAY
    prompts, asked, ratings = world.prompts, world.submissions, world.ratings
    prompted = (prompts.purchased >= start) & (prompts.rated < end)
    wrote = (asked.created >= start) & (asked.created < end) & (asked.score >= 0)
    rated = (ratings.added >= start) & (ratings.added < end) & (ratings.score >= 0)
    order = np.concatenate(
        [
            prompts.order[prompted],
            asked.order[wrote & (asked.order >= 0)],
            ratings.order[rated],
        ]
    ).astype(np.int64)
    contact = orders.contact[order].astype(np.int64)
    named = len(CHANNELS)
    unattributed, unmatched = named, named + 1
    known = np.zeros(len(world.contacts.joined), bool)
    known[clicks.contact[clicks.kind == CLICK_FIRST]] = True
    first = np.zeros((len(order), named + 2))
    first[
        np.arange(len(order)),
        np.where(known[contact], world.contacts.channel[contact], unattributed),
    ] = 1
    linear = np.zeros_like(first)
    moments = clicks.contact.astype(np.int64) << 32 | clicks.time.astype(np.int64)
    until = contact << 32 | orders.time[order].astype(np.int64)
    ends = np.searchsorted(moments, until, side="right")
    begins = np.searchsorted(moments, until - _TOUCH_DAYS * DAY)
    for place, (low, high) in enumerate(zip(begins, ends, strict=True)):
        if high > low:
            np.add.at(linear[place], clicks.channel[low:high], 1 / (high - low))
        else:
            linear[place, unattributed] = 1
    # An answer without an order is a customer of its own, and of no channel.
    lost = np.random.default_rng(1).random(len(order)) < _NAMES_NO_ORDER
    lost |= orders.time[order] < start
    for credit in (first, linear):
        credit[lost] = 0
        credit[lost, unmatched] = 1
    contact[lost] = len(known) + np.flatnonzero(lost)
    _, customer = np.unique(contact, return_inverse=True)
    held = (orders.time >= start) & (orders.time < end)
    totals = np.bincount(orders.contact[held], orders.cents[held] / 100)
    return Demo(
        customer=customer,
        own=world.contacts.channel[orders.contact[order]].astype(np.int64),
        credit={"first_click": first, "linear": linear},
        named=named,
        nps=np.array([channel.nps for channel in CHANNELS], float),
        totals=totals[totals > 0],
    )


@dataclass(frozen=True)
class Compared:
    """z of each named channel against the rest, (runs, channels), and the true difference."""

    by_answer: Numbers
    by_customer: Numbers
    effective: Numbers
    truth: Numbers


def compared(draw: Draw, runs: int, world: Demo, model: str) -> Compared:
    """The demo's scores drawn anew ``runs`` times, channels against the rest by both methods."""
    weight = world.credit[model]
    people, channels = int(world.customer.max()) + 1, weight.shape[1]
    answer, channel = np.nonzero(weight)
    credit = weight[answer, channel]
    place = world.customer[answer] * channels + channel

    def customers_of(values: Numbers) -> Numbers:
        return np.bincount(place, values, people * channels).reshape(people, channels)

    w = customers_of(credit)
    total = w.sum(axis=1, keepdims=True)
    effective = w.sum(axis=0) ** 2 / np.maximum((w**2).sum(axis=0), 1e-12)
    promoters = (0.75 + world.nps[world.own] / 100) / 2
    shares = np.stack([promoters, 0.75 - promoters], axis=1)
    mean = (shares[:, 0] - shares[:, 1])[:, None] * weight
    inside, outside = weight.sum(axis=0), weight.sum() - weight.sum(axis=0)
    truth = 100 * (mean.sum(axis=0) / inside - (mean.sum() - mean.sum(axis=0)) / outside)
    # Of one customer all answers stem from one draw, or each from its own.
    of_customer = np.zeros((people, 2))
    of_customer[world.customer] = shares
    copies = np.sqrt(DEMO_ICC)
    by_answer, by_customer = np.empty((2, runs, world.named))
    for run in range(runs):
        base = classes(draw, of_customer, (people,))[world.customer]
        x = np.where(
            draw.random(len(base)) < copies, base, classes(draw, shares, (len(base),))
        ).astype(float)
        p, d = (x > 0) @ weight, (x < 0) @ weight
        here, va = adjusted_wald(inside, p, d)
        there, vb = adjusted_wald(outside, p.sum() - p, d.sum() - d)
        by_answer[run] = ((here - there) / np.sqrt(va + vb))[: world.named]
        each = customers_of(credit * x[answer])
        here, va = _customers(w, each)
        there, vb = _customers(total - w, each.sum(axis=1, keepdims=True) - each)
        by_customer[run] = ((here - there) / np.sqrt(va + vb))[: world.named]
    return Compared(by_answer, by_customer, effective[: world.named], truth[: world.named])


def _customers(w: Numbers, x: Numbers) -> tuple[Numbers, Numbers]:
    return centre_and_variance(
        w.sum(axis=0), x.sum(axis=0), (w * w).sum(axis=0), (w * x).sum(axis=0), (x * x).sum(axis=0)
    )
