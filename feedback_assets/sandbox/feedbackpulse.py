"""FeedbackPulse's "API de Envios": list, retrieve and create submissions.

Undocumented, and chosen here: newest first, so that pages shift when a submission arrives during
pagination; `from` and `to` are inclusive UTC days unless the switches say otherwise; invalid
parameters and bodies are answered with 422.
"""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feedback_assets.sandbox import credentials, identity
from feedback_assets.sandbox.answering import BadParameter, answer, day, whole_number
from feedback_assets.sandbox.credentials import expected
from feedback_assets.sandbox.draws import Array, pick
from feedback_assets.sandbox.malformed import Record, spoil
from feedback_assets.sandbox.state import State
from feedback_assets.sandbox.thanx import comment
from feedback_assets.sandbox.times import start_of
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import COMMENTS_SPAM, PRODUCTS, REPLIES

STATUSES = ("pending", "approved", "resolved", "spam")
CAMPAIGNS = 3
_FIRST_ID = 42


def seen(view: View) -> Array:
    """Positions of the submissions made so far, oldest first."""
    return np.arange(int(np.searchsorted(view.world.submissions.created, view.clock)))


def statuses(view: View, positions: Array) -> Array:
    """Status of each submission as an index into STATUSES: pending until it is processed."""
    held = view.world.submissions
    decided = np.where(held.order[positions] < 0, 3, 1 + (positions % 5 == 0))
    status: Array = np.where(held.moderated[positions] < view.clock, decided, 0)
    return status


def campaigns(view: View, positions: Array) -> Array:
    """Campaign of each submission, 1–3."""
    return pick(view.world.seed, "feedbackpulse-campaign", positions, CAMPAIGNS) + 1


def products(view: View, positions: Array) -> Array:
    """Product of each submission, or 0: half of them have none."""
    drawn = pick(view.world.seed, "feedbackpulse-product", positions, 2 * len(PRODUCTS))
    return np.where(drawn < len(PRODUCTS), drawn + 1, 0)


def _person(view: View, position: int, order: int, chance: int) -> tuple[str | None, str | None]:
    """Name and e-mail as typed: some unknown, some in capitals or with spaces, some missing."""
    if order < 0 or chance < 12:
        return None if chance % 2 else "Анна", f"visitor{position}@elsewhere.example"
    contact = int(view.world.orders.contact[order])
    name = " ".join(identity.names(view.world, contact))
    address = identity.email(view.world, contact)
    if address is None or chance < 17:
        return name, "" if chance % 3 == 0 else None
    if chance < 23:
        address = address.upper()
    elif chance < 28:
        address = f"  {address} "
    return (None if chance > 90 else name), address


def _sentiment(opinion: int, chance: int) -> tuple[float, str]:
    score = round(max(-1.0, min(1.0, (opinion - 6) / 4.2 + (chance - 50) / 500)), 2)
    return score, "positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"


def submissions(view: View, positions: Array) -> list[Record]:
    """Submissions at these positions, in their current state."""
    world, held = view.world, view.world.submissions
    chances = pick(world.seed, "feedbackpulse", positions, 100).tolist()
    words = pick(world.seed, "feedbackpulse-words", positions, 1 << 20).tolist()
    status = statuses(view, positions).tolist()
    campaign = campaigns(view, positions).tolist()
    product = products(view, positions).tolist()
    records = []
    for row, position in enumerate(positions.tolist()):
        chance, word = chances[row], words[row]
        order, opinion = int(held.order[position]), int(held.opinion[position])
        stars, score = int(held.stars[position]), int(held.score[position])
        name, address = _person(view, position, order, chance)
        text = COMMENTS_SPAM[word % len(COMMENTS_SPAM)] if order < 0 else comment(opinion, word)
        silent = order >= 0 and (word >> 8) % 20 < 7
        sentiment, label = _sentiment(opinion, chance)
        record: Record = {
            "id": _FIRST_ID + position,
            "campaign_id": campaign[row],
            "product_id": product[row] or None,
            "star_rating": None if stars < 0 else stars,
            "nps_score": None if score < 0 else score,
            "text_feedback": None if silent else text,
            "customer_name": name,
            "customer_email": address,
            "sentiment_score": None if silent else sentiment,
            "sentiment_label": None if silent else label,
            "status": STATUSES[status[row]],
            "is_public": status[row] == 1,
            "admin_reply": (
                REPLIES[word % len(REPLIES)] if view.seen(int(held.replied[position])) else None
            ),
            "created_at": view.zulu(int(held.created[position])),
        }
        records.append(record)
    spoil(view, "feedbackpulse.submissions", positions, records)
    return records


def _refuse(message: str, status: int) -> Response:
    return answer({"error": message, "status": status}, status)


def _refusal(request: Request) -> Response | None:
    if (
        request.headers.get("authorization")
        != f"Bearer {expected(request, credentials.FEEDBACKPULSE_API_KEY)}"
    ):
        return _refuse("Unauthenticated.", 401)
    return None


def _optional_number(query: Mapping[str, str], name: str) -> int | None:
    return whole_number(query[name], name, 0, least=0) if query.get(name) else None


