"""What follows an order: surveys, prompts, answers, replies, reviews, spam.

Only bulk generation belongs here; times are seconds since the world's origin, `order` is an index
into the orders, a score of −1 means none. Records are rendered in the providers' modules.
"""

from dataclasses import dataclass

import numpy as np

from feedback_assets.sandbox.draws import Array, generator, pick, unit
from feedback_assets.sandbox.journeys import Orders, basket
from feedback_assets.sandbox.times import DAY, NEVER


@dataclass(frozen=True, slots=True)
class Prompts:
    """Thanx: feedback prompts, by time of purchase."""

    order: Array
    purchased: Array
    viewed: Array
    rated: Array
    reviewed: Array
    responded: Array
    expires: Array
    rating: Array


@dataclass(frozen=True, slots=True)
class Trackers:
    """Fullwhere: surveys, by planned time of sending."""

    order: Array
    created: Array
    send: Array
    sent: Array
    resent: Array
    clicked: Array
    clicked_again: Array
    of_order: Array
    """For each order, the position of its tracker, or −1."""


@dataclass(frozen=True, slots=True)
class Submissions:
    """FeedbackPulse: answers by time; `order` is −1 for spam."""

    order: Array
    created: Array
    moderated: Array
    replied: Array
    score: Array
    stars: Array
    opinion: Array
    """The writer's opinion, 0–10, whether or not it is given."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Retargeting: order feedback by time, and product reviews by feedback."""

    order: Array
    added: Array
    score: Array
    review_parent: Array
    review_added: Array
    review_product: Array
    review_score: Array
    review_start: Array


