"""Fullwhere's partner API: survey trackers, retrieved, listed, or generated for a purchase.

Undocumented, and chosen here: the envelope `{"data": […], "total": n}`, the order by planned time
of sending, that a date without a time means midnight UTC, and that both ends of a range are
inclusive.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feedback_assets.sandbox import credentials, identity
from feedback_assets.sandbox.answering import BadParameter, answer
from feedback_assets.sandbox.credentials import expected
from feedback_assets.sandbox.draws import Array
from feedback_assets.sandbox.malformed import Record, spoil
from feedback_assets.sandbox.state import State
from feedback_assets.sandbox.times import NEVER
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import SENDING_TYPES, SURVEYS

_SCRAMBLE = 0x5DEECE66D  # odd, and therefore invertible modulo 2**48
_MODULUS = 1 << 48
_GENERATED = 1 << 40
"""Positions from here on are trackers created by `generate`."""
_LIST_FIELDS = {"limit", "page", "fromSendAt", "toSendAt", "purchases", "customers"}
_REASONS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


def tracker_id(position: int) -> str:
    """A UUID that encodes the position."""
    scrambled = position * _SCRAMBLE % _MODULUS
    return str(UUID(int=0x5B1D6F0A_3C52_4E77_9A10 << 48 | scrambled))


def tracker_position(text: str) -> int | None:
    """The position encoded in a tracker's id."""
    try:
        scrambled = UUID(text).int % _MODULUS
    except ValueError:
        return None
    position = scrambled * pow(_SCRAMBLE, -1, _MODULUS) % _MODULUS
    return position if tracker_id(position) == text.lower() else None


def _record(view: View, number: int, order: int, times: dict[str, int], kind: str) -> Record:
    contact = int(view.world.orders.contact[order])
    survey, name = SURVEYS[order % 19 % len(SURVEYS)]
    sent = view.zulu_if_seen(times["sent"])
    resent = view.zulu_if_seen(times["resent"])
    by_mail = kind == "email"
    address = (identity.email(view.world, contact) or "").lower() or None
    clicks = sum(view.seen(times[name]) for name in ("clicked", "clicked_again"))
    due = view.seen(times["send"] + 3600)
    status = "clicked" if clicks else "sent" if sent else "failed" if due else "planned"
    last = max((stamp for stamp in times.values() if view.seen(stamp)), default=times["created"])
    return {
        "id": tracker_id(number),
        "createdAt": view.millis(times["created"]),
        "updatedAt": view.millis(last),
        "surveyId": survey,
        "surveyName": name,
        "sendAt": view.millis(times["send"]),
        "sentAt": sent,
        "resendAt": resent,
        "resent": resent is not None,
        "sendingIndex": int(resent is not None),
        "customerId": identity.contact_source_id(contact),
        "purchaseId": (
            identity.order_id(order) if order % 7 == 0 else identity.order_source_id(order)
        ),
        "sendingType": kind,
        "status": "external" if kind == "external" else status,
        "link": f"https://survey.example/s/{number:x}" if sent or kind == "external" else None,
        "newReviewLink": "https://reviews.example/write" if order % 4 == 0 else None,
        "sentTo": (address if by_mail else f"+4915550{contact:06d}") if sent else None,
        "switchedToSms": kind == "sms" and order % 3 == 0,
        "clicks": clicks,
        "uniqueClicks": min(clicks, 1),
    }


def trackers(view: View, positions: Array) -> list[Record]:
    """Trackers at these positions, in their current state."""
    held = view.world.trackers
    names = ("created", "send", "sent", "resent", "clicked", "clicked_again")
    columns = {name: getattr(held, name)[positions].tolist() for name in names}
    orders = held.order[positions].tolist()
    records = [
        _record(
            view,
            position,
            orders[row],
            {name: column[row] for name, column in columns.items()},
            SENDING_TYPES[orders[row] * 7 % 10 % 4 % len(SENDING_TYPES)],
        )
        for row, position in enumerate(positions.tolist())
    ]
    spoil(view, "fullwhere.survey_trackers", positions, records)
    return records


def seen(view: View) -> Array:
    """Positions of the trackers that exist so far, including future sendings."""
    held = view.world.trackers
    arrived = view.world.orders.arrives[held.order] < view.clock
    return np.flatnonzero((held.created < view.clock) & arrived)


def click_sum(view: View, positions: Array) -> int:
    """Number of clicks so far on the trackers at these positions."""
    held = view.world.trackers
    return sum(
        int((stamps[positions] < view.clock).sum()) for stamps in (held.clicked, held.clicked_again)
    )


def _refuse(status: int, *messages: str) -> Response:
    body = {
        "statusCode": status,
        "message": list(messages) if status == 400 else messages[0],
        "error": _REASONS[status],
    }
    return answer(body, status)


