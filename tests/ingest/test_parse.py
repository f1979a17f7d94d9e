"""A page of records to rows: what is kept, what is quarantined and why, table by table."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from feedback_assets.ingest.parse import parse_page
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES
from tests.ingest.documents import (
    CLICKS,
    CONTACTS,
    EVENT_DAY,
    FEEDBACKS,
    NAMES,
    ORDER_FEEDBACK,
    ORDERS,
    REVIEWS,
    SUBMISSIONS,
    TRACKERS,
    as_json,
    documented,
    every_column,
    only_bad,
    only_row,
    parse,
    parse_bytes,
    typing_of,
)

all_tables = pytest.mark.parametrize("table", PROVIDER_TABLES, ids=NAMES)
UNTYPED = 5  # a record that makes Arrow reject its page


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@all_tables
def test_the_documented_record_becomes_a_row_with_every_documented_field(table: Table) -> None:
    record = documented(table)
    row = only_row(parse(table, record))
    for column in table.columns:
        given = record.get(column.json_name)
        if given is not None:
            assert row[column.name] is not None
        if isinstance(given, bool | str) and not isinstance(row[column.name], datetime):
            assert row[column.name] == given
    assert row[table.event_time or ""].date() == EVENT_DAY[table.full_name]
    assert row["extra"] is None


def test_nested_objects_and_arrays_keep_their_structure_and_values() -> None:
    row = only_row(parse(ORDERS, documented(ORDERS), zone="America/New_York"))
    touch = {"date": at(2020, 6, 18, 6, 0, 27), **dict.fromkeys(
        ("source", "medium", "campaign", "content", "term"), "direct")}  # fmt: skip
    assert row["date"] == at(2020, 6, 18, 6, 0, 27)
    assert row["attributions"] == dict.fromkeys(
        ("first_click", "first_optin", "re_optin", "last_click"), touch
    )
    assert row["products"] == [
        {"id": "test-product-id", "name": "Awesome Subscription Plan", "qty": 1, "ppu": 79}
    ]
    assert row["payments"] == [
        {"date": at(2020, 6, 18, 6, 0, 27), "status": "APPROVED", "amount": Decimal(79)}
    ]
    assert row["links"]["clicks"]["href"] == "/contacts/AB-1234567/clicks"


def test_the_time_of_a_thanx_purchase_is_read_from_either_field() -> None:
    inside = only_row(parse(FEEDBACKS, documented(FEEDBACKS)))
    assert inside["purchased_at"] == inside["purchase"]["purchased_at"] == at(2020, 1, 1, 20)
    top = only_row(parse(FEEDBACKS, documented(FEEDBACKS, purchased_at="2020-02-02T00:00:00Z")))
    assert top["purchased_at"] == at(2020, 2, 2)


def test_the_order_number_is_extracted_from_the_order() -> None:
    for table in (ORDER_FEEDBACK, REVIEWS):
        assert only_row(parse(table, documented(table)))["order_no"] == "27047"
        assert "order_no: missing" in only_bad(parse(table, documented(table, order={})))


@pytest.mark.parametrize(("stamp", "hour"), [("01:30:00", 5), ("02:30:00", 7)])
def test_a_nested_timestamp_without_zone_uses_the_providers_zone_at_a_clock_change(
    stamp: str, hour: int
) -> None:
    day = "2024-11-03" if hour == 5 else "2024-03-10"
    payment = {"date": f"{day}T{stamp}", "status": "MANUAL", "amount": 1}
    good = documented(ORDERS, payments=[payment])
    for page in ([good], [good, UNTYPED]):
        row = parse(ORDERS, *page, zone="America/New_York").rows.to_pylist()[0]
        read = row["payments"][0]["date"]
        assert read == at(*map(int, day.split("-")), hour, 30 if hour == 5 else 0)


@all_tables
def test_a_record_without_key_or_event_time_is_quarantined_with_the_field_name(
    table: Table,
) -> None:
    needed = [column for column in table.columns if not column.nullable]
    assert len(needed) >= 2
    for column in needed:
        path = column.fallback.split(".") if column.fallback else [column.json_name]
        absent: list[Any] = [..., None]
        if str(column.type) == "string":
            absent += ["", " \t"]
        for value in absent:
            record = documented(table)
            if column.fallback:
                _set(record, _json_path(table, path), value)
            else:
                record = documented(table, **{column.json_name: value})
            (bad,) = parse(table, record).bad
            assert bad.reason == f"{column.json_name}: missing"
            assert json.loads(bad.payload) == json.loads(json.dumps(record))
            is_time = column.name == table.event_time
            assert bad.day == (None if is_time else EVENT_DAY[table.full_name])


def _json_path(table: Table, names: list[str]) -> list[str]:
    path, columns = [], table.columns
    for name in names:
        column = next(column for column in columns if column.name == name)
        path.append(column.json_name)
        columns = column.fields
    return path


def _set(record: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        record = record[name]
    if value is ...:
        record.pop(path[-1])
    else:
        record[path[-1]] = value


WRONG: dict[str, list[Any]] = {
    "string": [1.5, 27047.0, True, {}, {"a": 1}, [], ["a"]],
    "bool": [2, -1, 1.0, 0.5, "yes", "True", "01", "", " ", {}, []],
    "timestamp[us, tz=UTC]": [5, 1592460027, 1.5, True, "soon", "2020-02-30", "0000-00-01",
                              "0000-00-00 12:00:00", "0000-00-00x", "2020-00-00", {}, []],
    "decimal128(18, 4)": ["abc", "", " ", "1,5", "0x10", "NaN", "1_000", "\uff11", True, {}, [],
                          1e12, -1e300],
    "int8": ["", " ", "nine", "9.5", "0x9", "\uff11", "1,5", "1_0", "300", "NaN", "null",
             5.5, 300, True, {}, []],
    "int64": ["", "nine", "5.5", "0x9", "\uff11", "1,5", str(2**63), "1e400", 5.5, 2**63, -(2**64),
              True, {}, []],
    "double": ["", " ", "nine", "0x9", "\uff11", "1,5", "NaN", "Infinity", "1e400", True, {}, []],
    "struct": [5, "x", True, ["a"], [{}]],
    "list": [5, "x", True, [5], ["x"], [[]], [True], {"a": {}}, {"1": 5}, {"0": {}, "2": {}},
             {"00": {}}, {"-1": {}}, {"\uff11": {}}, {"id": "p"}],
}  # fmt: skip


def _wrong(column: Column) -> list[Any]:
    return WRONG[column.shape if column.shape != "value" else str(column.type)]


@every_column
def test_a_value_of_the_wrong_type_quarantines_only_its_record(
    table: Table, column: Column
) -> None:
    good = documented(table)
    for value in _wrong(column):
        parsed = parse(table, good, documented(table, **{column.json_name: value}), good)
        assert parsed.rows.num_rows == 2
        (bad,) = parsed.bad
        assert bad.reason.startswith(column.json_name)
        assert json.loads(bad.payload)[column.json_name] == value


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("payments", [{"amount": 1}, {"amount": "x"}],
         'payments[1].amount: expected an amount, got the text "x"'),
        ("payments", [{"date": "soon"}],
         'payments[0].date: the text "soon" is not an ISO 8601 time stamp'),
        ("payments", [{"date": "2020-02-30"}],
         ('payments[0].date: the text "2020-02-30" is not a time stamp: '
          "day is out of range for month")),
        ("products", [{"name": {}}], "products[0].name: expected text, got an object"),
        ("contact", {"email": 5.5}, "contact.email: expected text, got 5.5"),
        ("links", {"contact": "x"}, 'links.contact: expected an object, got the text "x"'),
        ("attributions", {"lastClick": {"term": []}},
         "attributions.lastClick.term: expected text, got an array"),
    ],
)  # fmt: skip
def test_the_reason_names_the_nested_field_and_its_value(
    path: str, value: Any, reason: str
) -> None:
    bad = documented(ORDERS, **{path: value})
    assert only_bad(parse(ORDERS, bad)) == reason
    among = parse(ORDERS, *[documented(ORDERS)] * 50, bad, *[documented(ORDERS)] * 50)
    assert [found.reason for found in among.bad] == [reason]


@pytest.mark.parametrize(
    "record", [None, 5, 1.5, True, "text", "null", [], [[]], {}, [{"id": "a"}]]
)
@all_tables
def test_anything_that_is_not_a_record_is_quarantined(table: Table, record: Any) -> None:
    parsed = parse(table, documented(table), record, documented(table))
    assert parsed.rows.num_rows == 2
    assert json.loads(parsed.bad[0].payload) == record
    assert parsed.bad[0].day is None


SCORES = [
    (FEEDBACKS, "rating", 0, 10),
    (SUBMISSIONS, "nps_score", 0, 10),
    (SUBMISSIONS, "star_rating", 1, 5),
    (ORDER_FEEDBACK, "score", 0, 10),
]


@pytest.mark.parametrize(("table", "field", "low", "high"), SCORES)
def test_a_score_counts_from_its_lowest_to_its_highest_value_and_zero_is_a_score(
    table: Table, field: str, low: int, high: int
) -> None:
    column = next(column for column in table.columns if column.json_name == field)
    for value in (low, high, None, float(low), float(high)):
        row = only_row(parse(table, documented(table, **{field: value})))
        assert row[column.name] == value
        assert not isinstance(row[column.name], float)
    for value in (low - 1, high + 1, 127, -128):
        reason = only_bad(parse(table, documented(table, **{field: value})))
        assert reason == f"{field}: not in {low}–{high}"
    for value in (128, 1000, 10**30, 9.5, 1e300):
        assert field in only_bad(parse(table, documented(table, **{field: value})))


@pytest.mark.parametrize("score", [0, -3, 4.5, 100, 1e6, None])
def test_a_product_review_score_can_be_any_number(score: float | None) -> None:
    assert only_row(parse(REVIEWS, documented(REVIEWS, score=score)))["score"] == score


def test_any_integer_column_accepts_a_whole_number_with_a_decimal_point() -> None:
    row = only_row(parse(SUBMISSIONS, documented(SUBMISSIONS, id=42.0, nps_score=9.0)))
    assert (row["id"], row["nps_score"]) == (42, 9)
    assert only_row(parse(TRACKERS, documented(TRACKERS, clicks=3.0)))["clicks"] == 3
    large = only_row(parse(SUBMISSIONS, documented(SUBMISSIONS, id=2**63 - 1)))
    assert large["id"] == 2**63 - 1


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("16.299999999999997", "16.3"),
        ("0.30000000000000004", "0.3"),
        ("0.00005", "0"),
        ("0.00015", "0.0002"),
        ("-0.00005", "0"),
        ("-12.34565", "-12.3456"),
        ("0.12345000000000000000001", "0.1235"),
        ("1e2", "100"),
        ("1E-7", "0"),
        ("1e-40", "0"),
        ('"12.50"', "12.5"),
        ('" 12.50 "', "12.5"),
        ('"-1e2"', "-100"),
        ("999999999999.9999", "999999999999.9999"),
        ("-999999999999.99994999", "-999999999999.9999"),
        ("-999999999999", "-999999999999"),
    ],
)
def test_money_is_rounded_to_four_decimals_half_to_even_and_exactly(
    written: str, amount: str
) -> None:
    page = as_json(documented(ORDERS, amount="here")).replace(b'"here"', written.encode())
    for records, count in ((page, 1), (page[:-1] + b",5]", 2)):
        parsed = parse_bytes(ORDERS, records, count)
        assert parsed.rows.column("amount").to_pylist() == [Decimal(amount)]


@pytest.mark.parametrize(
    "written",
    ["1000000000000", "-1000000000000", "-1e12", "999999999999.99995", "-999999999999.99996",
     "1e12", '"1000000000000"', "100000000000000", "99999999999999.99996", "123456789012345678",
     "1e25", "1e30",
     "1e34", "3.4028236692093846346e34", "1e37", "1e38", "1e40", "1e60", "-1e76", "1e300", "1e999",
     "340282366920938463463.374607431768211456", "9" * 40, "9" * 5000, '"1e30"', '"1e999999"'],
)  # fmt: skip
def test_money_that_overflows_its_column_is_quarantined_and_never_wraps_around(
    written: str,
) -> None:
    page = as_json(documented(ORDERS), documented(ORDERS, amount="here"))
    parsed = parse_bytes(ORDERS, page.replace(b'"here"', written.encode()), 2)
    assert parsed.rows.column("amount").to_pylist() == [Decimal(79)]
    assert len(parsed.bad) == 1
    nested = documented(ORDERS, payments=[{"amount": 1}, {"amount": "here"}])
    page = as_json(documented(ORDERS), nested).replace(b'"here"', written.encode())
    assert len(parse_bytes(ORDERS, page, 2).bad) == 1


@pytest.mark.parametrize("table", [CONTACTS, CLICKS, ORDERS], ids=lambda table: table.name)
def test_wicked_reports_text_null_is_null_at_any_depth(table: Table) -> None:
    needed = {column.json_name for column in table.columns if not column.nullable}
    for path in _paths(documented(table)):
        record = documented(table)
        holder: Any = record
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = "null"
        as_text = parse(table, record)
        holder[path[-1]] = None
        as_null = parse(table, record)
        assert as_text.rows.equals(as_null.rows)
        assert [bad.reason for bad in as_text.bad] == [bad.reason for bad in as_null.bad]
        assert bool(as_null.bad) == (path[0] in needed)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for step, part in inner:
        found.append((*path, step))
        if isinstance(part, dict | list):
            found += _paths(part, (*path, step))
    return found


def test_the_text_null_in_a_bad_record_is_kept_unchanged() -> None:
    (bad,) = parse(ORDERS, documented(ORDERS, date="null", currency="null")).bad
    assert json.loads(bad.payload)["currency"] == "null"


def test_only_wicked_reports_treats_the_text_null_as_null() -> None:
    row = only_row(parse(SUBMISSIONS, documented(SUBMISSIONS, customer_name="null")))
    assert row["customer_name"] == "null"
    assert only_bad(parse(SUBMISSIONS, documented(SUBMISSIONS, nps_score="null")))


def test_an_empty_array_in_place_of_an_object_is_an_empty_object() -> None:
    links = only_row(parse(CONTACTS, documented(CONTACTS, links=[])))["links"]
    assert links == {"clicks": None, "orders": None}
    assert links == only_row(parse(CONTACTS, documented(CONTACTS, links={})))["links"]
    nested = documented(ORDERS, attributions={"firstClick": [], "lastClick": {}})
    row = only_row(parse(ORDERS, nested))
    assert row["attributions"]["first_click"] == row["attributions"]["last_click"]


def test_null_items_of_an_array_stay_null_items() -> None:
    record = documented(ORDERS, products=[None, {"id": "p"}], payments=[])
    for page in ([record], [record, UNTYPED]):
        row = parse(ORDERS, *page).rows.to_pylist()[0]
        assert row["products"] == [None, {"id": "p", "name": None, "qty": None, "ppu": None}]
        assert row["payments"] == []


UNKNOWN: list[tuple[dict[str, Any], Any]] = [
    ({"new": 1}, {"new": 1}),
    ({"extra": {"a": [1, None]}}, {"extra": {"a": [1, None]}}),
    ({"z": 1.10, "a": "é"}, {"a": "é", "z": 1.1}),
    ({"": None}, {"": None}),
    ({"big": 123456789012345678901234}, {"big": 123456789012345678901234}),
    ({"contact": {"id": "c", "vip": True}}, {"contact": {"vip": True}}),
    ({"products": [{"id": "p"}, {"id": "q", "sku": {"a": 1}}]},
     {"products": [{}, {"sku": {"a": 1}}]}),
    ({"attributions": {"lastClick": {"ad": [{}]}, "linear": 1}},
     {"attributions": {"lastClick": {"ad": [{}]}, "linear": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "extra"), UNKNOWN)
def test_both_parsers_keep_unknown_fields_at_every_depth_as_json(
    fields: dict[str, Any], extra: Any
) -> None:
    record = documented(ORDERS, **fields)
    alone = parse(ORDERS, record).rows
    (text,) = alone.column("extra").to_pylist()
    assert json.loads(text) == extra
    beside_bad = parse(ORDERS, record, UNTYPED).rows
    repaired = parse(ORDERS, record, documented(ORDERS, links=[], **fields)).rows
    assert alone.equals(beside_bad)
    assert repaired.column("extra").to_pylist() == [text, text]


@all_tables
def test_unknown_fields_may_have_a_different_type_in_every_record(table: Table) -> None:
    values: list[Any] = [1, "x", None, True, 1.5, [1], [[]], {"a": 1}, {"a": [2]}, {}, []]
    parsed = parse(table, documented(table), *[documented(table, new=value) for value in values])
    assert parsed.bad == ()
    extras = parsed.rows.column("extra").to_pylist()
    assert extras[0] is None
    assert [json.loads(extra) for extra in extras[1:]] == [{"new": value} for value in values]


def test_a_repaired_record_keeps_its_position_so_the_later_read_wins() -> None:
    records = [documented(ORDERS, sourceId=str(n)) for n in range(100)]
    records[10]["links"] = []
    records[20]["amount"] = 16.299999999999997
    records[30]["date"] = "2020-06-18t06:00:27z"
    records[40]["new"] = 1
    parsed = parse(ORDERS, *records)
    assert parsed.rows.column("source_id").to_pylist() == [str(n) for n in range(100)]


def test_the_last_value_of_a_duplicate_key_wins() -> None:
    good = as_json(documented(ORDERS))[1:-1]
    twice = good[:-1] + b', "id": "second", "amount": 5}'
    page = b"[" + b",".join([good] * 40 + [twice] + [good] * 40) + b"]"
    parsed = parse_bytes(ORDERS, page, 81)
    assert parsed.bad == ()
    assert parsed.rows.column("id").to_pylist()[40] == "second"
    assert parsed.rows.column("amount").to_pylist()[40] == Decimal(5)


def test_text_cut_within_an_emoji_gets_a_replacement_character() -> None:
    good = as_json(documented(SUBMISSIONS))[1:-1]
    cut = good.replace(b"Absolutely", rb"\ud83d\ude00 \ud83d")
    parsed = parse_bytes(SUBMISSIONS, b"[" + good + b"," + cut + b"," + good + b"]", 3)
    assert parsed.bad == ()
    comment = parsed.rows.column("text_feedback").to_pylist()[1]
    assert comment == "\U0001f600 \ufffd love this product!"


def test_invalid_bytes_quarantine_only_their_record() -> None:
    good = as_json(documented(SUBMISSIONS))[1:-1]
    broken = good.replace(b"Absolutely", b"\xff\xfe")
    parsed = parse_bytes(SUBMISSIONS, b"[" + b",".join([good, broken, good]) + b"]", 3)
    assert parsed.rows.num_rows == 2
    assert r"\xff\xfe love" in parsed.bad[0].payload


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("depth", [500, 3_000, 100_000])
@all_tables
def test_a_record_nested_too_deep_is_quarantined_without_a_crash(
    table: Table, depth: int, brackets: str
) -> None:
    opening = b"[" if brackets == "[]" else b'{"a":'
    deep = opening * depth + b"1" + brackets[1].encode() * depth
    good = as_json(documented(table))[1:-1]
    bad = good[:-1] + b', "deep": ' + deep + b"}"
    parsed = parse_bytes(table, b"[" + b",".join([good, bad, good]) + b"]", 3)
    assert parsed.rows.num_rows == (3 if depth == 500 else 2)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "01", "+1", ".5", "-"])
def test_a_number_that_is_not_valid_json_quarantines_its_record(number: str) -> None:
    page = as_json(documented(REVIEWS), documented(REVIEWS, score="here"))
    parsed = parse_bytes(REVIEWS, page.replace(b'"here"', number.encode()), 2)
    assert parsed.rows.num_rows == 1
    page = as_json(documented(REVIEWS), documented(REVIEWS, unknown="here"))
    assert parse_bytes(REVIEWS, page.replace(b'"here"', number.encode()), 2).rows.num_rows == 1


@pytest.mark.parametrize("page", [b"", b"{}", b"null", b"5", b'"x"', b"[", b"[{}", b"[]]", b"[}",
                                  b'[],"q":[]', b'[]}{"r":[]', b"<html>", b"\xff"])  # fmt: skip
def test_a_page_that_is_not_an_array_is_an_error_and_never_empty(page: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_page(page, ORDERS, typing_of(ORDERS))


@all_tables
def test_an_empty_page_has_the_schema_and_no_rows(table: Table) -> None:
    for page in (b"[]", b" [ ] \n"):
        assert parse_bytes(table, page, 0).rows.equals(table.schema.empty_table())


@all_tables
def test_a_timestamp_beyond_the_supported_years_is_quarantined(table: Table) -> None:
    column = table.column(table.event_time or "")
    for stamp in ("0000-01-01", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"):
        parsed = parse(table, documented(table), documented(table, **{column.json_name: stamp}))
        assert parsed.rows.num_rows == 1
        assert parsed.bad[0].day in (None, date(2020, 1, 1))
        parsed.rows.to_pylist()
