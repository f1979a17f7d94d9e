"""Keys that are held on several days: which rows count, in the relations and in the matching."""

from datetime import UTC, date, datetime, timedelta

from feedback_assets.tables import find_table
from feedback_assets.transforms import ArrowTables, Parameters, build_days, connect
from feedback_assets.transforms.restated import restated, with_restated
from tests.transforms.worlds import Row, arrow

PARAMETERS = Parameters(match_days=2, touch_days=2, customer_secret=b"secret", threads=2)
ORDERS = find_table("unified.orders")
FIRST = date(2024, 3, 7)


def _day(number: int) -> date:
    return FIRST + timedelta(days=number)


def _asked(sql: str, orders: list[tuple[str, int]]) -> list[tuple[object, ...]]:
    """What the query finds among orders by id and number of their day."""
    rows: list[Row] = [
        {"order_id": identity, "ordered_at": datetime(*_day(n).timetuple()[:3], tzinfo=UTC)}
        | {"day": _day(n)}
        for identity, n in orders
    ]
    source = ArrowTables({ORDERS.full_name: arrow(ORDERS, rows)})
    with connect(source, [ORDERS]) as connection:
        return connection.sql(with_restated(sql)).fetchall()


def test_the_last_day_that_has_a_key_counts_and_each_row_before_it_until_the_next() -> None:
    orders = [("once", 1), ("moved", 0), ("moved", 1), ("moved", 4), ("twice a day", 2)]
    orders += [("twice a day", 2)]
    assert _asked("select order_id, day from unified_orders_latest order by all", orders) == [
        ("moved", _day(4)),
        ("once", _day(1)),
        # No day replaces another: keys_unique names it.
        ("twice a day", _day(2)),
        ("twice a day", _day(2)),
    ]
    assert _asked("select * from unified_orders_replaced order by day", orders) == [
        ("moved", _day(0), _day(1)),
        ("moved", _day(1), _day(4)),
    ]


def test_a_query_gets_what_it_names_and_one_that_names_nothing_stays_as_it_is() -> None:
    assert with_restated("select 1 -- unified_orders_latest") == "select 1 -- unified_orders_latest"
    assert "unified_orders_latest" not in restated("select * from unified_orders_replaced")
    both = restated("from wicked_reports_orders_latest, thanx_feedbacks_replaced")
    for name in ("wicked_reports_orders_replaced as (", "thanx_feedbacks_replaced as ("):
        assert both.count(name) == 1


def test_an_answer_sees_an_order_that_moved_as_it_stands_on_the_answers_day() -> None:
    noon = datetime(2024, 3, 7, 12, tzinfo=UTC)
    after, mart = noon + timedelta(days=2), find_table("marts.order_feedback")
    feedback = find_table("unified.feedback")
    orders = [
        {"order_id": "o1", "ordered_at": at, "net_amount": amount, "customer_email": email}
        | {"day": at.date()}
        for at, amount, email in ((noon, 10, "ana@x.y"), (after, 30, "bob@x.y"))
    ]
    asked = {
        "before it moved": (noon + timedelta(days=1), {"order_ref": "o1"}, noon),
        # On its new day, an hour before its new time.
        "the same day": (after - timedelta(hours=1), {"order_ref": "o1"}, after),
        "afterwards": (after + timedelta(hours=1), {"order_ref": "o1"}, after),
        "ana before": (noon + timedelta(days=1), {"customer_email": "ana@x.y"}, noon),
        "ana afterwards": (after + timedelta(hours=1), {"customer_email": "ana@x.y"}, None),
        "bob afterwards": (after + timedelta(hours=1), {"customer_email": "bob@x.y"}, after),
    }
    answers = [
        {"feedback_id": name, "provider": "a", "provider_feedback_id": name, "is_spam": False}
        | {"responded_at": at, "day": at.date()}
        | given
        for name, (at, given, _) in asked.items()
    ]
    source = ArrowTables(
        {feedback.full_name: arrow(feedback, answers), ORDERS.full_name: arrow(ORDERS, orders)}
    )

    def matched(first: date, last: date) -> dict[str, datetime | None]:
        days = build_days(mart, first, last, source, PARAMETERS)
        rows = [row for _, found in days for row in found.to_pylist()]
        assert all(
            row["net_amount"] == {noon: 10, after: 30}.get(row["ordered_at"]) for row in rows
        )
        return {row["feedback_id"]: row["ordered_at"] for row in rows}

    wanted = {name: ordered_at for name, (_, _, ordered_at) in asked.items()}
    assert matched(noon.date(), after.date()) == wanted
    alone = [noon.date() + timedelta(days=n) for n in range(3)]
    assert {name: at for day in alone for name, at in matched(day, day).items()} == wanted
