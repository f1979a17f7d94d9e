"""Contacts, clicks and orders in the format of Wicked Reports.

Only rendering belongs here: positions in, records out. Strings "null", missing and empty objects
occur as the documentation allows.
"""

from typing import Any

from feedback_assets.sandbox import identity
from feedback_assets.sandbox.attribution import (
    DIRECT,
    NONE,
    UTM_FIELDS,
    credited,
    touches,
    untagged,
    utms,
)
from feedback_assets.sandbox.draws import Array, pick
from feedback_assets.sandbox.journeys import CLICK_FIRST, CLICK_OPTIN, CLICK_REOPTIN, basket
from feedback_assets.sandbox.malformed import Record, spoil
from feedback_assets.sandbox.times import NEVER
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import CURRENCIES, PRODUCTS, SOURCE_SYSTEMS

_MODELS = ("firstClick", "firstOptin", "reOptin", "lastClick")
_NULLS = dict.fromkeys(UTM_FIELDS, "null")
_APPROVED = ("APPROVED", "APPROVED", "approved", "Approved")
_PARTIAL = ("Partially Refunded", "PARTIALLY REFUNDED", "partially refunded")


def _source_system(contact: int) -> str:
    return "unknown" if contact % 29 == 0 else SOURCE_SYSTEMS[contact % len(SOURCE_SYSTEMS)]


def _links(contact: int, *, own: bool) -> dict[str, Any]:
    base = f"/contacts/{identity.contact_id(contact)}"
    other = {"orders": {"href": f"{base}/orders"}} if own else {"contact": {"href": base}}
    return {**other, "clicks": {"href": f"{base}/clicks"}}


def lifetime_cents(view: View, contact: int) -> int:
    """The total of a contact's orders so far, minus refunds."""
    orders = view.world.orders
    start, stop = orders.contact_start[contact : contact + 2]
    positions = orders.of_contact[start:stop]
    kept = (orders.arrives[positions] < view.clock) & (orders.refunded[positions] >= view.clock)
    return int(orders.cents[positions][kept].sum())


def contacts(view: View, positions: Array) -> list[Record]:
    """Contacts at these positions."""
    world = view.world
    records = []
    for contact in positions.tolist():
        first, last = identity.names(world, contact)
        found = touches(view, contact, view.clock)
        record: Record = {
            "id": identity.contact_id(contact),
            "sourceId": identity.contact_source_id(contact),
            "sourceSystem": _source_system(contact),
            "email": identity.email(world, contact) or "null",
            "firstName": None if contact % 31 == 0 else first,
            "lastName": "null" if contact % 37 == 0 else last,
            "LTV": lifetime_cents(view, contact) / 100,
            "createDate": view.millis(int(world.contacts.joined[contact])),
        }
        for model, touch in zip(_MODELS[:3], found[:3], strict=True):
            if touch >= 0:
                record[model] = credited(view, touch, zoned=True)
            elif contact % 3 == 0:
                record[model] = {"date": "null" if contact % 2 else None, **_NULLS}
            elif contact % 3 == 1 and model != "reOptin":  # reOptin always has a date if present
                record[model] = {}
        record["urlWicked"] = (
            f"https://my.wickedreports.com/extras/customerltv?report=newlead&id={record['id']}"
        )
        record["links"] = _links(contact, own=True) if found.last_click >= 0 else {}
        records.append(record)
    spoil(view, "wicked_reports.contacts", positions, records)
    return records


def _is_last(view: View, position: int) -> bool:
    clicks = view.world.clicks
    stop = int(clicks.contact_start[int(clicks.contact[position]) + 1])
    return not bool((clicks.shows[position + 1 : stop] < view.clock).any())


def clicks(view: View, positions: Array) -> list[Record]:
    """Clicks at these positions (grouped by contact, as in the world)."""
    held = view.world.clicks
    people = held.contact[positions].tolist()
    times = held.time[positions].tolist()
    kinds = held.kind[positions].tolist()
    records = []
    for position, contact, seconds, kind in zip(
        positions.tolist(), people, times, kinds, strict=True
    ):
        tags = utms(view, position)
        record: Record = {
            "contactId": identity.contact_id(contact),
            "contactSourceId": identity.contact_source_id(contact),
            "date": view.millis(seconds),
            "email": identity.email(view.world, contact) if position % 23 else "null",
            "isFirstClick": kind == CLICK_FIRST,
            "isFirstOptin": kind == CLICK_OPTIN,
            "isLastClick": _is_last(view, position),
            "isReOptin": kind == CLICK_REOPTIN,
            "source": "direct" if untagged(position) else tags["source"],
            "wickedid": str(7_000_000 + position) if position % 5 else None,
            "wickedsource": tags["source"] if position % 7 else "null",
            "trackingUrl": f"https://shop.example/landing/{position % 12}?wid={position % 977}",
            "links": {"contact": {"href": f"/contacts/{identity.contact_id(contact)}"}},
        }
        if not untagged(position):
            record["utms"] = tags
        elif position % 3:
            record["utms"] = dict(_NULLS) if position % 2 else {}
        records.append(record)
    spoil(view, "wicked_reports.clicks", positions, records)
    return records


