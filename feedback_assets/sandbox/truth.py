"""The expected result of reading the sandbox correctly: rows and sums for a range of days.

Only this calculation belongs here; it uses the world's arrays rather than rendered records, so
that it also verifies the rendering.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from feedback_assets.sandbox import feedbackpulse, fullwhere, retargeting, thanx
from feedback_assets.sandbox.draws import Array
from feedback_assets.sandbox.state import Written
from feedback_assets.sandbox.times import midnight
from feedback_assets.sandbox.view import View

Truth = dict[str, dict[str, Any]]


def _scores(scores: Array) -> int:
    return int(scores[scores >= 0].astype(np.int64).sum())


def reckon(view: View, written: Written, first: date, last: date) -> Truth:
    """For each provider table, rows, sums and malformed records of the UTC days first..last.

    Rows and sums cover records that can be typed, in their current state; `malformed` counts the
    others, whose day only the sandbox knows.
    """
    world = view.world
    start = world.since_origin(midnight(first))
    stop = world.since_origin(midnight(last + timedelta(days=1)))
    truth: Truth = {}

    def add(table: str, positions: Array, times: Array, **sums: Callable[[Array], Any]) -> None:
        within = positions[(times >= start) & (times < stop)]
        bad = view.malformed(table, within)
        good = within[~bad]
        truth[table] = {"rows": len(good), "malformed": int(bad.sum())}
        truth[table] |= {name: total(good) for name, total in sums.items()}

    contacts, clicks, orders = world.contacts, world.clicks, world.orders
    joined = np.flatnonzero(contacts.joined < view.clock)
    add("wicked_reports.contacts", joined, contacts.joined[joined])
    shown = np.flatnonzero(clicks.shows < view.clock)
    add("wicked_reports.clicks", shown, clicks.time[shown])
    arrived = np.flatnonzero(orders.arrives < view.clock)
    add(
        "wicked_reports.orders",
        arrived,
        orders.time[arrived],
        amount=lambda good: Decimal(int(orders.cents[good].astype(np.int64).sum())) / 100,
    )
    prompts = thanx.seen(view)
    add(
        "thanx.feedbacks",
        prompts,
        world.prompts.purchased[prompts],
        rating=lambda good: thanx.rating_sum(view, good),
    )
    trackers = fullwhere.seen(view)
    add(
        "fullwhere.survey_trackers",
        trackers,
        world.trackers.send[trackers],
        clicks=lambda good: fullwhere.click_sum(view, good),
    )
    submitted = feedbackpulse.seen(view)
    add(
        "feedbackpulse.submissions",
        submitted,
        world.submissions.created[submitted],
        nps_score=lambda good: _scores(world.submissions.score[good]),
    )
    ratings = world.ratings
    rated = retargeting.seen(view)
    add(
        "retargeting.order_feedback",
        rated,
        ratings.added[rated],
        score=lambda good: _scores(ratings.score[good]),
    )
    reviewed = np.flatnonzero(ratings.review_added < view.clock)
    add(
        "retargeting.product_reviews",
        reviewed,
        ratings.review_added[reviewed],
        score=lambda good: _scores(ratings.review_score[good]),
    )
    _add_written(truth, written, start, stop)
    return truth


def _add_written(truth: Truth, written: Written, start: int, stop: int) -> None:
    """Records created through write endpoints belong to the lists too, and are never malformed."""
    made = [record for record in written.submissions if start <= record["seconds"] < stop]
    submissions = truth["feedbackpulse.submissions"]
    submissions["rows"] += len(made)
    submissions["nps_score"] += sum(record["nps_score"] or 0 for record in made)
    truth["fullwhere.survey_trackers"]["rows"] += sum(
        start <= seconds < stop for _, seconds in written.trackers
    )
