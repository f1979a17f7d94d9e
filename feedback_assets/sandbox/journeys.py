"""Customer journeys: who joins through which channel, what they buy and what they click.

Only bulk generation of contacts, orders and clicks belongs here; times are seconds since the
world's origin. Events after an order are in `answers`, rendering is in the providers' modules.
"""

from dataclasses import dataclass

import numpy as np

from feedback_assets.sandbox.draws import Array, generator, pick, unit
from feedback_assets.sandbox.times import DAY, NEVER, by_daylight
from feedback_assets.sandbox.vocabulary import CHANNELS, FIRST_NAMES, LAST_NAMES, PRODUCTS

HORIZON = 240 * DAY
"""How long before the first day of the data the oldest customers joined."""
DAYS_BETWEEN_ORDERS = 45.0
CLICK_FIRST, CLICK_OPTIN, CLICK_REOPTIN, CLICK_OTHER = 0, 1, 2, 3

_EAGERNESS = np.array([0.5, 0.9, 1.35])
"""Purchase frequency of detractors, passives and promoters relative to the average."""
_WEIGHTS = np.array([channel.weight for channel in CHANNELS])
_PRICES = np.array([product.cents for product in PRODUCTS])
# Scores of detractors, passives and promoters; every score from 0 to 10 occurs.
_SCORES = (
    np.repeat(np.arange(7), (12, 5, 8, 15, 15, 20, 25)).astype(np.int8),
    np.repeat((7, 8), (45, 55)).astype(np.int8),
    np.repeat((9, 10), (40, 60)).astype(np.int8),
)
_CLICKS_PER_ORDER = np.repeat(np.arange(6), (5, 6, 11, 22, 28, 28)).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Opinions:
    """Shares of detractors, passives and promoters by channel, of its orders and its customers."""

    of_orders: Array
    of_people: Array

    @classmethod
    def by_channel(cls, *, effects: bool) -> "Opinions":
        """What the channels' customers think; without ``effects``, all think as the average."""
        orders = np.array([channel.class_shares for channel in CHANNELS])
        # A channel's score is that of its orders. As promoters buy more often, a channel needs a
        # higher share of detractors among its customers than among its orders.
        people = _shares(orders / _EAGERNESS)
        if not effects:
            people = np.tile(np.average(people, axis=0, weights=_WEIGHTS), (len(CHANNELS), 1))
            orders = _shares(people * _EAGERNESS)
        return cls(orders, people)


def _shares(parts: Array) -> Array:
    shares: Array = parts / parts.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True, slots=True)
class Contacts:
    """Customers in the order in which they joined."""

    joined: Array
    channel: Array
    mood: Array
    """0 detractor, 1 passive, 2 promoter: this person's typical opinion."""
    tracked: Array
    """Whether any click of this person is known."""
    currency: Array
    name: Array
    """Index of first and last name."""
    mail: Array
    """Format of the e-mail, 0–299."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders by time; `of_contact` holds their positions contact by contact."""

    time: Array
    contact: Array
    arrives: Array
    """When the order first becomes visible: a few are days late."""
    linked: Array
    """When its attribution is known; later than `arrives` if a contact is linked afterwards."""
    score: Array
    """The customer's opinion of it, 0–10, whether or not they are asked."""
    refunded: Array
    """Time of the refund, or NEVER."""
    cents: Array
    of_contact: Array
    contact_start: Array


@dataclass(frozen=True, slots=True)
class Clicks:
    """Clicks by contact, then by time; `by_time` holds positions ordered by time."""

    contact: Array
    time: Array
    shows: Array
    channel: Array
    kind: Array
    by_time: Array
    times_sorted: Array
    contact_start: Array


def _channels(rng: np.random.Generator, count: int) -> Array:
    bounds = np.cumsum(_WEIGHTS / _WEIGHTS.sum())[:-1]
    return np.searchsorted(bounds, rng.random(count, dtype=np.float32)).astype(np.int8)


def _moods(rng: np.random.Generator, channel: Array, class_shares: Array) -> Array:
    shares = class_shares[channel]
    drawn = rng.random(len(channel), dtype=np.float32)
    mood: Array = (drawn >= shares[:, 0]).astype(np.int8) + (drawn >= shares[:, :2].sum(axis=1))
    return mood


