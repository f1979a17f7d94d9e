"""Wicked Reports' outbound API: contacts, clicks and orders, by day range, paginated.

Undocumented, and chosen here: `from` and `to` are inclusive UTC days unless the switches say
otherwise; a limit above 1000 is an error; `next` on the last page leads to an empty one.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feedback_assets.sandbox import credentials, identity, wicked_records
from feedback_assets.sandbox.answering import BadParameter, answer, day, whole_number
from feedback_assets.sandbox.credentials import expected
from feedback_assets.sandbox.draws import Array
from feedback_assets.sandbox.state import State
from feedback_assets.sandbox.times import window
from feedback_assets.sandbox.view import View

MOST_ROWS = 1000
MOST_CLICKS_OF_CONTACT = 10_000
_LIST_CLICKS_DAYS, _CONTACT_CLICKS_DAYS = 30, 180

Render = Callable[[View, Array], list[dict[str, Any]]]


def refuse(message: str, status: int) -> Response:
    return answer({"status": "error", "message": message}, status)


def _mask(bound: str) -> int:
    return int.from_bytes(sha256(bound.encode()).digest()[:16], "big")


def token(offset: int, bound: str) -> str:
    """A key for the page at an offset: 32 hex digits that are valid only for the query `bound`."""
    return f"{(offset << 64 | offset * 0x9E3779B97F4A7C15 & (1 << 64) - 1) ^ _mask(bound):032x}"


def offset_of(text: str, bound: str) -> int:
    """The offset encoded in a key; raises BadParameter if it belongs to another query."""
    try:
        opened = int(text, 16) ^ _mask(bound)
    except ValueError:
        opened = -1
    offset = opened >> 64
    if opened < 0 or len(text) != 32 or token(offset, bound) != text:
        raise BadParameter("next is not a valid key for this query")
    return offset


def _period(request: Request, view: View, *, most_days: int | None) -> tuple[int, int]:
    """Seconds [start, stop) of the world selected by `from` and `to`."""
    first, last = (day(request.query_params.get(name), name) for name in ("from", "to"))
    if first is None or last is None:
        raise BadParameter("from and to are required")
    if last < first:
        raise BadParameter("to lies before from")
    if most_days is not None and (last - first).days > most_days:
        raise BadParameter(f"from and to cannot be more than {most_days} days apart")
    faults = view.faults
    start, stop = window(
        first, last, ZoneInfo(faults.filter_timezone), to_exclusive=faults.to_exclusive
    )
    return view.world.since_origin(start), view.world.since_origin(stop)


def _between(times: Array, start: int, stop: int) -> slice:
    low, high = np.searchsorted(times, (start, stop))
    return slice(int(low), int(high))


def _page(request: Request, view: View, chosen: Array, render: Render) -> Response:
    query = request.query_params
    limit = whole_number(query.get("limit"), "limit", 100, most=MOST_ROWS)
    bound = f"{request.url.path}?{query.get('from')}:{query.get('to')}"
    offset = offset_of(query["next"], bound) if query.get("next") else 0
    total = len(chosen)
    return answer(
        {
            "status": "success",
            "results": render(view, chosen[offset : offset + limit]),
            "page": offset // limit + 1,
            "totalPages": -(-total // limit),
            "total": total,
            "next": token(min(offset + limit, total), bound),
        }
    )


class WickedReports:
    """The request handlers; they have no state except `State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        paths = {
            "/contacts": self.contacts,
            "/clicks": self.clicks,
            "/orders": self.orders,
            "/contacts/{key}": self.contact,
            "/contacts/{key}/clicks": self.contact_clicks,
            "/contacts/{key}/orders": self.contact_orders,
        }
        return [Route(path, self._guarded(handler)) for path, handler in paths.items()]

    def _guarded(
        self, handler: Callable[[Request, View], Response]
    ) -> Callable[[Request], Response]:
        def guarded(request: Request) -> Response:
            if request.headers.get("apikey") != expected(
                request, credentials.WICKED_REPORTS_API_KEY
            ):
                return refuse("Outbound API not enabled for client.", 401)
            try:
                return handler(request, self.state.view())
            except BadParameter as reason:
                return refuse(
                    "There was some problem with your request. You should review the parameters "
                    f"and try again. ({reason})",
                    400,
                )

        return guarded

    def contacts(self, request: Request, view: View) -> Response:
        start, stop = _period(request, view, most_days=None)
        joined = view.world.contacts.joined
        part = _between(joined, start, min(stop, view.clock))
        return _page(request, view, np.arange(part.start, part.stop), wicked_records.contacts)

    def clicks(self, request: Request, view: View) -> Response:
        start, stop = _period(request, view, most_days=_LIST_CLICKS_DAYS)
        clicks = view.world.clicks

        def choose() -> Array:
            chosen = clicks.by_time[_between(clicks.times_sorted, start, min(stop, view.clock))]
            shown: Array = chosen[clicks.shows[chosen] < view.clock]
            return shown

        chosen = self.state.selection(("clicks", start, stop, view.clock), choose)
        return _page(request, view, chosen, wicked_records.clicks)

    def orders(self, request: Request, view: View) -> Response:
        start, stop = _period(request, view, most_days=None)
        orders = view.world.orders

        def choose() -> Array:
            part = _between(orders.time, start, min(stop, view.clock))
            positions: Array = part.start + np.flatnonzero(orders.arrives[part] < view.clock)
            return positions

        chosen = self.state.selection(("orders", start, stop, view.clock), choose)
        return _page(request, view, chosen, _orders_with_contact)

    def _known(self, request: Request, view: View) -> int | Response:
        key = request.path_params["key"]
        position = identity.find_contact(view.world, key)
        if position is None or not view.seen(int(view.world.contacts.joined[position])):
            return refuse(f"Contact with id {key} not found.", 404)
        return position

    def contact(self, request: Request, view: View) -> Response:
        position = self._known(request, view)
        if isinstance(position, Response):
            return position
        record = wicked_records.contacts(view, np.array([position]))[0]
        return answer({"status": "success", "result": record})

    def contact_clicks(self, request: Request, view: View) -> Response:
        position = self._known(request, view)
        if isinstance(position, Response):
            return position
        clicks = view.world.clicks
        start, stop = clicks.contact_start[position : position + 2].tolist()
        chosen = start + np.flatnonzero(clicks.shows[start:stop] < view.clock)
        if request.query_params.get("from") or request.query_params.get("to"):
            since, until = _period(request, view, most_days=_CONTACT_CLICKS_DAYS)
            times = clicks.time[chosen]
            chosen = chosen[(times >= since) & (times < until)]
        return _page(request, view, chosen[:MOST_CLICKS_OF_CONTACT], wicked_records.clicks)

    def contact_orders(self, request: Request, view: View) -> Response:
        position = self._known(request, view)
        if isinstance(position, Response):
            return position
        since, until = _period(request, view, most_days=None)
        orders = view.world.orders
        start, stop = orders.contact_start[position : position + 2].tolist()
        own = orders.of_contact[start:stop]
        times = orders.time[own]
        known = (times >= since) & (times < until) & (orders.arrives[own] < view.clock)
        return _page(request, view, own[known], _orders_without_contact)


def _orders_with_contact(view: View, positions: Array) -> list[dict[str, Any]]:
    return wicked_records.orders(view, positions, with_contact=True)


def _orders_without_contact(view: View, positions: Array) -> list[dict[str, Any]]:
    return wicked_records.orders(view, positions, with_contact=False)
