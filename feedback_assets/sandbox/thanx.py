"""Thanx's feedback API: the consumer's whole list and the merchant's paged one.

Undocumented, and chosen here: the merchant's list is ordered by purchase, oldest first, and
`updated_after` is exclusive.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from feedback_assets.sandbox import credentials, identity
from feedback_assets.sandbox.answering import BadParameter, answer, as_json, whole_number
from feedback_assets.sandbox.credentials import expected
from feedback_assets.sandbox.draws import Array, pick
from feedback_assets.sandbox.malformed import Record, spoil
from feedback_assets.sandbox.state import State
from feedback_assets.sandbox.times import NEVER
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import (
    COMMENTS_HAPPY,
    COMMENTS_NEUTRAL,
    COMMENTS_UNHAPPY,
    ORDER_PROVIDERS,
    REPLIES,
)

STATES = ("unviewed", "viewed", "expired", "rated", "reviewed", "responded")
_CHUNK = 1000
_STAMPS = ("viewed", "rated", "reviewed", "responded")


def comment(score: int, chance: int) -> str:
    """A comment that fits the score; `chance` is any integer."""
    words = COMMENTS_UNHAPPY if score <= 6 else COMMENTS_NEUTRAL if score <= 8 else COMMENTS_HAPPY
    return words[chance % len(words)]


def seen(view: View) -> Array:
    """Positions of the prompts that exist so far."""
    stop = int(np.searchsorted(view.world.prompts.purchased, view.clock))
    known = view.world.orders.arrives[view.world.prompts.order[:stop]] < view.clock
    return np.flatnonzero(known)


def states(view: View, positions: Array) -> Array:
    """State of each prompt as an index into STATES."""
    held = view.world.prompts
    state = np.zeros(len(positions), np.int8)
    state[held.viewed[positions] < view.clock] = 1
    state[held.expires[positions] < view.clock] = 2
    for index, name in enumerate(_STAMPS[1:], start=3):
        state[getattr(held, name)[positions] < view.clock] = index
    return state


def updated(view: View, positions: Array) -> Array:
    """When each prompt last changed, up to the current time."""
    held = view.world.prompts
    last = view.world.orders.arrives[held.order[positions]].copy()
    for name in (*_STAMPS, "expires"):
        stamp = getattr(held, name)[positions]
        last = np.where(stamp < view.clock, np.maximum(last, stamp), last)
    return last


def _purchase(view: View, prompt: int, order: int, chance: int) -> tuple[str, Record]:
    """User and purchase. Three in ten lack the shop's number, depending on `chance` of 0–99."""
    world = view.world
    user = identity.contact_source_id(int(world.orders.contact[order]))
    purchase: Record = {
        "id": f"{prompt:06d}p{chance:02d}",
        "purchased_at": view.zulu(int(world.prompts.purchased[prompt])),
        "amount": int(world.orders.cents[order]) / 100,
        "order": {
            "id": identity.order_source_id(order),
            "provider": ORDER_PROVIDERS[prompt % len(ORDER_PROVIDERS)],
        },
    }
    if chance < 8:  # identified by the purchase only
        purchase["id"] = identity.order_id(order)
        purchase["order"] = None if chance < 4 else {"id": f"pos-{prompt}", "provider": "Olo"}
    elif chance < 20:  # identified by the customer only
        purchase["order"] = {"id": f"pos-{prompt}", "provider": "Olo"}
    elif chance < 30:  # not identified
        purchase["order"] = None
        user = f"walk-in-{prompt}"
    return user, purchase


