"""The marts without days: restated rows, and whose they are."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedback_assets.tables import find_table
from feedback_assets.transforms import ArrowTables, Parameters, build_days, build_whole, connect
from feedback_assets.warehouse.warehouse import Warehouse
from tests.transforms.reference import pseudonym
from tests.transforms.worlds import Row, arrow

PARAMETERS = Parameters(customer_secret=b"secret", threads=2)
NOON = datetime(2024, 3, 7, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _build(name: str, **rows: list[Row]) -> list[Row]:
    """Build the mart from rows by table name, ``group__table``, and the marts that it reads."""
    held = {given.replace("__", "."): some for given, some in rows.items()}
    tables = {given: arrow(find_table(given), some) for given, some in held.items()}
    for given in find_table(name).depends.keys() & {"marts.customers"}:
        tables[given] = build_whole(find_table(given), ArrowTables(tables), PARAMETERS)
    return build_whole(find_table(name), ArrowTables(tables), PARAMETERS).to_pylist()


def _order(identity: str, at: datetime = NOON, **given: object) -> Row:
    row: Row = {"order_id": identity, "source_id": f"s-{identity}", "ordered_at": at}
    row |= {"day": at.date(), "currency": "EUR", "net_amount": Decimal(10)}
    return row | given


def _answer(identity: str, order: Row | None = None, **given: object) -> Row:
    """An answer of ``marts.order_feedback``, on the day after noon."""
    row: Row = {"feedback_id": identity, "provider": "new", "provider_feedback_id": identity}
    row |= {"responded_at": NOON + DAY, "score": 3, "nps_class": "detractor", "is_spam": False}
    if order is not None:
        row |= {name: order[name] for name in ("order_id", "ordered_at", "currency", "net_amount")}
        row |= {"order_source_id": order["source_id"], "match_method": "order_id"}
    row |= given
    return row | {"day": row["responded_at"].date()}


def _key(text: str) -> str | None:
    return pseudonym(PARAMETERS.customer_secret, text)


def _classes(orders: list[Row], answers: list[Row]) -> dict[tuple[str, str], tuple[int, int]]:
    """Customers and orders by class and currency."""
    rows = _build("marts.customer_value", unified__orders=orders, marts__order_feedback=answers)
    return {(row["nps_class"], row["currency"]): (row["customers"], row["orders"]) for row in rows}


def test_an_order_in_two_partitions_belongs_only_to_its_later_customer() -> None:
    before = _order("o1", customer_email="a@x.y", currency="USD")
    after = _order("o1", NOON + DAY, customer_email="b@x.y")
    other = _order("o2", customer_email="a@x.y")
    answer = _answer("f1", before, customer_key=_key("a@x.y"))
    # The answer belongs to the order's customer, who has changed.
    assert _classes([before, after, other], [answer]) == {
        ("detractor", "EUR"): (1, 1),
        ("(no answer)", "EUR"): (1, 1),
    }


def test_the_customer_of_the_order_takes_precedence_over_the_email_of_the_answer() -> None:
    orders = [_order("o1", customer_email="a@x.y"), _order("o2", customer_email="b@x.y")]
    answer = _answer("f1", orders[0], customer_key=_key("b@x.y"), nps_class="promoter", score=9)
    orders.append(_order("o3", customer_email="a@x.y"))
    assert _classes(orders, [answer]) == {
        ("promoter", "EUR"): (1, 2),
        ("(no answer)", "EUR"): (1, 1),
    }


@pytest.mark.parametrize(
    "matched",
    [None, _order("gone"), _order("nobody")],
    ids=["no order", "a missing order", "an order without a customer"],
)
def test_without_a_customer_on_the_order_the_email_of_the_answer_decides(
    matched: Row | None,
) -> None:
    orders = [_order("o1", customer_email="a@x.y"), _order("nobody"), _order("o2", contact_id="k")]
    answer = _answer("f1", matched, customer_key=_key("a@x.y"))
    assert _classes(orders, [answer]) == {
        ("detractor", "EUR"): (1, 1),
        ("(no answer)", "EUR"): (1, 1),
    }


def test_the_smaller_id_of_two_simultaneous_answers_decides_the_class() -> None:
    order = _order("o1", customer_email="a@x.y")
    older = _answer("f0", order, responded_at=NOON, nps_class="passive", score=7)
    tied = _answer("f1", order, nps_class="promoter", score=9)
    assert _classes([order], [older, _answer("f2", order), tied]) == {("promoter", "EUR"): (1, 1)}


def _queue(orders: list[Row], answers: list[Row], emails: dict[str, str]) -> dict[str, object]:
    """The purchases of the customers in the queue, by answer; ``emails`` are the answers' own."""
    feedback = [
        {name: answer[name] for name in ("feedback_id", "responded_at", "day")}
        | {"customer_email": emails.get(answer["feedback_id"])}
        for answer in answers
    ]
    rows = _build(
        "marts.detractor_queue",
        unified__orders=orders,
        marts__order_feedback=answers,
        unified__feedback=feedback,
    )
    return {row["feedback_id"]: row["customer_net_amount"] for row in rows}