def make_contacts(seed: int, count: int, end: int, opinions: Opinions) -> Contacts:
    """`count` people who joined between the origin (plus a few days) and `end`."""
    rng = generator(seed, "contacts")
    joined = np.sort(by_daylight(rng.integers(5 * DAY, end, count)).astype(np.int32))
    channel = _channels(rng, count)
    return Contacts(
        joined=joined,
        channel=channel,
        mood=_moods(rng, channel, opinions.of_people).astype(np.int8),
        tracked=rng.random(count) >= 0.08,
        currency=np.searchsorted((0.88, 0.96), rng.random(count)).astype(np.int8),
        name=rng.integers(0, len(FIRST_NAMES) * len(LAST_NAMES), count).astype(np.int16),
        mail=rng.integers(0, 300, count).astype(np.int16),
    )


def _order_times(seed: int, people: Contacts, start: int, end: int) -> tuple[Array, Array]:
    """Times and contacts of all orders: at random while active, the first soon after joining."""
    rng = generator(seed, "order-times")
    active = np.maximum(people.joined, start)
    repeats = rng.poisson((end - active) / DAY / DAYS_BETWEEN_ORDERS * _EAGERNESS[people.mood])
    contact = np.repeat(np.arange(len(active), dtype=np.int32), repeats)
    span = (end - active)[contact]
    time = active[contact] + rng.random(len(contact)) * span
    joiners = np.flatnonzero((people.joined >= start) & (rng.random(len(active)) < 0.7))
    soon = people.joined[joiners] + 600 + rng.exponential(2 * DAY, len(joiners))
    contact = np.concatenate([contact, joiners.astype(np.int32)])
    time = np.concatenate([time, soon])
    time = np.maximum(by_daylight(time), people.joined[contact] + 60).astype(np.int64)
    packed = np.unique((time << 20 | contact)[time < end])
    return (packed >> 20).astype(np.int32), (packed & 0xFFFFF).astype(np.int32)


