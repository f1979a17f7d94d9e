"""Equivalent values in another form are read and normalised; values that do not fit are not."""

import json
from decimal import Decimal
from typing import Any

from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import Table
from tests.ingest.documents import (
    CLICKS,
    ORDERS,
    TRACKERS,
    documented,
    every_column,
    only_bad,
    only_row,
    parse,
)

UNTYPED = 5  # a record that makes Arrow reject its page

LOSSLESS: dict[str, list[tuple[Any, Any]]] = {
    "string": [(27047, "27047"), (0, "0"), (-5, "-5"), (10**25, "1" + "0" * 25)],
    "bool": [(0, False), (1, True), ("0", False), ("1", True), ("false", False), ("true", True)],
    "timestamp[us, tz=UTC]": [
        (zero, None)
        for zero in ("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00",
                     "0000-00-00T00:00:00.000Z", "0000-00-00 00:00:00+02:00", " 0000-00-00 ")
    ],
    "decimal128(18, 4)": [("9", 9), ("9.5", Decimal("9.5")), (" 9 ", 9), ("+9", 9),
                          ("-0.5", Decimal("-0.5"))],
    "int8": [("9", 9), ("9.0", 9), (" 9 ", 9), ("+9", 9), ("09", 9), ("9e0", 9)],
    "int64": [("9", 9), ("9.0", 9), (" 9 ", 9), (str(2**63 - 1), 2**63 - 1)],
    "double": [("0.5", 0.5), ("-1", -1.0), (" 0.25 ", 0.25), ("1e-3", 0.001)],
    "list": [({}, []), ({"0": {}}, [{}]), ({"1": {}, "2": None}, [{}, None]),
             ({"10": None, "9": {}}, [{}, None])],
    "struct": [([], {})],
}  # fmt: skip


@every_column
def test_an_equivalent_value_in_another_form_is_read(table: Table, column: Column) -> None:
    kind = column.shape if column.shape != "value" else str(column.type)
    for written, meant in LOSSLESS[kind]:
        if column.low is not None and column.high == 5:
            written, meant = 5 if written == 9 else "5", 5  # noqa: PLW2901
        record = documented(table, **{column.json_name: written})
        same = documented(table, **{column.json_name: meant})
        if isinstance(meant, Decimal):
            same[column.json_name] = float(meant)
        expected = parse(table, same).rows
        if not expected.num_rows:  # a key, an event time or the parent object is missing
            assert only_bad(parse(table, record)).endswith(": missing")
            continue
        good = documented(table)
        for page in ([record], [record] * 40, [record, UNTYPED], [record, {**good, "new": 1}]):
            rows = parse(table, *page).rows
            assert rows.slice(0, 1).equals(expected), (written, len(page))


def test_a_nested_number_is_read_and_a_fraction_is_not_a_valid_id() -> None:
    record = documented(
        ORDERS,
        contact={"id": 5, "email": "a@example.com"},
        products={"1": {"id": 27047, "qty": "2", "PPU": "1.5"}, "2": {"qty": "3"}},
        payments={"0": {"date": "0000-00-00 00:00:00", "status": "APPROVED", "amount": "7"}},
        attributions={"firstClick": {"date": "0000-00-00", "source": 7}, "lastClick": []},
    )
    row = only_row(parse(ORDERS, record))
    assert row["contact"]["id"] == "5"
    assert [(item["id"], item["qty"], item["ppu"]) for item in row["products"]] == [
        ("27047", 2, Decimal("1.5")), (None, 3, None)]  # fmt: skip
    assert row["payments"] == [{"date": None, "status": "APPROVED", "amount": 7}]
    assert row["attributions"]["first_click"]["source"] == "7"
    assert row["attributions"]["first_click"]["date"] is None
    assert only_bad(parse(ORDERS, {**record, "contact": {"id": 5.5}})) == (
        "contact.id: expected text, got 5.5"
    )


def test_unknown_fields_next_to_converted_values_are_kept_unchanged() -> None:
    record = documented(ORDERS, amount="79", id=5, new={"id": 6, "amount": "7"})
    record["products"] = {"1": {"id": 7, "sku": 8}}
    row = only_row(parse(ORDERS, record))
    assert json.loads(row["extra"]) == {
        "new": {"id": 6, "amount": "7"},
        "products": [{"sku": 8}],
    }