def test_in_the_queue_the_email_of_the_answer_takes_precedence_over_the_order() -> None:
    orders = [
        _order("o1", customer_email="a@x.y", contact_id="k"),
        _order("o2", customer_email="b@x.y", net_amount=Decimal(20)),
        _order("o3", contact_id="k", net_amount=Decimal(40)),
        _order("o4", NOON - 400 * DAY, customer_email="a@x.y", net_amount=Decimal(80)),
        _order("o5", customer_email="a@x.y", currency="USD"),
        _order("o6"),
    ]
    answers = [
        _answer("theirs", orders[0], customer_key=_key("a@x.y")),
        _answer("own", orders[0], customer_key=_key("b@x.y")),
        _answer("contact", orders[2], customer_key=_key("k")),
        _answer("nobody", orders[5]),
        _answer("unmatched", customer_key=_key("a@x.y")),
    ]
    assert _queue(orders, answers, {"own": "b@x.y", "unmatched": "a@x.y"}) == {
        "theirs": Decimal(90),
        "own": Decimal(20),
        "contact": Decimal(40),
        "nobody": None,
        "unmatched": None,
    }


def test_money_in_the_queue_uses_the_later_partition_of_an_order() -> None:
    mine = {"customer_email": "a@x.y"}
    orders = [
        _order("o1", **mine),
        # Moved to another day, with another amount.
        _order("o2", NOON - DAY, **mine, net_amount=Decimal(20)),
        _order("o2", NOON, **mine, net_amount=Decimal(30)),
        # Now someone else's order.
        _order("o3", NOON - DAY, **mine, net_amount=Decimal(100)),
        _order("o3", NOON, customer_email="b@x.y", net_amount=Decimal(200)),
    ]
    answer = _answer("f1", orders[0], customer_key=_key("a@x.y"))
    assert _queue(orders, [answer], {}) == {"f1": Decimal(40)}


def test_a_queued_customer_is_identified_by_email_while_the_matched_order_moves() -> None:
    # The order got another time, and the answer is not matched again yet.
    before = _order("o1", customer_email="a@x.y")
    moved = _order("o1", NOON + DAY, customer_email="a@x.y")
    another = _order("o2", customer_email="a@x.y", net_amount=Decimal(5))
    answer = _answer("f1", before, customer_key=_key("a@x.y"))
    assert _queue([moved, another], [answer], {"f1": "a@x.y"}) == {"f1": Decimal(15)}


def _reviewed(orders: list[Row]) -> str | None:
    """The name of the product ``p`` after these orders."""
    review = {"order_no": "s1", "real_id": "p", "added_on": NOON, "day": NOON.date()}
    rows = _build(
        "marts.product_scores", wicked_reports__orders=orders, retargeting__product_reviews=[review]
    )
    [row] = rows
    name: str | None = row["product_name"]
    return name


def _sold(identity: str, at: datetime, *names: str | None) -> Row:
    products = [{"id": "p", "name": name} for name in names]
    products.append({"id": "q", "name": "Another"})
    return {"id": identity, "date": at, "day": at.date(), "products": products}


def test_a_product_has_its_latest_non_blank_name() -> None:
    old, new = _sold("o1", NOON, "Old"), _sold("o2", NOON + DAY, "New")
    assert _reviewed([old, new]) == "New"
    assert _reviewed([new, old, _sold("o3", NOON + 2 * DAY, " ", None)]) == "New"
    assert _reviewed([_sold("o1", NOON, None)]) is None
    # For an order that moved, the sales of its later day.
    assert _reviewed([_sold("o1", NOON, "Old"), _sold("o1", NOON + DAY, None)]) is None
    # At the same time, the smaller order wins; within one order, the smaller name.
    assert _reviewed([_sold("o2", NOON, "A"), _sold("o1", NOON, "C", "B")]) == "B"


def test_a_survey_matches_the_order_id_and_the_shop_order_id() -> None:
    order = _order("o1")
    trackers = [
        {"id": f"t{n}", "send_at": NOON, "sent_at": NOON, "purchase_id": to, "day": NOON.date()}
        for n, to in enumerate(["o1", "s-o1", "o1", "o2", None])
    ]
    late = trackers[2] | {"sent_at": NOON + 2 * DAY}
    for answers, answered in (
        ([_answer("f1", order)], 2),
        ([_answer("f1", order), _answer("f2", order, responded_at=NOON + 3 * DAY)], 3),
        ([_answer("f1", order, is_spam=True)], 0),
        ([_answer("f1")], 0),
    ):
        [row] = _build(
            "marts.survey_funnel",
            fullwhere__survey_trackers=[*trackers[:2], late, *trackers[3:]],
            marts__order_feedback=answers,
        )
        assert (row["planned"], row["answered"]) == (5, answered)


def test_a_column_missing_in_the_newest_file_is_read_from_older_files(tmp_path: Path) -> None:
    warehouse, table = Warehouse(str(tmp_path)), find_table("wicked_reports.orders")
    days = [date(2024, 3, 7), date(2024, 3, 8)]
    whole = [
        {"id": "o1", "date": NOON, "amount": Decimal(5), "contact": {"id": "k", "email": "a@x.y"}}
    ]
    warehouse.replace_day(table, days[0], pa.Table.from_pylist(whole, schema=table.schema))
    path = Path(warehouse.path(table, days[1]))
    path.parent.mkdir(parents=True)
    contact = pa.array([{"id": "k"}], pa.struct([("id", pa.string())]))
    pq.write_table(pa.table({"id": ["o2"], "date": [NOON + DAY], "contact": contact}), path)
    with connect(warehouse, [table]) as connection:
        found = connection.sql(
            "select id, amount, contact.email, day from wicked_reports.orders order by id"
        ).fetchall()
    assert found == [("o1", Decimal(5), "a@x.y", days[0]), ("o2", None, None, days[1])]
    built = build_days(find_table("unified.orders"), *days, warehouse, PARAMETERS)
    emails = [rows.column("customer_email").to_pylist() for _, rows in built]
    assert emails == [["a@x.y"], [None]]