def basket(seed: int, order: Array) -> tuple[Array, Array, Array]:
    """Products and quantities of orders: arrays (n, 3), and how many of the three count (0–3)."""
    drawn = unit(seed, "basket-size", order)
    count = np.searchsorted((0.02, 0.6, 0.9), drawn)
    first = pick(seed, "basket", order, len(PRODUCTS) * 11 * 11)
    second = first // len(PRODUCTS)
    product = np.empty((len(count), 3), np.int64)
    product[:, 0] = first % len(PRODUCTS)
    product[:, 1] = (product[:, 0] + 1 + second % 11) % len(PRODUCTS)
    product[:, 2] = (product[:, 1] + 1 + second // 11) % len(PRODUCTS)
    quantity = np.searchsorted((0.8, 0.95), (drawn * 1000) % 1)[:, None] + 1
    quantity = np.broadcast_to(quantity, product.shape).copy()
    quantity[:, 1:] = 1
    return product, quantity, count


def _cents(seed: int, orders: int) -> Array:
    product, quantity, count = basket(seed, np.arange(orders))
    worth = _PRICES[product] * quantity
    worth[np.arange(3) >= np.maximum(count, 1)[:, None]] = 0
    cents: Array = worth.sum(axis=1).astype(np.int32)
    return cents


def make_orders(seed: int, people: Contacts, start: int, end: int, opinions: Opinions) -> Orders:
    """All orders between `start` and `end`, with their later events."""
    time, contact = _order_times(seed, people, start, end)
    count = len(time)
    rng = generator(seed, "orders")
    mood = people.mood[contact].copy()
    fickle = np.flatnonzero(rng.random(count, dtype=np.float32) >= 0.75)
    mood[fickle] = _moods(rng, people.channel[contact[fickle]], opinions.of_orders)
    within = rng.integers(0, 100, count)
    score = np.choose(mood, [shares[within] for shares in _SCORES]).astype(np.int8)
    drawn = rng.random(count, dtype=np.float32)
    late = drawn < 0.03
    arrives = time + np.where(late, DAY * (0.5 + drawn * 110), drawn * 600).astype(np.int32)
    drawn = rng.random(count, dtype=np.float32)
    linked = np.where(drawn < 0.03, time + (2 * DAY + drawn / 0.03 * 28 * DAY), 0)
    drawn = rng.random(count, dtype=np.float32)
    back = drawn < np.where(score <= 6, np.float32(0.18), np.float32(0.015))
    delay = DAY * (3 + 22 * rng.random(count, dtype=np.float32))
    packed = np.sort(contact.astype(np.int64) << 32 | np.arange(count))
    return Orders(
        time=time,
        contact=contact,
        arrives=arrives.astype(np.int32),
        linked=linked.astype(np.int32),
        score=score,
        refunded=np.where(back, arrives + delay, NEVER).astype(np.int32),
        cents=_cents(seed, count),
        of_contact=(packed & 0xFFFFFFFF).astype(np.int32),
        contact_start=np.searchsorted(packed >> 32, np.arange(len(people.joined) + 1)),
    )


def _order_clicks(
    rng: np.random.Generator, people: Contacts, orders: Orders
) -> tuple[Array, Array, Array]:
    """Contacts, times and channels of the clicks that lead to orders, and of other browsing."""
    many = _CLICKS_PER_ORDER[rng.integers(0, 100, len(orders.time))]
    contact = np.repeat(orders.contact, many)
    age = rng.random(len(contact), dtype=np.float32) ** 2 * (29.5 * DAY) + 60
    time = np.repeat(orders.time, many) - age.astype(np.int32)
    idle = rng.integers(0, len(orders.time), int(len(orders.time) * 0.35))
    around = orders.time[rng.permutation(idle)] - rng.integers(0, 60 * DAY, len(idle))
    contact = np.concatenate([contact, orders.contact[idle]])
    time = np.concatenate([time, around]).astype(np.int32)
    channel = people.channel[contact]
    stray = np.flatnonzero(rng.random(len(contact), dtype=np.float32) >= 0.55)
    channel[stray] = _channels(rng, len(stray))
    known = people.tracked[contact] & (time > people.joined[contact] + 60)
    return contact[known], time[known], channel[known]


def make_clicks(seed: int, people: Contacts, orders: Orders, end: int) -> Clicks:
    """All clicks of every tracked contact, at most one per contact and second."""
    rng = generator(seed, "clicks")
    contact, time, channel = _order_clicks(rng, people, orders)
    tracked = np.flatnonzero(people.tracked).astype(np.int32)
    optin = people.joined[tracked]
    first = optin - rng.integers(60, 3 * DAY, len(tracked)).astype(np.int32)
    again = np.flatnonzero(rng.random(len(tracked)) < 0.25)
    span = end - optin[again] - 120
    reoptin = optin[again] + 120 + (rng.random(len(again)) * span).astype(np.int32)
    kinds = np.repeat(
        np.array([CLICK_OTHER, CLICK_FIRST, CLICK_OPTIN, CLICK_REOPTIN]),
        (len(contact), len(tracked), len(tracked), len(again)),
    )
    own = people.channel[tracked]
    contact = np.concatenate([contact, tracked, tracked, tracked[again]]).astype(np.int64)
    time = np.concatenate([time, first, optin, reoptin]).astype(np.int64)
    channel = np.concatenate([channel, own, own, _channels(rng, len(again))])
    chance = rng.integers(0, 256, len(contact))
    # One sort of packed integers takes a tenth of the time of an argsort: contact 20 bits, time 28,
    # then kind 2, chance 8 and channel 5 as payload.
    packed = contact << 43 | time << 15 | kinds << 13 | chance << 5 | channel
    packed.sort()
    second = packed >> 15
    packed = packed[np.concatenate([[True], second[1:] != second[:-1]])] if len(packed) else packed
    time = (packed >> 15 & 0xFFFFFFF).astype(np.int32)
    contact = (packed >> 43).astype(np.int32)
    chance = (packed >> 5 & 0xFF).astype(np.int32)
    position = np.sort(time.astype(np.int64) << 32 | np.arange(len(time)))
    return Clicks(
        contact=contact,
        time=time,
        # Most clicks are visible at once, one in seven only within 24 hours.
        shows=time + np.maximum(chance - 218, 0).astype(np.int32) * 2270,
        channel=(packed & 0x1F).astype(np.int8),
        kind=(packed >> 13 & 3).astype(np.int8),
        by_time=(position & 0xFFFFFFFF).astype(np.int32),
        times_sorted=(position >> 32).astype(np.int32),
        contact_start=np.searchsorted(contact, np.arange(len(people.joined) + 1)),
    )
