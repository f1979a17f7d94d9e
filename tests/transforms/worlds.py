"""Small worlds of provider rows, dense enough for many ties, boundaries and shared references."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES, find_table

Row = dict[str, Any]
World = dict[str, list[Row]]

MIDNIGHT = datetime(2024, 3, 10, tzinfo=UTC)
FIRST, LAST = date(2024, 3, 5), date(2024, 3, 15)
DAYS = [FIRST + timedelta(days=offset) for offset in range((LAST - FIRST).days + 1)]

_MICROSECOND = timedelta(microseconds=1)
_NOON = timedelta(hours=12)
_TIMES = (timedelta(0), _NOON, _NOON + _MICROSECOND, timedelta(days=1) - _MICROSECOND)

# Few values each, so that rows coincide: at the same instant, exact distances of days, and the
# same references; with blanks, spaces and different cases.
moments = st.sampled_from(
    [MIDNIGHT + timedelta(days=day) + time for day in range(-3, 3) for time in _TIMES]
)
maybe_moments = st.one_of(st.none(), moments)
# Even fewer, so that several surveys of one purchase were sent together.
sendings = st.sampled_from([MIDNIGHT + timedelta(days=day) for day in range(-2, 2)])
scores = st.sampled_from([None, 0, 6, 7, 8, 9, 10])
texts = st.sampled_from([None, "", " \u00a0", "Fine", "So so"])
order_ids = st.sampled_from(["o1", "o2", "o3", " o4"])
references = st.sampled_from([None, "", "o1", "o2", "o2 ", "s1", "s1", " s1", "s2", "x"])
contacts = st.sampled_from([None, "", "k1", "k1", "k2"])
emails = st.sampled_from(
    [
        *(None, " ", "n/a", "-", "b@", "a@b@c"),
        *("a@x.y", "A@X.Y ", "a@x.y", "A <a@x.y>", '"A, B." < A@x.y> ', "a@\u200bx.y"),
        *("\u00a0b@x.y\u2003", "b@x.y", "B@x.y <b@x.y>"),
        *("É@x.y", "é@X.Y", "e\u0301@x.y", "erased:" + "0" * 32),
    ]
)
currencies = st.sampled_from([None, "", "EUR", "EUR", "eur", "EUR ", "USD", "\u00a0usd"])
money = st.sampled_from(
    [None, *map(Decimal, ("0", "0.0001", "3.3333", "10", "-2.5", "99999999999999.99"))]
)
statuses = st.sampled_from(
    [
        *(None, "", "APPROVED", "Approved\u00a0", "Manual", " manual", "partially REFUNDED"),
        *("Refunded", "Refunded ", "\trefunded", "FAILED"),
    ]
)
tags = st.sampled_from(
    [
        *(None, "", "google", "Google ", "\u2003GOO\u200bGLE", "mail", "É", "e\u0301"),
        *("(none)", "(all)", "(Unmatched)", " (unattributed)"),
    ]
)
utms = st.one_of(
    st.none(),
    st.builds(
        lambda source, medium, campaign: {
            "source": source,
            "medium": medium,
            "campaign": campaign,
            "content": None,
            "term": source,
        },
        tags,
        tags,
        tags,
    ),
)
touches = st.one_of(
    st.none(), st.builds(lambda when, tag: {"date": when} | (tag or {}), maybe_moments, utms)
)


def _rows(table: str, most: int, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    declared = find_table(table)

    def filed(rows: list[tuple[Any, ...]]) -> list[Row]:
        kept: dict[tuple[Any, ...], Row] = {}
        for values in rows:
            given = dict(zip(columns, values, strict=True))
            row: Row = {column.name: given.get(column.name) for column in declared.columns}
            row["day"] = row[str(declared.event_time)].date()
            # A key is unique within a partition (the store ensures it) but not across them.
            kept[(row["day"], *(_dig(row, path) for path in declared.key))] = row
        return list(kept.values())

    return st.lists(st.tuples(*columns.values()), min_size=most // 4, max_size=most).map(filed)


def _dig(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = None if value is None else value.get(name)
    return value


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def _struct(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Row]:
    names = tuple(fields)
    return st.tuples(*fields.values()).map(lambda values: dict(zip(names, values, strict=True)))


_TABLES: dict[str, st.SearchStrategy[list[Row]]] = {
    "wicked_reports.orders": _rows(
        "wicked_reports.orders",
        14,
        id=order_ids,
        source_id=references,
        date=moments,
        attributions=_maybe(
            _struct(
                first_click=touches,
                first_optin=touches,
                re_optin=st.none(),
                last_click=touches,
            )
        ),
        contact=_maybe(
            _struct(id=contacts, source_id=st.sampled_from([None, "", "k1", "c1"]), email=emails)
        ),
        products=_maybe(
            st.lists(
                _maybe(
                    _struct(
                        id=st.sampled_from(["p1", "p2"]),
                        name=texts,
                        qty=st.sampled_from(
                            [None, Decimal(2), Decimal("0.5"), Decimal(99999999999999)]
                        ),
                    )
                ),
                max_size=2,
            )
        ),
        payments=_maybe(
            st.lists(
                _maybe(
                    _struct(
                        status=statuses,
                        amount=money,
                    )
                ),
                max_size=3,
            )
        ),
        amount=money,
        currency=currencies,
        subscription_id=texts,
    ),
    "wicked_reports.clicks": _rows(
        "wicked_reports.clicks",
        14,
        contact_id=st.sampled_from(["", "k1", "k2"]),
        date=moments,
        tracking_url=st.sampled_from([None, "u1", "u2"]),
        utms=utms,
    ),
    "thanx.feedbacks": _rows(
        "thanx.feedbacks",
        8,
        id=st.sampled_from(["t1", "t2", "t3", "t4"]),
        user_id=st.sampled_from([None, " ", "k1", "k1", "k2", "c1"]),
        location_id=texts,
        state=texts,
        purchased_at=moments,
        rated_at=maybe_moments,
        reviewed_at=maybe_moments,
        responded_at=maybe_moments,
        rating=scores,
        review=texts,
        response=texts,
        purchase=_maybe(_struct(id=references, amount=money, order=_maybe(_struct(id=references)))),
    ),
    "feedbackpulse.submissions": _rows(
        "feedbackpulse.submissions",
        8,
        id=st.integers(1, 4),
        campaign_id=st.sampled_from([None, 5]),
        product_id=st.sampled_from([None, 6]),
        star_rating=st.sampled_from([None, 4]),
        nps_score=scores,
        text_feedback=texts,
        customer_email=emails,
        sentiment_score=st.sampled_from([None, -0.5]),
        sentiment_label=texts,
        status=st.sampled_from([None, "approved", "spam", "Spam\u00a0"]),
        admin_reply=texts,
        created_at=moments,
    ),
    "retargeting.order_feedback": _rows(
        "retargeting.order_feedback",
        8,
        order_no=st.sampled_from(["s1", " s1", "s2", "o1", "x"]),
        order=_maybe(_struct(date=maybe_moments)),
        score=scores,
        comment=texts,
        added_on=moments,
    ),
    "fullwhere.survey_trackers": _rows(
        "fullwhere.survey_trackers",
        10,
        id=st.sampled_from(["f1", "f2", "f3"]),
        updated_at=maybe_moments,
        survey_name=st.sampled_from([None, "After", "Later"]),
        send_at=moments,
        sent_at=_maybe(sendings),
        resent=st.sampled_from([None, False, True]),
        purchase_id=st.sampled_from([None, "o1", "s1", "s1"]),
        sending_type=st.sampled_from([None, "email"]),
        clicks=st.sampled_from([None, 0, 2]),
        unique_clicks=st.sampled_from([None, 0, 1]),
    ),
    "retargeting.product_reviews": _rows(
        "retargeting.product_reviews",
        8,
        order_no=st.sampled_from(["s1", "x"]),
        real_id=st.sampled_from(["p1", "p2", "p3"]),
        score=st.sampled_from([None, 1.0, 4.5, 5.0]),
        comment=texts,
        added_on=moments,
    ),
}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A few rows of each provider's tables; sometimes a provider is missing entirely."""
    missing = draw(
        st.sampled_from(["", "", "", "", "wicked_reports", "thanx", "fullwhere", "retargeting"])
    )
    return {
        name: draw(rows)
        for name, rows in _TABLES.items()
        if not (missing and name.startswith(missing))
    }


def arrow(table: Table, rows: list[Row]) -> pa.Table:
    """The rows as Arrow, with ``day`` where the table is partitioned."""
    schema = table.schema
    if table.partitioned:
        schema = schema.append(pa.field("day", pa.date32()))
    return pa.Table.from_pylist(rows, schema=schema)


def arrow_world(world: World) -> dict[str, pa.Table]:
    """Every provider table that the world has, by name."""
    return {
        table.full_name: arrow(table, world[table.full_name])
        for table in PROVIDER_TABLES
        if table.full_name in world
    }