def _attributions(view: View, order: int, contact: int, seconds: int) -> Record:
    """The four models; for a person without clicks "direct", all "null", or missing."""
    linked = view.seen(int(view.world.orders.linked[order]))
    if linked and not bool(view.world.contacts.tracked[contact]) and order % 5 < 3:
        return {model: {"date": view.local(seconds), **DIRECT} for model in _MODELS}
    found = touches(view, contact, seconds) if linked else NONE
    models: Record = {}
    for model, touch in zip(_MODELS, found, strict=True):
        if touch >= 0:
            models[model] = credited(view, touch, zoned=False)
        elif order % 3 == 0:
            models[model] = {"date": "null", **_NULLS}
        elif order % 3 == 1:
            models[model] = {}
    return models


def _payments(view: View, order: int, cents: int, chance: int) -> list[Record]:
    """Payments, and refunds so far. `chance` is 0–999."""
    held = view.world.orders
    paid_at, refunded = int(held.time[order]), int(held.refunded[order])
    if chance < 30 and refunded == NEVER:
        return []
    status = "MANUAL" if chance < 70 else _APPROVED[chance % len(_APPROVED)]
    payments = []
    if chance >= 960:
        failed = {"date": view.local(paid_at - 3600), "status": "FAILED", "amount": cents / 100}
        payments.append(failed)
    paid = {"date": view.local(paid_at), "status": status, "amount": cents / 100}
    payments.append(paid)
    if view.seen(refunded):
        back = cents
        if chance % 20 < 7:
            back = cents * 3 // 10
            paid["status"] = _PARTIAL[chance % len(_PARTIAL)]
        sign = -1 if chance % 2 else 1
        refund = "refunded" if chance % 11 == 0 else "REFUNDED"
        payments.append(
            {"date": view.local(refunded), "status": refund, "amount": sign * back / 100}
        )
    return payments


def _products(product: list[int], quantity: list[int], size: int, order: int) -> list[Record]:
    lines = []
    for line in range(size):
        sold = PRODUCTS[product[line]]
        record: Record = {"id": sold.id, "name": sold.name, "qty": quantity[line]}
        if quantity[line] == 1 and order % 6 == 0:
            del record["qty"]
        record["PPU"] = sold.cents / 100
        lines.append(record)
    return lines


def orders(view: View, positions: Array, *, with_contact: bool) -> list[Record]:
    """Orders at these positions; a contact's own list omits the contact."""
    world, held = view.world, view.world.orders
    product, quantity, size = (part.tolist() for part in basket(world.seed, positions))
    people = held.contact[positions].tolist()
    times = held.time[positions].tolist()
    cents = held.cents[positions].tolist()
    chances = pick(world.seed, "payments", positions, 1000).tolist()
    records = []
    for row, order in enumerate(positions.tolist()):
        contact = people[row]
        record: Record = {
            "id": identity.order_id(order),
            "sourceId": identity.order_source_id(order),
            "sourceSystem": "null" if order % 41 == 0 else _source_system(contact),
            "date": view.millis(times[row]),
            "attributions": _attributions(view, order, contact, times[row]),
        }
        if with_contact:
            record["contact"] = {
                "id": identity.contact_id(contact),
                "sourceId": identity.contact_source_id(contact),
                "sourceSystem": _source_system(contact),
                "email": identity.email(world, contact) or "null",
            }
        record["products"] = _products(product[row], quantity[row], size[row], order)
        record["payments"] = _payments(view, order, cents[row], chances[row])
        record["amount"] = cents[row] / 100
        record["currency"] = CURRENCIES[int(world.contacts.currency[contact])]
        if contact % 10 == 3:
            record["subscriptionId"] = f"sub-{contact:07d}"
        elif contact % 10 == 4:
            record["subscriptionId"] = "null"
        record["links"] = _links(contact, own=False)
        records.append(record)
    spoil(view, "wicked_reports.orders", positions, records)
    return records