class _Filter(msgspec.Struct, frozen=True):
    """The parameters of a list request; times are the world's seconds [since, until)."""

    status: str | None
    campaign: int | None
    product: int | None
    since: int | None
    until: int | None

    @classmethod
    def of(cls, query: Mapping[str, str], view: View) -> "_Filter":
        status = query.get("status") or None
        if status is not None and status not in STATUSES:
            raise BadParameter("The selected status is invalid.")
        zone, world = ZoneInfo(view.faults.filter_timezone), view.world
        first, last = day(query.get("from"), "from"), day(query.get("to"), "to")
        until = None
        if last is not None:
            until = start_of(last, zone) + (0 if view.faults.to_exclusive else 86_400)
        return cls(
            status=status,
            campaign=_optional_number(query, "campaign_id"),
            product=_optional_number(query, "product_id"),
            since=None if first is None else world.since_origin(start_of(first, zone)),
            until=None if until is None else world.since_origin(until),
        )

    def choose(self, view: View) -> Array:
        created = view.world.submissions.created
        chosen = seen(view)
        if self.since is not None:
            chosen = chosen[created[chosen] >= self.since]
        if self.until is not None:
            chosen = chosen[created[chosen] < self.until]
        if self.status is not None:
            chosen = chosen[statuses(view, chosen) == STATUSES.index(self.status)]
        if self.campaign is not None:
            chosen = chosen[campaigns(view, chosen) == self.campaign]
        if self.product is not None:
            chosen = chosen[products(view, chosen) == self.product]
        return chosen[::-1]

    def fits(self, record: Record, seconds: int) -> bool:
        """Whether a submission created at this time belongs to the list."""
        return (
            self.status in (None, record["status"])
            and self.campaign in (None, record["campaign_id"])
            and self.product in (None, record["product_id"])
            and (self.since is None or seconds >= self.since)
            and (self.until is None or seconds < self.until)
        )


class FeedbackPulse:
    """The request handlers; they have no state except `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        base = "/api/v2/submissions"
        return [
            Route(base, self.listing),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/{{id}}", self.single),
        ]

    def _created(self) -> list[dict[str, Any]]:
        with self.state.lock:
            return self.state.written.submissions[::-1]

    def listing(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        view, query = self.state.view(), request.query_params
        try:
            wanted = _Filter.of(query, view)
            page = whole_number(query.get("page"), "page", 1)
            size = whole_number(query.get("per_page"), "per_page", 15, most=100)
        except BadParameter as reason:
            return _refuse(str(reason), 422)
        chosen = self.state.selection(
            ("feedbackpulse", wanted, view.clock), lambda: wanted.choose(view)
        )
        made = [
            {name: value for name, value in record.items() if name != "seconds"}
            for record in self._created()
            if wanted.fits(record, record["seconds"])
        ]
        start = (page - 1) * size
        data = made[start : start + size]
        low, high = (max(0, edge - len(made)) for edge in (start, start + size))
        data += submissions(view, chosen[low:high])
        total = len(made) + len(chosen)
        return answer(
            {"data": data, "meta": {"current_page": page, "per_page": size, "total": total}}
        )

    def single(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        view, text = self.state.view(), request.path_params["id"]
        number = int(text) if text.isascii() and text.isdigit() else -1
        for record in self._created():
            if record["id"] == number:
                return answer({"data": {k: v for k, v in record.items() if k != "seconds"}})
        position = number - _FIRST_ID
        if not 0 <= position < len(seen(view)):
            return _refuse("Submission not found.", 404)
        return answer({"data": submissions(view, np.array([position]))[0]})

    async def create(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        raw = await request.body()
        return await run_in_threadpool(self._create, raw)

    def _create(self, raw: bytes) -> Response:
        try:
            body = msgspec.json.decode(raw, type=NewSubmission)
        except msgspec.DecodeError as reason:
            return _refuse(f"The given data was invalid. {reason}", 422)
        view = self.state.view()
        with self.state.lock:
            made = self.state.written.submissions
            # Far from generated ids, which grow with the clock.
            number = _FIRST_ID + len(view.world.submissions.created) + len(made)
            record = {
                "id": number,
                "campaign_id": body.campaign_id,
                "product_id": None,
                "star_rating": body.star_rating,
                "nps_score": body.nps_score,
                "text_feedback": body.text_feedback,
                "customer_name": body.customer_name,
                "customer_email": body.customer_email,
                "sentiment_score": None,
                "sentiment_label": None,
                "status": "pending",
                "is_public": False,
                "admin_reply": None,
                "created_at": view.zulu(view.clock),
                "seconds": view.clock,
            }
            made.append(record)
        shown = ("id", "campaign_id", "star_rating", "status", "created_at")
        return answer(
            {
                "data": {name: record[name] for name in shown},
                "message": "Submission created successfully",
            },
            201,
        )


class NewSubmission(msgspec.Struct, kw_only=True):
    """A body that `create` accepts: documented names, types and ranges."""

    campaign_id: int
    star_rating: int | None = None
    nps_score: int | None = None
    text_feedback: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    survey_responses: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.campaign_id <= CAMPAIGNS:
            raise ValueError("The selected campaign id is invalid.")
        if self.star_rating is not None and not 1 <= self.star_rating <= 5:
            raise ValueError("The star rating must be between 1 and 5.")
        if self.nps_score is not None and not 0 <= self.nps_score <= 10:
            raise ValueError("The nps score must be between 0 and 10.")
        if self.customer_email is not None and "@" not in self.customer_email:
            raise ValueError("The customer email must be a valid email address.")