def make_prompts(seed: int, orders: Orders) -> Prompts:
    """A prompt for nearly half of all orders; most people who see it answer, within seven days."""
    rng = generator(seed, "thanx")
    order = np.flatnonzero(rng.random(len(orders.time), dtype=np.float32) < 0.45).astype(np.int32)
    count = len(order)
    time = orders.time[order]
    viewed = time + 60 + np.minimum(rng.exponential(DAY, count), 6.5 * DAY).astype(np.int32)
    looks = rng.random(count) < 0.75
    kind = np.searchsorted((0.32, 0.52, 0.55), rng.random(count))  # rated, both, review alone
    rates, reviews = looks & (kind <= 1), looks & ((kind == 1) | (kind == 2))
    rated = viewed + rng.integers(20, 600, count)
    reviewed = rated + rng.integers(30, 600, count)
    reply = reviewed + rng.integers(DAY // 5, 6 * DAY, count)
    return Prompts(
        order=order,
        purchased=time,
        viewed=np.where(looks, viewed, NEVER).astype(np.int32),
        rated=np.where(rates, rated, NEVER).astype(np.int32),
        reviewed=np.where(reviews, reviewed, NEVER).astype(np.int32),
        responded=np.where(reviews & (rng.random(count) < 0.3), reply, NEVER).astype(np.int32),
        expires=(time + 7 * DAY).astype(np.int32),
        rating=orders.score[order],
    )


def _answer_times(rng: np.random.Generator, orders: Orders, order: Array, asked: Array) -> Array:
    """The times of answers to these orders: some days after the request, at most 20."""
    patience = rng.exponential(2.5 * DAY, len(order)) + 600
    times: Array = np.minimum(asked[order] + patience, orders.time[order] + 20 * DAY)
    return times.astype(np.int32)


def make_submissions(seed: int, orders: Orders, asked: Array, start: int) -> Submissions:
    """Answers to a sixth of all orders, and spam; none on about every eighth day."""
    rng = generator(seed, "feedbackpulse")
    order = np.flatnonzero(rng.random(len(orders.time), dtype=np.float32) < 0.2).astype(np.int32)
    created = _answer_times(rng, orders, order, asked)
    junk = len(order) // 25
    end = int(orders.time[-1]) + 1 if len(orders.time) else start + 1
    order = np.concatenate([order, np.full(junk, -1, np.int32)])
    created = np.concatenate([created, rng.integers(start, end, junk)]).astype(np.int64)
    open_days = unit(seed, "feedbackpulse-day", created // DAY) >= 0.125
    order, created = order[open_days], created[open_days]
    by_time = np.argsort(created << 23 | np.arange(len(created)))
    order, created = order[by_time], created[by_time].astype(np.int32)
    count = len(order)
    spam = order < 0
    opinion = np.where(spam, rng.integers(0, 11, count), orders.score[order] if count else 0)
    moderated = created + rng.integers(600, 3 * DAY, count)
    replies = ~spam & (rng.random(count) < 0.3)
    stars = np.clip((opinion + 1) // 2, 1, 5)
    return Submissions(
        order=order,
        created=created,
        moderated=np.where(rng.random(count) < 0.9, moderated, NEVER).astype(np.int32),
        replied=np.where(replies, moderated + rng.integers(60, 4 * DAY, count), NEVER).astype(
            np.int32
        ),
        score=np.where(rng.random(count) < 0.06, -1, opinion).astype(np.int8),
        stars=np.where(rng.random(count) < 0.3, -1, stars).astype(np.int8),
        opinion=opinion.astype(np.int8),
    )


def make_ratings(seed: int, orders: Orders, asked: Array) -> Ratings:
    """Answers to a sixth of all orders, with up to three reviews, some up to a year later."""
    rng = generator(seed, "retargeting")
    order = np.flatnonzero(rng.random(len(orders.time), dtype=np.float32) < 0.17).astype(np.int64)
    added = _answer_times(rng, orders, order, asked)
    by_time = np.argsort(added.astype(np.int64) << 23 | np.arange(len(added)))
    order, added = order[by_time], added[by_time]
    score = orders.score[order].copy()
    score[rng.random(len(order)) < 0.05] = -1
    product, _, size = basket(seed, order)
    wanted = (rng.random((len(order), 3)) < 0.6) & (np.arange(3) < size[:, None])
    parent, slot = np.nonzero(wanted)
    late = rng.random(len(parent))
    delay = np.where(late < 0.15, (late / 0.15) ** 2 * 364 * DAY, 60.0) + 40 * (slot + 1)
    opinion = np.clip(orders.score[order[parent]] + rng.integers(-1, 2, len(parent)), 0, 10)
    opinion[rng.random(len(parent)) < 0.1] = -1
    return Ratings(
        order=order.astype(np.int32),
        added=added,
        score=score,
        review_parent=parent.astype(np.int32),
        review_added=(added[parent] + delay).astype(np.int32),
        review_product=product[parent, slot].astype(np.int16),
        review_score=opinion.astype(np.int8),
        review_start=np.searchsorted(parent, np.arange(len(order) + 1)),
    )


def planned_sendings(seed: int, orders: Orders) -> tuple[Array, Array, Array]:
    """For each order: whether a survey is planned, when, and when it is actually sent.

    The first is on a full minute two to six days after the order; the last is NEVER for one in
    seventeen.
    """
    index = np.arange(len(orders.time))
    planned = unit(seed, "fullwhere", index) < 0.7
    drawn = unit(seed, "fullwhere-send", index)
    send = ((orders.time + (2 + 4 * drawn) * DAY) // 60 * 60).astype(np.int32)
    fails = pick(seed, "fullwhere-fails", index, 17) == 0
    sent = send + 30 + pick(seed, "fullwhere-delay", index, 600).astype(np.int32)
    return planned, send, np.where(planned & ~fails, sent, NEVER).astype(np.int32)


def when_asked(orders: Orders, sent: Array) -> Array:
    """When each order's customer is asked: by the survey, otherwise a day after the order."""
    return np.where(sent < NEVER, sent, orders.time + DAY).astype(np.int64)


def make_trackers(
    seed: int,
    orders: Orders,
    sendings: tuple[Array, Array, Array],
    submissions: Submissions,
    ratings: Ratings,
) -> Trackers:
    """The surveys of all orders, clicked by everyone who answers and by some who do not."""
    planned, send_at, sent_at = sendings
    order = np.flatnonzero(planned)
    order = order[np.argsort(send_at[order].astype(np.int64) << 23 | np.arange(len(order)))]
    answered = np.full(len(planned), NEVER, np.int64)
    genuine = submissions.order >= 0
    np.minimum.at(answered, submissions.order[genuine], submissions.created[genuine])
    np.minimum.at(answered, ratings.order, ratings.added)
    sent = sent_at[order].astype(np.int64)
    rng = generator(seed, "fullwhere")
    curious = np.where(
        rng.random(len(order)) < 0.15, sent + rng.exponential(2 * DAY, len(order)), NEVER
    )
    clicked = np.where(answered[order] < NEVER, answered[order] - 120, curious).astype(np.int64)
    clicked = np.where((sent < NEVER) & (clicked > sent), np.minimum(clicked, NEVER), NEVER)
    again = np.where((clicked < NEVER) & (rng.random(len(order)) < 0.3), clicked + DAY, NEVER)
    resent = np.where(
        (sent < NEVER) & (clicked > sent + 5 * DAY) & (rng.random(len(order)) < 0.6),
        sent + 5 * DAY,
        NEVER,
    )
    of_order = np.full(len(planned), -1, np.int32)
    of_order[order] = np.arange(len(order))
    return Trackers(
        order=order.astype(np.int32),
        created=(orders.time[order] + 3600).astype(np.int32),
        send=send_at[order],
        sent=sent_at[order],
        resent=resent.astype(np.int32),
        clicked=clicked.astype(np.int32),
        clicked_again=again.astype(np.int32),
        of_order=of_order,
    )
