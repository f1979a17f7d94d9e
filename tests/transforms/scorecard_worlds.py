"""Small worlds of orders, touches, answers and spend, spread over the spans that the scorecard has.

Days lie about the ends of windows; people, channels and scores are few, so that they meet.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from feedback_assets.tables import find_table
from tests.transforms.reference import COMPUTED, GIVEN, customers, pseudonym
from tests.transforms.worlds import Row, World

LAST = date(2024, 3, 15)
SECRET = b"secret"
MATCH_DAYS = 90

_AGES = [0, 0, 1, 6, 7, 13, 14, 29, 30, 36, 37, 59, 60, 89, 90, 200]
_AGES += [364, 365, 394, 395, 729, 730, 900]
_TIMES = [timedelta(0), timedelta(hours=12), timedelta(days=1) - timedelta(microseconds=1)]
_NAMES = [None, "", "google", "Google ", "\u2003GOO\u200bGLE", "mail", "É", "e\u0301"]
_RESERVED = ["(all)", " (ALL)", "(unmatched)", "(unattributed)"]
_MONEY = [None, "0", "10", "10", "3.3333", "250", "-2.5", "99999999999999.99"]


@st.composite
def _moments(draw: st.DrawFn) -> datetime:
    day = LAST - timedelta(days=draw(st.sampled_from(_AGES)))
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + draw(st.sampled_from(_TIMES))


def _row(table: str, **given: Any) -> Row:
    return {column.name: None for column in find_table(table).columns} | given


@st.composite
def _orders(draw: st.DrawFn) -> list[Row]:
    rows: dict[tuple[Any, ...], Row] = {}
    for number in range(draw(st.integers(0, 12))):
        # Now and then an order stands in two partitions.
        name = f"o{draw(st.sampled_from([number, number, number, 0]))}"
        when = draw(_moments())
        money = draw(st.sampled_from(_MONEY))
        rows[name, when.date()] = _row(
            "unified.orders",
            order_id=name,
            ordered_at=when,
            day=when.date(),
            customer_email=draw(st.sampled_from([None, "a@x.y", "a@x.y", "b@x.y"])),
            contact_id=draw(st.sampled_from([None, "k1", "k1", "k2"])),
            currency=draw(st.sampled_from([None, "EUR", "EUR", "USD"])),
            net_amount=None if money is None else Decimal(money),
        )
    return list(rows.values())


@st.composite
def _touches(draw: st.DrawFn, orders: list[Row]) -> list[Row]:
    rows = []
    for order in orders:
        for model in GIVEN + COMPUTED:
            most = 1 if model in GIVEN else 3
            count = draw(st.integers(0, most))
            parts = draw(st.lists(st.integers(1, 7), min_size=count, max_size=count))
            for index, part in enumerate(parts):
                rows.append(
                    _row(
                        "unified.attribution",
                        order_id=order["order_id"],
                        ordered_at=order["ordered_at"],
                        day=order["day"],
                        model=model,
                        touch_index=index + 1,
                        touch_count=count,
                        source=draw(st.sampled_from([*_NAMES, *_RESERVED])),
                        medium=draw(st.sampled_from([None, "cpc", "CPC", "(all)", "(unmatched)"])),
                        campaign=draw(st.sampled_from([None, "x", "(all)", "(unmatched)"])),
                        weight=part / sum(parts),
                    )
                )
    return rows


@st.composite
def _answers(draw: st.DrawFn, orders: list[Row]) -> list[Row]:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        when = draw(_moments())
        # "the partitions of the response's day and of the FEEDBACK_MATCH_DAYS calendar days before"
        matched = [row for row in orders if (when.date() - row["day"]).days <= MATCH_DAYS]
        order = draw(st.sampled_from([None, *matched]))
        score = draw(st.sampled_from([None, 0, 6, 7, 8, 9, 10]))
        person = draw(st.sampled_from([None, "a@x.y", "b@x.y", "c@x.y"]))
        if person is None and order is not None:
            person = order["customer_email"] or order["contact_id"]
        rows.append(
            _row(
                "marts.order_feedback",
                feedback_id=f"new:{number}",
                provider="new",
                provider_feedback_id=str(number),
                responded_at=when,
                day=when.date(),
                score=score,
                nps_class=None
                if score is None
                else "promoter"
                if score > 8
                else "passive"
                if score > 6
                else "detractor",
                is_spam=draw(st.sampled_from([False, False, False, True])),
                customer_key=pseudonym(SECRET, person),
                order_id=order and order["order_id"],
                ordered_at=order and order["ordered_at"],
                currency=order and order["currency"],
            )
        )
    return rows


@st.composite
def _contacts(draw: st.DrawFn) -> list[Row]:
    rows = []
    for name in draw(st.lists(st.sampled_from(["k1", "k2"]), max_size=2, unique=True)):
        when = draw(_moments())
        rows.append(_row("wicked_reports.contacts", id=name, create_date=when, day=when.date()))
    return rows


@st.composite
def _spend(draw: st.DrawFn) -> list[Row]:
    rows: dict[tuple[Any, ...], Row] = {}
    for _ in range(draw(st.sampled_from([0, 0, 1, 4, 8]))):
        day = LAST - timedelta(days=draw(st.sampled_from(_AGES)))
        reach = timedelta(days=draw(st.sampled_from([-1, 0, 6, 90, 800])))
        row = _row(
            "ad_spend.daily",
            day=day,
            source=draw(st.sampled_from(["google", "GOOGLE", "podcast", *_RESERVED])),
            medium=draw(st.sampled_from(["cpc", "(none)", "(all)"])),
            campaign=draw(st.sampled_from(["x", "X ", "(none)", "(all)"])),
            currency=draw(st.sampled_from(["EUR", "EUR", "USD"])),
            spend=Decimal(draw(st.sampled_from(["0", "10", "0.3333"]))),
            clicks=draw(st.sampled_from([None, 0, 3])),
            impressions=draw(st.sampled_from([None, 100])),
            covered_from=day - reach,
            covered_to=day + reach,
        )
        rows[tuple(row[name] for name in ("day", "source", "medium", "campaign", "currency"))] = row
    return list(rows.values())


@st.composite
def _held(draw: st.DrawFn, orders: list[Row]) -> list[date]:
    """The days of which orders are held: those of the rows, and an unbroken time up to the last."""
    back = draw(st.sampled_from([0, 13, 59, 179, 400, 729, 800]))
    unbroken = {LAST - timedelta(days=age) for age in range(back + 1)}
    if draw(st.booleans()):
        unbroken.discard(LAST - timedelta(days=10))
    return sorted(unbroken | {order["day"] for order in orders})


@st.composite
def scorecard_worlds(draw: st.DrawFn) -> tuple[World, list[date]]:
    """The tables that the scorecard is computed from, and the days held of ``unified.orders``."""
    orders = draw(_orders())
    answers = draw(_answers(orders))
    world = {
        "unified.orders": orders,
        "unified.attribution": draw(_touches(orders)),
        "marts.order_feedback": answers,
        "marts.customers": customers(answers, orders, SECRET),
        "wicked_reports.contacts": draw(_contacts()),
        "ad_spend.daily": draw(_spend()),
    }
    return world, draw(_held(orders))