LETTER, COMPOSED = "e\u0301", "\u00e9"


def test_text_is_stored_composed_at_any_depth_and_bad_payloads_unchanged() -> None:
    record = documented(
        ORDERS,
        currency=LETTER,
        id=LETTER,
        products=[{"name": LETTER}],
        contact={"email": f"{LETTER}@example.com", "sourceId": LETTER},
        new={LETTER: [f"\n\u0301 {LETTER}"]},
    )
    for page in ([record], [record, UNTYPED], [{**record, "links": []}]):
        row = parse(ORDERS, *page).rows.to_pylist()[0]
        assert (row["id"], row["currency"]) == (COMPOSED, COMPOSED)
        assert row["products"][0]["name"] == COMPOSED
        assert (row["contact"]["email"], row["contact"]["source_id"]) == (
            f"{COMPOSED}@example.com", COMPOSED)  # fmt: skip
        assert json.loads(row["extra"]) == {"new": {COMPOSED: [f"\n\u0301 {COMPOSED}"]}}
    (bad,) = parse(ORDERS, {**record, "amount": "x"}).bad
    assert json.loads(bad.payload)["currency"] == LETTER


def test_two_ids_that_differ_only_in_unicode_composition_are_one_key() -> None:
    rows = parse(ORDERS, documented(ORDERS, id=LETTER), documented(ORDERS, id=COMPOSED)).rows
    assert rows.column("id").to_pylist() == [COMPOSED, COMPOSED]


HIDDEN = "\u200b\ufeff"


def test_invisible_characters_are_removed_only_from_emails_and_channel_names() -> None:
    touch = dict.fromkeys(("source", "medium", "campaign", "content"), f"e{HIDDEN}\u0301")
    order = documented(ORDERS, attributions={"firstClick": touch}, currency=f"U{HIDDEN}")
    order["contact"]["email"] = f"jose{HIDDEN}\u0301@example.com"
    row = only_row(parse(ORDERS, order))
    assert row["contact"]["email"] == "jos\u00e9@example.com"
    assert row["currency"] == f"U{HIDDEN}"
    read = row["attributions"]["first_click"]
    assert {read[name] for name in ("source", "medium", "campaign")} == {COMPOSED}
    assert read["content"] == f"e{HIDDEN}\u0301"
    click = only_row(parse(CLICKS, documented(CLICKS, utms=touch, source=f"x{HIDDEN}")))
    assert (click["utms"]["source"], click["source"]) == (COMPOSED, f"x{HIDDEN}")
    tracker = only_row(parse(TRACKERS, documented(TRACKERS, sentTo=f"a{HIDDEN}@example.com")))
    assert tracker["sent_to"] == "a@example.com"


def paid(*amounts: float, status: str = "Approved ") -> list[dict[str, Any]]:
    return [{"status": status, "amount": amount} for amount in amounts]


def test_an_order_whose_payments_overflow_their_type_is_quarantined() -> None:
    most = 999_999_999_999.99
    kept = documented(ORDERS, payments=paid(*[most] * 100) + paid(*[most] * 99, status="REFUNDED"))
    failed = documented(ORDERS, payments=paid(*[most] * 300, status="FAILED"))
    assert parse(ORDERS, kept, failed).bad == ()
    for status, name in (("MANUAL", "paid_amount"), ("refunded", "refunded_amount")):
        large = documented(ORDERS, payments=paid(*[most] * 60 + [-most] * 60, status=status))
        parsed = parse(ORDERS, kept, large, UNTYPED)
        assert parsed.rows.num_rows == 1
        assert parsed.bad[0].reason == (
            f"payments: {name} adds up to 119999999999998.8000, out of range"
        )


def test_an_order_whose_product_count_overflows_its_type_is_quarantined() -> None:
    products = [None, {"id": "p"}, *[{"qty": 999_999_999_999}] * 101]
    assert only_bad(parse(ORDERS, documented(ORDERS, products=products))) == (
        "products: item_count adds up to 100999999999899.0000, out of range"
    )
    assert parse(ORDERS, documented(ORDERS, products=products[:102])).bad == ()
