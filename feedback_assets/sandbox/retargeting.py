"""Retargeting's `json-feedback`: the whole list, or everything since a Unix time, in one body.

Undocumented, and chosen here: `t` is compared with the feedback's own `added_on`, so it misses a
new review of older feedback; errors have status 200.
"""

from collections.abc import Iterator

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from feedback_assets.sandbox import credentials, identity
from feedback_assets.sandbox.answering import answer, as_json
from feedback_assets.sandbox.credentials import expected
from feedback_assets.sandbox.draws import Array, pick
from feedback_assets.sandbox.malformed import Record, spoil
from feedback_assets.sandbox.state import State
from feedback_assets.sandbox.thanx import comment
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import PRODUCTS

PATH = "/email-campaigns/json-feedback"
_CHUNK = 1000


def seen(view: View) -> Array:
    """Positions of the feedback given so far."""
    return np.arange(int(np.searchsorted(view.world.ratings.added, view.clock)))


def _reviews(view: View, first: int, last: int) -> dict[int, list[Record]]:
    """Visible reviews of the feedback in [first, last), by feedback."""
    held = view.world.ratings
    start, stop = (int(held.review_start[edge]) for edge in (first, last))
    shown = start + np.flatnonzero(held.review_added[start:stop] < view.clock)
    words = pick(view.world.seed, "review-words", shown, 1 << 20).tolist()
    records, parents = [], held.review_parent[shown].tolist()
    for position, word in zip(shown.tolist(), words, strict=True):
        score = int(held.review_score[position])
        silent = score >= 0 and word % 10 < 5  # the two are never both null
        record: Record = {
            "realid": PRODUCTS[int(held.review_product[position])].id,
            "added_on": view.local(int(held.review_added[position]), " "),
            "score": None if score < 0 else score,
            "comment": None if silent else comment(8 if score < 0 else score, word >> 4),
        }
        records.append(record)
    spoil(view, "retargeting.product_reviews", shown, records)
    grouped: dict[int, list[Record]] = {}
    for parent, record in zip(parents, records, strict=True):
        grouped.setdefault(parent, []).append(record)
    return grouped


def feedback(view: View, first: int, last: int) -> list[Record]:
    """Order feedback at the positions [first, last), in its current state."""
    world, held = view.world, view.world.ratings
    positions = np.arange(first, last)
    chances = pick(world.seed, "retargeting", positions, 100).tolist()
    words = pick(world.seed, "retargeting-words", positions, 1 << 20).tolist()
    reviews = _reviews(view, first, last)
    records = []
    for position, chance, word in zip(positions.tolist(), chances, words, strict=True):
        order, score = int(held.order[position]), int(held.score[position])
        # One order in twelve came through a channel outside the shop's numbering.
        number = f"M{order:06d}" if chance < 8 else identity.order_source_id(order)
        silent = score >= 0 and (word >> 8) % 10 < 4
        opinion = int(world.orders.score[order])
        record: Record = {
            "order": {
                "orderno": number,
                "date": view.local(int(world.orders.time[order]), " "),
            },
            "score": None if score < 0 else score,
            "comment": None if silent else comment(opinion, word),
            "added_on": view.local(int(held.added[position]), " "),
            "product_reviews": reviews.get(position, []),
        }
        records.append(record)
    spoil(view, "retargeting.order_feedback", positions, records)
    return records


def _error(message: str) -> Response:
    return answer({"status": "error", "message": message})


def _stream(view: View, first: int, last: int) -> Iterator[bytes]:
    yield b'{"status":"success","data":['
    for start in range(first, last, _CHUNK):
        body = as_json(feedback(view, start, min(start + _CHUNK, last)))
        yield (b"," if start > first else b"") + body[1:-1]
    yield b"]}"


class Retargeting:
    """The request handler; it has no state except `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        return [Route(PATH, self.json_feedback)]

    def json_feedback(self, request: Request) -> Response:
        query, view = request.query_params, self.state.view()
        refusal = _refusal(request, view)
        if refusal:
            return _error(refusal)
        since = query.get("t")
        if since and not (since.isascii() and since.isdigit()):
            return answer({"status": "fail", "data": {"t": "t must be a Unix timestamp"}})
        first, last = 0, len(seen(view))
        if since:
            after = view.world.since_origin(int(since))
            first = min(int(np.searchsorted(view.world.ratings.added, after)), last)
        return StreamingResponse(_stream(view, first, last), media_type="application/json")


def _refusal(request: Request, view: View) -> str | None:
    """The documented message for a missing or invalid credential, in the documented order."""
    key, customer = request.query_params.get("k"), request.query_params.get("u")
    if not customer:
        return "No customer id provided!"
    if not key:
        return "No rest key provided!"
    if customer != expected(request, credentials.RETARGETING_CUSTOMER_ID):
        return "No customer found with the provided id!"
    if key != expected(request, credentials.RETARGETING_REST_KEY):
        return "Incorrect rest key!"
    if view.faults.retargeting_inactive:
        return "Your account is not active!"
    return None
