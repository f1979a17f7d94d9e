"""Provider text and money in the tables: different spellings are matched."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.checks.asset_checks import results
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.transforms import ArrowTables, Parameters, build_days, build_whole
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.transforms.reference import pseudonym
from tests.transforms.worlds import Row, arrow

PARAMETERS = Parameters(customer_secret=b"secret", threads=2)
NOON = datetime(2024, 3, 7, 12, tzinfo=UTC)
MOST = Decimal("99999999999999.99")


def _order(identity: str, **given: Any) -> Row:
    return {"id": identity, "date": NOON, "day": NOON.date(), "amount": Decimal(10)} | given


def _from(email: str | None, **given: Any) -> Row:
    return {"contact": {"id": None, "email": email}} | given


def _answer(number: int, **given: Any) -> Row:
    row: Row = {"id": number, "created_at": NOON + timedelta(hours=1), "day": NOON.date()}
    return row | {"nps_score": 3} | given


def _built(orders: list[Row], answers: list[Row] | None = None) -> dict[str, list[Row]]:
    """Every derived table of that day."""
    given = {"wicked_reports.orders": orders, "feedbackpulse.submissions": answers or []}
    held = {name: arrow(find_table(name), rows) for name, rows in given.items()}
    day = NOON.date()
    source = ArrowTables(held, {table.full_name: [day] for table in DERIVED_TABLES})
    found = {}
    for table in DERIVED_TABLES:
        if table.partitioned:
            [(_, rows)] = build_days(table, day, day, source, PARAMETERS)
            rows = rows.append_column("day", pa.array([day] * rows.num_rows, pa.date32()))
        else:
            rows = build_whole(table, source, PARAMETERS)
        held[table.full_name] = rows
        found[table.full_name] = rows.to_pylist()
    return found


WAYS = (
    ("josé@example.com", "jose\u0301@example.com"),
    ("bob@example.com", "bob@\u200bexample.com\ufeff"),
    ("cy@example.com", "Cy <CY@example.com>"),
    ('"Ana, B." <ana@example.com>', "\u00a0ana@example.com"),
    # The pseudonym of an erased person is still one customer.
    ("erased:" + "0123456789abcdef" * 2, "erased:" + "0123456789abcdef" * 2),
)


def test_an_answer_matches_its_order_in_every_spelling_of_the_email() -> None:
    built = _built(
        [_order(f"o{number}", **_from(way)) for number, (way, _) in enumerate(WAYS)],
        [_answer(number, customer_email=way) for number, (_, way) in enumerate(WAYS)],
    )
    emails = {row["order_id"]: row["customer_email"] for row in built["unified.orders"]}
    for row in built["marts.order_feedback"]:
        order_id = f"o{row['provider_feedback_id']}"
        assert (row["match_method"], row["order_id"]) == ("email", order_id)
        assert row["customer_key"] == pseudonym(b"secret", emails[order_id])


def test_an_invalid_email_is_no_customer() -> None:
    invalid = ("n/a", "none", "-", "@", "a@", "@b", "a@b@c", "Ana <>")
    built = _built(
        [_order(f"o{number}", **_from(text)) for number, text in enumerate(invalid * 2)],
        [_answer(number, customer_email=text) for number, text in enumerate(invalid)],
    )
    met = {(row["match_method"], row["customer_key"]) for row in built["marts.order_feedback"]}
    assert met == {(None, None)}
    assert built["marts.customer_value"] == []


def test_every_spelling_of_a_currency_is_one_and_a_missing_currency_is_separate() -> None:
    ways = ["usd", "USD", "usd\u00a0", "EUR ", "eur", None, "", " "]
    orders = [
        _order(f"o{number}", currency=currency, **_from("ana@example.com"))
        for number, currency in enumerate(ways)
    ]
    # The queue's row matches the last order, whose currency is missing.
    orders[-1] |= {"date": NOON + timedelta(minutes=1)}
    built = _built(orders, [_answer(1, customer_email="ana@example.com")])
    value = {row["currency"]: row for row in built["marts.customer_value"]}
    assert {
        currency: (row["customers"], row["orders"], row["repeat_rate"])
        for currency, row in value.items()
    } == {"USD": (1, 3, 1.0), "EUR": (1, 2, 1.0), None: (1, 3, 1.0)}
    [waiting] = built["marts.detractor_queue"]
    assert (waiting["currency"], waiting["customer_net_amount"]) == (None, Decimal(30))


def test_every_spelling_of_a_channel_is_one_in_marts_and_unchanged_in_attribution() -> None:
    ways = [
        "Facebook",
        "facebook",
        "\u2003FACE\u200bBOOK ",
        "(none)",
        " ",
        None,
        "(all)",
        "(Unmatched)",
    ]
    orders = [
        _order(
            f"o{number}",
            attributions={
                "first_click": {"date": NOON, "source": way, "medium": way, "campaign": way}
            },
            **_from(f"{number}@x.y"),
        )
        for number, way in enumerate(ways)
    ]
    answers = [_answer(number, customer_email=f"{number}@x.y") for number in range(len(ways))]
    built = _built(orders, answers)
    for mart in ("nps_by_attribution", "nps_by_channel"):
        credited = {
            tuple(row[part] for part in ("source", "medium", "campaign")): row["responses"]
            for row in built[f"marts.{mart}"]
            if row["model"] == "first_click" and row.get("window_days", 7) == 7
        }
        assert credited == {("facebook",) * 3: 3.0, ("(none)",) * 3: 5.0}, mart
    for mart in ("order_feedback", "detractor_queue"):
        names = {
            row["feedback_id"][-1]: row["first_click_source"] for row in built[f"marts.{mart}"]
        }
        assert [names[key] for key in sorted(names)] == [*["facebook"] * 3, "(none)", *[None] * 4]
    served = [
        row["source"] for row in built["unified.attribution"] if row["model"] == "first_click"
    ]
    assert served == [*ways[:4], None, None, *ways[6:]]


@pytest.mark.parametrize("status", ["Refunded ", "REFUNDED", "\u00a0refunded\t"])
def test_every_spelling_of_a_refund_status_counts(project: Project, status: str) -> None:
    payments = [
        {"status": " Approved\u00a0", "amount": Decimal(100)},
        {"status": status, "amount": Decimal(-40)},
    ]
    rows = _stored(project.warehouse, [_order("o1", payments=payments, currency="usd ")])
    assert (rows[0]["paid_amount"], rows[0]["net_amount"]) == (Decimal(100), Decimal(60))
    assert not _check(project, "unified.orders", "money_in_is_money_out")["violations"]


def test_two_of_the_largest_orders_of_one_customer_add_up() -> None:
    orders = [
        _order(name, amount=MOST, currency="EUR", **_from("ana@example.com")) for name in ("a", "b")
    ]
    built = _built(orders, [_answer(1, customer_email="ana@example.com")])
    [value] = built["marts.customer_value"]
    assert value["net_amount"] == value["net_amount_per_customer"] == 2 * MOST
    [waiting] = built["marts.detractor_queue"]
    assert waiting["customer_net_amount"] == 2 * MOST


def test_an_overflowing_order_of_an_old_partition_is_named_and_blocks_nothing(
    project: Project,
) -> None:
    twice = [{"status": "APPROVED", "amount": MOST}] * 2
    items = [{"id": name, "name": name, "qty": Decimal(99999999999999)} for name in ("p", "q")]
    orders = [_order("good"), _order("items", products=items), _order("paid", payments=twice)]
    rows = {row["order_id"]: row for row in _stored(project.warehouse, orders)}
    assert rows["good"]["net_amount"] == rows["items"]["net_amount"] == Decimal(10)
    assert rows["items"]["item_count"] is None
    assert (rows["paid"]["paid_amount"], rows["paid"]["net_amount"]) == (None, None)
    metrics = _check(project, "unified.orders", "money_in_is_money_out")
    assert metrics["violations"] > 0
    assert (metrics["orders_too_large"], metrics["first_order_too_large"]) == (2, "items")


def _stored(warehouse: Warehouse, orders: list[Row]) -> list[Row]:
    """``unified.orders`` of that day, stored with its inputs."""
    day, table = NOON.date(), find_table("unified.orders")
    read = find_table("wicked_reports.orders")
    warehouse.replace_day(read, day, arrow(read, orders).drop_columns("day"))
    [(_, rows)] = build_days(table, day, day, warehouse, PARAMETERS)
    warehouse.replace_day(table, day, rows)
    found: list[Row] = rows.to_pylist()
    return found


def _check(project: Project, name: str, check: str) -> dict[str, Any]:
    days = (NOON.date(), NOON.date())
    found = results(find_table(name), project.warehouse, project.settings, days)
    return next(numbers for rule, numbers, _ in found if rule == check)