def feedbacks(view: View, positions: Array) -> list[Record]:
    """Feedback records at these positions, in their current state."""
    world, held = view.world, view.world.prompts
    chances = pick(world.seed, "thanx-purchase", positions, 100).tolist()
    words = pick(world.seed, "thanx-words", positions, 1 << 20).tolist()
    state = states(view, positions).tolist()
    orders = held.order[positions].tolist()
    records = []
    for row, prompt in enumerate(positions.tolist()):
        chance = chances[row]
        user, purchase = _purchase(view, prompt, orders[row], chance)
        score = int(held.rating[prompt])
        reviewed = view.seen(int(held.reviewed[prompt]))
        replied = view.seen(int(held.responded[prompt]))
        record: Record = {
            "id": f"{prompt:08x}f0",
            "user_id": user,
            "merchant_id": credentials.THANX_MERCHANT_ID,
            "location_id": f"location-{prompt % 7}",
            "state": STATES[state[row]],
            "expires_at": view.zulu(int(held.expires[prompt])),
            "rating": score if view.seen(int(held.rated[prompt])) else None,
            "review": comment(score, words[row]) if reviewed else None,
            "response": REPLIES[words[row] % len(REPLIES)] if replied else None,
            "purchase": purchase,
        }
        if chance % 4 == 0:
            record["purchased_at"] = purchase["purchased_at"]
            if chance % 3 == 0:
                del purchase["purchased_at"]
        for name in _STAMPS:
            stamp = int(getattr(held, name)[prompt])
            if view.seen(stamp):
                record[f"{name}_at"] = view.zulu(stamp)
            elif chance % 5 == 0:
                record[f"{name}_at"] = None
        records.append(record)
    spoil(view, "thanx.feedbacks", positions, records)
    return records


def rating_sum(view: View, positions: Array) -> int:
    """Sum of the ratings so far at these positions."""
    held = view.world.prompts
    given = held.rated[positions] < min(view.clock, int(NEVER))
    return int(held.rating[positions][given].astype(np.int64).sum())


def _error(code: int, message: str) -> Response:
    return answer({"error": {"code": code, "message": message}}, code)


def _refusal(request: Request) -> Response | None:
    if (
        request.headers.get("authorization")
        != f"Bearer {expected(request, credentials.THANX_ACCESS_TOKEN)}"
    ):
        return _error(401, "The access token is invalid")
    client = request.headers.get("x-clientid")
    if client is not None and client != expected(request, credentials.THANX_CLIENT_ID):
        return _error(401, "The client id is unknown")
    return None


class Thanx:
    """The request handlers; they have no state except `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        return [Route("/feedbacks", self.everything), Route("/partner/feedbacks", self.partner)]

    def everything(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        return StreamingResponse(_whole_list(self.state.view()), media_type="application/json")

    def partner(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        merchant = request.query_params.get("merchant_id")
        if not merchant:
            return _error(400, "merchant_id is required")
        if merchant != credentials.THANX_MERCHANT_ID:
            return _error(404, "Merchant not found")
        try:
            return self._page(request, self.state.view())
        except BadParameter as reason:
            return _error(400, str(reason))

    def _page(self, request: Request, view: View) -> Response:
        query = request.query_params
        page = whole_number(query.get("page"), "page", 1)
        size = whole_number(query.get("per_page"), "per_page", 25, most=100)
        wanted = tuple(sorted({*query.getlist("states[]")}))
        unknown = [name for name in wanted if name not in STATES]
        if unknown:
            raise BadParameter(f"states[] does not know {unknown[0]}")
        after = _moment(query.get("updated_after"))

        def choose() -> Array:
            chosen = seen(view)
            if wanted:
                chosen = chosen[
                    np.isin(states(view, chosen), [STATES.index(name) for name in wanted])
                ]
            if after is not None:
                chosen = chosen[updated(view, chosen) > view.world.since_origin(after)]
            return chosen

        chosen = self.state.selection(("thanx", wanted, after, view.clock), choose)
        return answer(
            {
                "feedbacks": feedbacks(view, chosen[(page - 1) * size : page * size]),
                "pagination": {
                    "current_page": page,
                    "per_page": size,
                    "total_pages": -(-len(chosen) // size),
                },
            }
        )


def _whole_list(view: View) -> Iterator[bytes]:
    positions = seen(view)
    yield b'{"feedbacks":['
    for start in range(0, len(positions), _CHUNK):
        body = as_json(feedbacks(view, positions[start : start + _CHUNK]))
        yield (b"," if start else b"") + body[1:-1]
    yield b"]}"


def _moment(text: str | None) -> float | None:
    """Epoch seconds of an ISO 8601 time; UTC if it has no zone."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise BadParameter("updated_after is not an ISO 8601 time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