def _refusal(request: Request) -> Response | None:
    key, secret = request.headers.get("x-api-key"), request.headers.get("x-api-secret")
    names = credentials.FULLWHERE_API_KEY, credentials.FULLWHERE_API_SECRET
    if (key, secret) != tuple(expected(request, name) for name in names):
        return _refuse(401, "Invalid partner credentials")
    return None


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        raise BadParameter("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadParameter("the body must be an object")
    return body


def _number(body: dict[str, Any], name: str, default: int, most: int | None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadParameter(f"{name} must be a number not less than 1")
    if most is not None and value > most:
        raise BadParameter(f"{name} must not be greater than {most}")
    return value


def _moment(body: dict[str, Any], name: str) -> float | None:
    text = body.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadParameter(f"{name} must be a valid ISO 8601 date string") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ids(body: dict[str, Any], name: str) -> tuple[str, ...] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadParameter(f"each value in {name} must be a string")
    if not 1 <= len(value) <= 100:
        raise BadParameter(f"{name} must contain at least 1 and not more than 100 elements")
    return tuple(value)


class _Filter(msgspec.Struct, frozen=True):
    """The parameters of a list request; times are the world's seconds, ids are positions."""

    since: float | None
    until: float | None
    orders: tuple[int, ...] | None
    customers: tuple[int, ...] | None

    @classmethod
    def of(cls, body: dict[str, Any], view: View) -> "_Filter":
        since, until = _moment(body, "fromSendAt"), _moment(body, "toSendAt")
        orders, customers = (
            None
            if names is None
            else tuple(f for f in (find(view.world, name) for name in names) if f is not None)
            for names, find in (
                (_ids(body, "purchases"), identity.find_order),
                (_ids(body, "customers"), identity.find_contact),
            )
        )
        return cls(
            since=None if since is None else since - view.world.origin,
            until=None if until is None else until - view.world.origin,
            orders=orders,
            customers=customers,
        )

    def choose(self, view: View) -> Array:
        held = view.world.trackers
        chosen = seen(view)
        if self.since is not None:
            chosen = chosen[held.send[chosen] >= self.since]
        if self.until is not None:
            chosen = chosen[held.send[chosen] <= self.until]
        if self.orders is not None:
            chosen = chosen[np.isin(held.order[chosen], self.orders)]
        if self.customers is not None:
            people = view.world.orders.contact[held.order[chosen]]
            chosen = chosen[np.isin(people, self.customers)]
        return chosen

    def fits(self, view: View, order: int, seconds: int) -> bool:
        """Whether a tracker generated for an order at this time belongs to the list."""
        contact = int(view.world.orders.contact[order])
        return (
            (self.since is None or seconds >= self.since)
            and (self.until is None or seconds <= self.until)
            and (self.orders is None or order in self.orders)
            and (self.customers is None or contact in self.customers)
        )


class Fullwhere:
    """The request handlers; they have no state except `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        base = "/partners/survey-tracker"
        return [
            Route(base, self.single),
            Route(f"{base}/list", self.listing, methods=["POST"]),
            Route(f"{base}/generate", self.generate, methods=["POST"]),
        ]

    def single(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        wanted = request.query_params.get("id", "")
        position = tracker_position(wanted)
        view = self.state.view()
        if position is None:
            try:
                UUID(wanted)
            except ValueError:
                return _refuse(400, "id must be a UUID")
            return _refuse(404, "Survey tracker not found")
        if position >= _GENERATED:
            made = self._generated(view)
            number = position - _GENERATED
            return answer(made[number]) if number < len(made) else _refuse(404, "Not found")
        if position >= len(view.world.trackers.order) or position not in seen(view):
            return _refuse(404, "Survey tracker not found")
        return answer(trackers(view, np.array([position]))[0])

    async def listing(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        try:
            body = await _body(request)
            return await run_in_threadpool(self._list, body)
        except BadParameter as reason:
            return _refuse(400, str(reason))

    def _list(self, body: dict[str, Any]) -> Response:
        unknown = set(body) - _LIST_FIELDS
        if unknown:
            raise BadParameter(f"property {min(unknown)} should not exist")
        view = self.state.view()
        size = _number(body, "limit", 10, 100)
        start = (_number(body, "page", 1, None) - 1) * size
        wanted = _Filter.of(body, view)
        chosen = self.state.selection(
            ("fullwhere", wanted, view.clock), lambda: wanted.choose(view)
        )
        with self.state.lock:
            made = list(self.state.written.trackers)
        all_late = self._generated(view)
        late = [
            record
            for record, (order, seconds) in zip(all_late, made, strict=False)
            if wanted.fits(view, order, seconds)
        ]
        page = trackers(view, chosen[start : start + size])
        page += late[max(0, start - len(chosen)) : max(0, start + size - len(chosen))]
        return answer({"data": page, "total": len(chosen) + len(late)})

    def _generated(self, view: View) -> list[Record]:
        with self.state.lock:
            made = list(self.state.written.trackers)
        rest = dict.fromkeys(("sent", "resent", "clicked", "clicked_again"), int(NEVER))
        return [
            _record(
                view,
                _GENERATED + number,
                order,
                {"created": seconds, "send": seconds, **rest},
                "external",
            )
            for number, (order, seconds) in enumerate(made)
        ]

    async def generate(self, request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return refusal
        try:
            body = await _body(request)
        except BadParameter as reason:
            return _refuse(400, str(reason))
        purchase = body.get("purchaseId")
        if not isinstance(purchase, str) or not purchase or set(body) != {"purchaseId"}:
            return _refuse(400, "purchaseId must be a string")
        view = self.state.view()
        order = identity.find_order(view.world, purchase)
        if order is None or not view.seen(int(view.world.orders.arrives[order])):
            return _refuse(404, "Purchase not found")
        return answer([self._tracker_of(view, order)], 201)

    def _tracker_of(self, view: View, order: int) -> Record:
        """The order's tracker, created now if there is none."""
        existing = int(view.world.trackers.of_order[order])
        if existing >= 0 and view.seen(int(view.world.trackers.created[existing])):
            return trackers(view, np.array([existing]))[0]
        with self.state.lock:
            made = self.state.written.trackers
            orders = [known for known, _ in made]
            if order not in orders:
                made.append((order, view.clock))
                orders.append(order)
        return self._generated(view)[orders.index(order)]
