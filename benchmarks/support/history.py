"""Generates years of orders, clicks and answers as a warehouse of provider tables.

A tenth of the customers place half of the orders. Nine tenths of the clicks are within 30 days
before an order of their contact; two answers in five name an order, the others a customer. Drawn
by NumPy with a seed and written a day at a time: 5 million orders in three years take 66 s of CPU.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.days import days_between
from feedback_assets.schema.columns import MONEY, STAMP
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

LAST = date(2025, 12, 31)
_DAY = 86_400_000_000
_SOURCES = ["google", "facebook", "email", "bing", "tiktok", "partner", "podcast", None]
_MEDIUMS = ["cpc", "social", "email", "referral", "display", None]
_CAMPAIGNS = [f"campaign-{number:03d}" for number in range(120)]
_CURRENCIES = ["EUR", "USD", "GBP"]
_NAMES = {"source": _SOURCES, "medium": _MEDIUMS, "campaign": _CAMPAIGNS}

Draw = np.random.Generator
Numbers = np.ndarray
Channels = dict[str, pa.Array]


@dataclass(frozen=True)
class History:
    """Its size: ``days`` up to ``LAST``, total orders, with clicks and answers in proportion.

    With ``campaigns``, that many are drawn from, each of one source and medium, and a customer pays
    in one currency, as in a real shop. Without, source, medium and campaign are drawn
    independently, which makes 5,762 channels, and each order has a currency of its own.
    """

    days: int
    orders: int
    campaigns: int | None = None
    clicks_per_order: float = 4.0
    answers_per_order: float = 0.4

    @property
    def first(self) -> date:
        return LAST - timedelta(days=self.days - 1)

    @property
    def customers(self) -> int:
        # Four orders per customer in three years, at the same rate for shorter histories.
        return max(10, int(self.orders / 4 * 3 * 365 / self.days))


def write(history: History, warehouse: Warehouse, only: str | None = None) -> None:
    """Fill the provider tables that the unified tables and marts are computed from, or only one."""
    draw = np.random.default_rng(1)
    start = int(datetime(*history.first.timetuple()[:3], tzinfo=UTC).timestamp()) * 1_000_000
    span = history.days * _DAY
    times = np.sort(draw.integers(start, start + span, history.orders))
    often = draw.random(history.orders) < 0.5
    people = np.where(
        often,
        draw.integers(0, max(1, history.customers // 10), history.orders),
        draw.integers(0, history.customers, history.orders),
    )

    def channels(count: int) -> Channels:
        if history.campaigns is None:
            return {name: _of(values, draw, count) for name, values in _NAMES.items()}
        number = draw.integers(0, history.campaigns, count)
        return {
            "source": pa.array(_SOURCES).take(pa.array(number % len(_SOURCES))),
            "medium": pa.array(_MEDIUMS).take(pa.array(number // 2 % len(_MEDIUMS))),
            "campaign": _text("campaign-", number),
        }

    def currencies(chosen: Numbers) -> pa.Array:
        if history.campaigns is None:
            return _of(_CURRENCIES, draw, len(chosen))
        return pa.array(_CURRENCIES).take(pa.array(people[chosen] % len(_CURRENCIES)))

    def put(name: str, moments: Numbers, rows: Callable[[Numbers], pa.Table]) -> None:
        if only not in (None, name):
            return
        table = find_table(name)
        order = np.argsort(moments, kind="stable")
        ends = np.searchsorted(moments[order], start + np.arange(history.days + 1) * _DAY)
        days = (
            (day, _whole(rows(chosen), table, len(chosen)))
            for day, chosen in zip(
                days_between(history.first, LAST),
                (order[a:b] for a, b in pairwise(ends)),
                strict=True,
            )
        )
        deque(warehouse.replace_days(table, days), maxlen=0)

    put(
        "wicked_reports.orders",
        times,
        lambda chosen: _orders(chosen, times, people, draw, channels, currencies),
    )

    count = int(history.orders * history.clicks_per_order)
    bought = draw.integers(0, history.orders, count)
    clicked = times[bought] - draw.integers(0, 30 * _DAY, count)
    astray = draw.random(count) < 0.1
    clicked[astray] = draw.integers(start, start + span, int(astray.sum()))
    who_clicked = people[bought]
    put(
        "wicked_reports.clicks",
        clicked,
        lambda chosen: _clicks(chosen, clicked, who_clicked, channels(len(chosen))),
    )

    count = int(history.orders * history.answers_per_order)
    about = draw.integers(0, history.orders, count)
    answered = times[about] + draw.integers(0, 20 * _DAY, count)
    kind = draw.integers(0, 5, count)
    for name, rows, kinds in (
        ("thanx.feedbacks", _thanx, (0, 1)),
        ("feedbackpulse.submissions", _pulse, (2, 3)),
        ("retargeting.order_feedback", _retargeting, (4,)),
    ):
        mine = np.flatnonzero(np.isin(kind, kinds))
        put_rows, who, when = rows, about[mine], answered[mine]
        put(
            name,
            times[who] if name.startswith("thanx") else when,
            lambda chosen, put_rows=put_rows, who=who, when=when: put_rows(
                chosen, who, when, times, people, draw
            ),
        )
    third = np.arange(0, history.orders, 3)
    sent = times[third] + _DAY
    put("fullwhere.survey_trackers", sent, lambda chosen: _trackers(chosen, third, sent))
    put(
        "retargeting.product_reviews",
        sent,
        lambda chosen: _reviews(chosen, third, sent, draw),
    )


def _whole(rows: pa.Table, table: Table, count: int) -> pa.Table:
    columns = {
        field.name: rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(count, field.type)
        for field in table.schema
    }
    return pa.table(columns, schema=table.schema)


def _text(prefix: str, numbers: Numbers) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _stamp(moments: Numbers) -> pa.Array:
    return pa.array(moments, pa.int64()).cast(pa.timestamp("us")).cast(STAMP)


def _of(values: list[str | None], draw: Draw, count: int) -> pa.Array:
    return pa.array(values).take(pa.array(draw.integers(0, len(values), count)))


def _money(cents: Numbers) -> pa.Array:
    return pc.divide(pa.array(cents, pa.int64()).cast(pa.float64()), 100.0).cast(MONEY, safe=False)


def _touch(draw: Draw, moments: Numbers, kind: pa.DataType, channels: Channels) -> pa.Array:
    count = len(moments)
    parts = {"date": _stamp(moments), **channels}
    arrays = [parts.get(field.name, pa.nulls(count, field.type)) for field in kind]
    absent = pa.array(draw.random(count) < 0.2)
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=absent)


def _one_each(count: int, kind: pa.ListType, values: dict[str, pa.Array]) -> pa.Array:
    items = pa.StructArray.from_arrays(
        [values[field.name] for field in kind.value_type], fields=list(kind.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1), pa.int32()), items, type=kind)


def _orders(
    chosen: Numbers,
    times: Numbers,
    people: Numbers,
    draw: Draw,
    channels: Callable[[int], Channels],
    currencies: Callable[[Numbers], pa.Array],
) -> pa.Table:
    count, schema = len(chosen), find_table("wicked_reports.orders").schema
    cents = draw.integers(500, 50_000, count)
    models = schema.field("attributions").type
    contact = schema.field("contact").type
    person = people[chosen]
    about = {
        "id": _text("AB-", person),
        "source_id": _text("shop-", person),
        "source_system": pa.array(["shopify"] * count, pa.string()),
        "email": _text("person", person),
    }
    emails = pc.binary_join_element_wise(about["email"], "@example.com", "")
    product = draw.integers(0, 200, count)
    return pa.table(
        {
            "id": _text("WR-", chosen),
            "source_id": _text("order-", chosen),
            "source_system": about["source_system"],
            "date": _stamp(times[chosen]),
            "attributions": pa.StructArray.from_arrays(
                [
                    _touch(draw, times[chosen] - 3_600_000_000, field.type, channels(count))
                    for field in models
                ],
                fields=list(models),
            ),
            "contact": pa.StructArray.from_arrays(
                [about["id"], about["source_id"], about["source_system"], emails],
                fields=list(contact),
            ),
            "products": _one_each(
                count,
                schema.field("products").type,
                {
                    "id": _text("product-", product),
                    "name": _text("Product ", product),
                    "qty": _money(np.full(count, 100)),
                    "ppu": _money(cents),
                },
            ),
            "payments": _one_each(
                count,
                schema.field("payments").type,
                {
                    "date": _stamp(times[chosen]),
                    "status": _of(["APPROVED", "APPROVED", "approved", "FAILED"], draw, count),
                    "amount": _money(cents),
                },
            ),
            "amount": _money(cents),
            "currency": currencies(chosen),
        }
    )


def _clicks(chosen: Numbers, clicked: Numbers, people: Numbers, channels: Channels) -> pa.Table:
    count, kind = len(chosen), find_table("wicked_reports.clicks").schema.field("utms").type
    return pa.table(
        {
            "contact_id": _text("AB-", people[chosen]),
            "contact_source_id": _text("shop-", people[chosen]),
            "date": _stamp(clicked[chosen]),
            "utms": pa.StructArray.from_arrays(
                [
                    *channels.values(),
                    pa.nulls(count, pa.string()),
                    pa.nulls(count, pa.string()),
                ],
                fields=list(kind),
            ),
            "tracking_url": _text("https://shop.example/landing/", chosen),
        }
    )


def _thanx(
    chosen: Numbers, who: Numbers, when: Numbers, times: Numbers, people: Numbers, draw: Draw
) -> pa.Table:
    count, order = len(chosen), who[chosen]
    schema = find_table("thanx.feedbacks").schema
    purchase = schema.field("purchase").type
    placed = purchase.field("order").type
    named = pa.StructArray.from_arrays(
        [_text("order-", order), pa.array(["olo"] * count, pa.string())],
        fields=list(placed),
        mask=pa.array(draw.random(count) < 0.3),
    )
    return pa.table(
        {
            "id": _text("t-", chosen),
            "user_id": _text("shop-", people[order]),
            "state": pa.array(["rated"] * count, pa.string()),
            "purchased_at": _stamp(times[order]),
            "rated_at": _stamp(when[chosen]),
            "rating": pa.array(draw.integers(0, 11, count), pa.int8()),
            "purchase": pa.StructArray.from_arrays(
                [
                    _text("purchase-", order),
                    _stamp(times[order]),
                    _money(draw.integers(500, 50_000, count)),
                    named,
                ],
                fields=list(purchase),
            ),
        }
    )


def _pulse(
    chosen: Numbers, who: Numbers, when: Numbers, _times: Numbers, people: Numbers, draw: Draw
) -> pa.Table:
    count = len(chosen)
    email = pc.binary_join_element_wise(_text("Person", people[who[chosen]]), "@example.com", "")
    return pa.table(
        {
            "id": pa.array(chosen, pa.int64()),
            "nps_score": pa.array(draw.integers(0, 11, count), pa.int8()),
            "text_feedback": _text("What the customer wrote, number ", chosen),
            "customer_email": email,
            "status": _of(["approved", "approved", "approved", "spam"], draw, count),
            "created_at": _stamp(when[chosen]),
        }
    )


def _retargeting(
    chosen: Numbers, who: Numbers, when: Numbers, _times: Numbers, _people: Numbers, draw: Draw
) -> pa.Table:
    return pa.table(
        {
            "order_no": _text("order-", who[chosen]),
            "score": pa.array(draw.integers(0, 11, len(chosen)), pa.int8()),
            "added_on": _stamp(when[chosen]),
        }
    )


def _trackers(chosen: Numbers, orders: Numbers, sent: Numbers) -> pa.Table:
    count = len(chosen)
    return pa.table(
        {
            "id": _text("tracker-", chosen),
            "survey_name": pa.array(["After the order"] * count, pa.string()),
            "send_at": _stamp(sent[chosen]),
            "sent_at": _stamp(sent[chosen]),
            "purchase_id": _text("order-", orders[chosen]),
            "sending_type": pa.array(["email"] * count, pa.string()),
            "clicks": pa.array(chosen % 3, pa.int64()),
        }
    )


def _reviews(chosen: Numbers, orders: Numbers, sent: Numbers, draw: Draw) -> pa.Table:
    count = len(chosen)
    return pa.table(
        {
            "order_no": _text("order-", orders[chosen]),
            "real_id": _text("product-", draw.integers(0, 200, count)),
            "score": pa.array(draw.integers(1, 6, count).astype(float)),
            "added_on": _stamp(sent[chosen]),
        }
    )
