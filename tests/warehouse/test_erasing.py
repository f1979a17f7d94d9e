"""An erased person is in no column declared personal, and equal values stay equal."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest

from feedback_assets.providers.fullwhere.tables import SURVEY_TRACKERS
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.thanx.tables import FEEDBACKS
from feedback_assets.providers.wicked_reports.tables import CLICKS, CONTACTS, ORDERS
from feedback_assets.schema.columns import Column, Personal, leaves, personal_paths
from feedback_assets.schema.table import Table
from feedback_assets.tables import STORED_TABLES, find_table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.erased import (
    WORDS,
    Addition,
    Erased,
    ErasureKeyMissing,
    is_pseudonym,
)
from feedback_assets.warehouse.erasing import erase_payload, erase_reason, erase_rows
from feedback_assets.warehouse.quarantine import (
    SetAside,
    erase_quarantine,
    quarantine_files,
    read_quarantine_file,
    set_aside,
)
from feedback_assets.warehouse.warehouse import Warehouse

DAY = date(2024, 3, 1)
AT = datetime(2024, 3, 1, 9, tzinfo=UTC)
EMAIL = "ana@example.com"
KEY = b"key of the list"
EMPTY = Erased(KEY)
PERSON = EMPTY.hash_of("email", EMAIL)
MARKED = [table for table in STORED_TABLES if personal_paths(table.columns)]


def erased_list(*names: tuple[str, str]) -> Erased:
    hashes = {EMPTY.hash_of(kind, text) for kind, text in names}  # type: ignore[arg-type]
    return EMPTY.with_more(Addition(PERSON, frozenset(hashes)))


ANA = erased_list(("email", EMAIL), ("contact", "AB-1"), ("order", "100"))


def rows_of(table: Table, *records: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(records), schema=table.schema)


def erased(table: Table, *records: dict[str, Any], by: Erased = ANA) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = erase_rows(table, rows_of(table, *records), by).rows.to_pylist()
    return found


def full(columns: tuple[Column, ...], prefix: str = "") -> dict[str, Any]:
    """A record with content in every text column."""
    record: dict[str, Any] = {}
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.shape == "list":
            record[column.name] = [full(column.fields, f"{path}.")]
        elif column.shape == "struct":
            record[column.name] = full(column.fields, f"{path}.")
        elif pa.types.is_string(column.type):
            at_ = "@" if column.points_at == "email" else " of "
            record[column.name] = f"secret{at_}{path}"
        elif pa.types.is_timestamp(column.type):
            record[column.name] = AT
        elif pa.types.is_date(column.type):
            record[column.name] = DAY
        elif pa.types.is_boolean(column.type):
            record[column.name] = True
        else:
            record[column.name] = 1
    return record


def at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record[name]
    return record


def put(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return record | {first: put(record[first], rest, value) if rest else value}


def pointers() -> list[Any]:
    return [
        pytest.param(table, path, column, id=f"{table.full_name}.{path}")
        for table in MARKED
        for path, column in leaves(table.columns)
        if column.points_at and column.points_at != "customer"
    ]


@pytest.mark.parametrize(("table", "path", "column"), pointers())
def test_every_marked_column_is_erased_for_each_kind_of_identifier(
    table: Table, path: str, column: Column
) -> None:
    record = full(table.columns)
    if column.unless:
        record = put(record, column.unless, None)
    whose = str(at(record, path))
    listed = erased_list((column.points_at or "", f"{column.prefix}{whose}"))
    done = erase_rows(table, rows_of(table, record), listed)
    (left,) = done.rows.to_pylist()
    assert done.changed
    for marked, kind in personal_paths(table.columns).items():
        value = at(left, marked)
        if kind in {Personal.EMAIL, Personal.CONTACT_ID} or marked in table.key:
            assert is_pseudonym(value), marked
        else:
            assert value == (WORDS if kind is Personal.FREE_TEXT else None), marked
    untouched = {
        name for name, _ in leaves(table.columns) if name not in personal_paths(table.columns)
    }
    for name in untouched - {"extra", path if column.points_at == "email" else ""}:
        assert at(left, name) == at(record, name), name
    assert left.get("extra") is None


@pytest.mark.parametrize("table", STORED_TABLES, ids=lambda table: table.full_name)
def test_personal_and_identifying_columns_are_not_inside_lists(table: Table) -> None:
    reachable = {path for path, _ in leaves(table.columns)}
    assert set(personal_paths(table.columns)) <= reachable

    def inside(columns: tuple[Column, ...], prefix: str = "") -> set[str]:
        found = set()
        for column in columns:
            if column.points_at:
                found.add(f"{prefix}{column.name}")
            found |= inside(column.fields, f"{prefix}{column.name}.")
        return found

    assert inside(table.columns) <= reachable


@pytest.mark.parametrize("table", MARKED, ids=lambda table: table.full_name)
def test_every_table_with_personal_columns_declares_its_identifiers(table: Table) -> None:
    assert [path for path, column in leaves(table.columns) if column.points_at]


def test_every_spelling_of_a_value_becomes_the_same_pseudonym() -> None:
    contact = {"id": "AB-1", "email": "\u00a0ANA@Example.com ", "create_date": AT}
    order = {"id": "1", "date": AT, "contact": {"id": "AB-1", "email": EMAIL}}
    click = {"contact_id": "AB-1", "date": AT, "email": EMAIL}
    (one,), (two,), (three,) = (
        erased(CONTACTS, contact),
        erased(ORDERS, order),
        erased(CLICKS, click),
    )
    assert one["email"] == two["contact"]["email"] == three["email"]
    assert one["id"] == two["contact"]["id"] == three["contact_id"]
    other = erased(CONTACTS, {"id": "AB-1", "email": "other@example.com", "create_date": AT})
    assert is_pseudonym(other[0]["email"])
    assert other[0]["email"] != one["email"]


def test_erased_rows_and_other_rows_are_unchanged() -> None:
    mine = {"id": "AB-1", "email": EMAIL, "first_name": "Ana", "create_date": AT}
    others = {"id": "AB-2", "email": "bo@example.com", "first_name": "Bo", "create_date": AT}
    done = erase_rows(CONTACTS, rows_of(CONTACTS, mine, others), ANA)
    again = erase_rows(CONTACTS, done.rows, ANA)
    assert not again.changed
    assert content_hash(again.rows) == content_hash(done.rows)
    assert others.items() <= next(r for r in done.rows.to_pylist() if r["id"] == "AB-2").items()
    assert done.theirs == 1


def test_an_erased_comment_still_counts_and_a_missing_comment_stays_missing() -> None:
    def words(comment: str | None) -> str | None:
        row = {"order_no": "100", "comment": comment, "added_on": AT}
        found: str | None = erased(ORDER_FEEDBACK, row)[0]["comment"]
        return found

    assert words("bad") == WORDS
    assert words(None) is None
    assert words("  ") == "  "


def test_two_clicks_that_differ_only_in_the_url_stay_two_in_table_order() -> None:
    clicks = [
        {"contact_id": "AB-1", "date": AT, "tracking_url": f"https://a.example/{n}?e={EMAIL}"}
        for n in range(5)
    ]
    left = erased(CLICKS, *clicks)
    urls = [row["tracking_url"] for row in left]
    assert len(set(urls)) == 5
    assert urls == sorted(urls)
    assert all(is_pseudonym(url) for url in urls)


def test_a_purchase_identifies_only_rows_without_an_order() -> None:
    def comment(order: str | None) -> str:
        purchase = {"id": "100", "order": {"id": order}}
        row = {"id": "1", "purchased_at": AT, "review": "mine", "purchase": purchase}
        found: str = erased(FEEDBACKS, row)[0]["review"]
        return found

    assert comment(None) == WORDS
    assert comment("200") == "mine"


def test_a_phone_number_is_erased_with_its_order() -> None:
    row = {
        "id": "t",
        "send_at": AT,
        "purchase_id": "100",
        "sent_to": "+49 555",
        "link": "https://x",
    }
    (left,) = erased(SURVEY_TRACKERS, row)
    assert (left["sent_to"], left["link"]) == (None, None)


def test_ids_read_later_identify_the_person_from_then_on() -> None:
    new = {"id": "300", "date": AT, "contact": {"id": "AB-9", "email": EMAIL}}
    done = erase_rows(ORDERS, rows_of(ORDERS, new), ANA)
    (learned,) = done.learned
    assert learned.person == PERSON
    later = ANA.with_more(learned)
    assert later.person_of("order", "300") == later.person_of("contact", "AB-9") == PERSON
    # An e-mail is not learned: a shared one would lead to other people without confirmation.
    mail = {"id": "301", "date": AT, "contact": {"id": "AB-9", "email": "info@shop.example"}}
    (more,) = erase_rows(ORDERS, rows_of(ORDERS, mail), later).learned
    assert later.with_more(more).person_of("email", "info@shop.example") is None


def test_only_the_email_is_erased_from_other_peoples_text() -> None:
    words = f"Ask Ana (ANA@example.com), or <{EMAIL}>. Not xana@example.com!"
    row = {"order_no": "999", "comment": words, "added_on": AT}
    (left,) = erased(ORDER_FEEDBACK, row)
    assert "ana@example.com)" not in left["comment"].lower()
    assert left["comment"].startswith("Ask Ana (erased:")
    assert left["comment"].endswith("Not xana@example.com!")


PAYLOADS = [
    {"id": None, "email": EMAIL, "firstName": "Ana", "createDate": "?", "phone": "+49 555"},
    {"id": "AB-1", "firstName": ["Ana"], "LTV": {"of": "Ana"}, "links": "Ana"},
    {"id": "AB-1 ", "lastName": "Ana", "unknown": {"deep": ["Ana"]}},
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_quarantined_record_loses_the_person_at_any_depth(
    payload: dict[str, Any],
) -> None:
    left = erase_payload(CONTACTS, json.dumps(payload), ANA)
    assert isinstance(json.loads(left), dict)
    for word in ("ana", "ab-1", "555"):
        assert word not in left.lower()
    assert erase_payload(CONTACTS, left, ANA) == left


def test_a_record_that_is_not_json_is_replaced_whole_if_it_names_the_person() -> None:
    broken = '{"id": "AB-1", "firstName": "Ana'
    left = erase_payload(CONTACTS, broken, ANA)
    assert set(json.loads(left)) == {"erased"}
    assert left != erase_payload(CONTACTS, broken + "x", ANA)
    other = '{"id": "AB-7", "firstName": "Bo'
    assert erase_payload(CONTACTS, other, ANA) == other


def test_the_numbers_of_a_record_keep_their_notation() -> None:
    payload = '{"id":"100","amount":16.299999999999997,"currency":"EUR","date":null}'
    assert erase_payload(ORDERS, payload, ANA) == payload
    left = erase_payload(ORDERS, payload.replace("}", f',"contact":{{"email":"{EMAIL}"}}}}'), ANA)
    assert left.startswith(payload[:-1])


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ('createDate: expected a time stamp, got the text "Ana"', f"createDate: {WORDS}"),
        ("products[0].PPU: expected an amount, got 1", f"products[0].PPU: {WORDS}"),
        ('the record is the text "Ana", not an object', WORDS),
    ],
)
def test_a_reason_keeps_the_field_but_not_the_value(reason: str, left: str) -> None:
    assert erase_reason(reason) == left


@pytest.fixture(params=["local", "remote"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "local":
        yield Warehouse(str(tmp_path / "w"), lambda: KEY)
        return
    yield Warehouse("memory://erasing", lambda: KEY)
    files = fsspec.filesystem("memory")
    if files.exists("/erasing"):
        files.rm("/erasing", recursive=True)


def contact(name: str = "Ana") -> pa.Table:
    return rows_of(CONTACTS, {"id": "AB-1", "email": EMAIL, "first_name": name, "create_date": AT})


def test_no_row_of_a_person_on_the_list_is_written(warehouse: Warehouse) -> None:
    assert warehouse.erased() is None
    warehouse.replace_day(CONTACTS, DAY, contact())
    warehouse.add_erased(Addition(PERSON, frozenset({PERSON})))
    written = warehouse.replace_day(CONTACTS, DAY, contact())
    (row,) = warehouse.read_arrow(CONTACTS).drop_columns("day").to_pylist()
    assert row["first_name"] is None
    assert written.content_hash == content_hash(rows_of(CONTACTS, row))
    # From then on, the id next to the e-mail is known too.
    click = {"contact_id": "AB-1", "date": AT}
    warehouse.replace_day(CLICKS, DAY, rows_of(CLICKS, click))
    assert is_pseudonym(warehouse.read_arrow(CLICKS).to_pylist()[0]["contact_id"])


def test_an_id_learned_from_one_day_is_erased_in_the_next_written_with_it(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path), lambda: KEY)
    warehouse.add_erased(Addition(PERSON, frozenset({PERSON})))
    without_email = rows_of(CONTACTS, {"id": "AB-1", "first_name": "Ana", "create_date": AT})
    days = [(DAY, contact()), (DAY + timedelta(days=1), without_email)]
    assert len(list(warehouse.replace_days(CONTACTS, days))) == 2
    rows = warehouse.read_arrow(CONTACTS).to_pylist()
    assert [row["first_name"] for row in rows] == [None, None]
    assert all(is_pseudonym(row["id"]) for row in rows)


def test_a_record_of_a_person_on_the_list_is_quarantined_once_without_them(
    warehouse: Warehouse,
) -> None:
    payload = json.dumps({"id": "AB-1", "email": EMAIL, "createDate": "?"})
    record = SetAside(DAY, 'createDate: the text "ana@example.com"', payload)
    set_aside(warehouse, CONTACTS, [record], AT)
    warehouse.add_erased(Addition(PERSON, frozenset({PERSON})))
    assert erase_quarantine(warehouse, CONTACTS) == 1
    assert erase_quarantine(warehouse, CONTACTS) == 0
    set_aside(warehouse, CONTACTS, [record], AT)
    (path,) = quarantine_files(warehouse, CONTACTS)
    (row,) = read_quarantine_file(warehouse, path).to_pylist()
    assert EMAIL not in json.dumps(row, default=str)


def test_the_list_reveals_nothing_and_is_not_a_table(tmp_path: Path) -> None:
    local = Warehouse(str(tmp_path), lambda: KEY)
    local.add_erased(Addition(PERSON, ANA.persons.keys() | set()))
    (path,) = (tmp_path / "erased").iterdir()
    assert path.suffix == ".json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert EMAIL not in text
    assert "AB-1" not in text


def test_without_the_correct_list_key_nothing_is_written(tmp_path: Path) -> None:
    Warehouse(str(tmp_path), lambda: KEY).add_erased(Addition(PERSON, frozenset({PERSON})))
    for other in (Warehouse(str(tmp_path)), Warehouse(str(tmp_path), lambda: b"another")):
        with pytest.raises(ErasureKeyMissing, match="FEEDBACK_ERASURE_SECRET"):
            other.replace_day(CONTACTS, DAY, contact())
        with pytest.raises(ErasureKeyMissing, match="FEEDBACK_ERASURE_SECRET"):
            set_aside(other, CONTACTS, [SetAside(DAY, "a", "{}")], AT)
        assert not other.files(CONTACTS)


def test_two_machines_that_extend_the_list_at_once_lose_no_entry(warehouse: Warehouse) -> None:
    for name in ("a", "b", "a"):
        warehouse.add_erased(Addition(name, frozenset({name})))
    listed = warehouse.erased()
    assert listed is not None
    assert set(listed.persons) == {"a", "b"}


def test_a_table_without_rows_of_the_list_is_not_copied() -> None:
    rows = rows_of(find_table("unified.attribution"))
    assert erase_rows(find_table("unified.attribution"), rows, ANA).rows is rows
