"""A search of the quarantine reads each file once, and finds what a search of each record finds."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.providers.wicked_reports.tables import CONTACTS
from feedback_assets.warehouse.erased import Addition, Erased
from feedback_assets.warehouse.erasing import erase_payload
from feedback_assets.warehouse.quarantine import (
    SetAside,
    erase_quarantine,
    quarantine_files,
    quarantine_of,
    read_quarantine_file,
    set_aside,
)
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.test_addresses import ENCODINGS

DAY = date(2024, 3, 1)
AT = datetime(2024, 3, 1, 9, tzinfo=UTC)
KEY = b"key of the list"
EMPTY = Erased(KEY)
PEOPLE = ("ana@example.com", "o'brien@example.com", "bob@example.com", "7")
WHO = "<who>"
RECORDS = (
    '{"id": "1", "email": "<who>", "createDate": "?"}',
    '{"id": "<who>", "createDate": "?"}',
    '{"id": "1", "note": "write to “<who>”…"}',
    '{"id": "1", "url": "https://shop.example/?mail=<who>&contact_id=<who>"}',
    '{"id": "1", "more": {"deep": ["(<who>)"]}}',
    '["<who>"]',
    "no JSON: <who>",
    "{",
)


def knowing(person: str) -> Erased:
    kind = "email" if "@" in person else "contact"
    name = EMPTY.hash_of(kind, person)  # type: ignore[arg-type]
    return EMPTY.with_more(Addition(name, frozenset({name})))


def addition(person: str) -> Addition:
    (name,) = knowing(person).persons
    return Addition(name, frozenset({name}))


def found(warehouse: Warehouse, erased: Erased) -> set[str]:
    return {row["payload"] for _, row in quarantine_of(warehouse, CONTACTS, erased)}


def expected(records: Iterable[SetAside], erased: Erased) -> set[str]:
    return {
        record.payload
        for record in records
        if erase_payload(CONTACTS, record.payload, erased) != record.payload
        or erased.scrubbed(record.reason) != record.reason
    }


def record(template: str, person: str, encoding: str, quoted: str) -> SetAside:
    written = ENCODINGS[encoding](person) if "@" in person else person
    return SetAside(DAY, f"createDate: the text {quoted!r}", template.replace(WHO, written))


records = st.lists(
    st.builds(
        record,
        st.sampled_from(RECORDS),
        st.sampled_from((*PEOPLE, "carol@example.com", "8")),
        st.sampled_from(sorted(ENCODINGS)),
        st.sampled_from(("x", *PEOPLE)),
    ),
    max_size=5,
    unique_by=lambda found: found.payload,
)


@settings(max_examples=40)
@given(records, st.permutations(PEOPLE))
def test_whoever_is_sought_after_others_is_found_in_the_same_records(
    kept: list[SetAside], people: list[str]
) -> None:
    with TemporaryDirectory() as directory:
        warehouse = Warehouse(directory, lambda: KEY)
        set_aside(warehouse, CONTACTS, kept, AT)
        for person in people:
            erased = knowing(person)
            assert found(warehouse, erased) == expected(kept, erased)


@settings(max_examples=15)
@given(records, st.permutations(PEOPLE))
def test_nobody_is_left_who_is_erased_after_others_were_sought(
    kept: list[SetAside], people: list[str]
) -> None:
    with TemporaryDirectory() as directory:
        warehouse = Warehouse(directory, lambda: KEY)
        set_aside(warehouse, CONTACTS, kept, AT)
        found(warehouse, knowing(people[0]))
        for person in people:
            warehouse.add_erased(addition(person))
            erase_quarantine(warehouse, CONTACTS)
            now = warehouse.erased()
            assert now is not None
            assert found(warehouse, now) == set()
            rows = [
                row
                for path in quarantine_files(warehouse, CONTACTS)
                for row in read_quarantine_file(warehouse, path).to_pylist()
            ]
            left = [SetAside(DAY, row["reason"], row["payload"]) for row in rows]
            assert expected(left, now) == set()


def test_a_file_that_was_replaced_since_it_was_searched_is_searched_again(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path), lambda: KEY)
    erased = knowing(PEOPLE[0])
    set_aside(warehouse, CONTACTS, [SetAside(DAY, "a", '{"id": "1"}')], AT)
    assert found(warehouse, erased) == set()
    payload = json.dumps({"id": "2", "email": PEOPLE[0]})
    set_aside(warehouse, CONTACTS, [SetAside(DAY, "a", payload)], AT)
    assert len(quarantine_files(warehouse, CONTACTS)) == 1
    assert found(warehouse, erased) == {payload}


def test_an_address_that_is_spelled_out_is_found_after_others_were_sought(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path), lambda: KEY)
    payload = json.dumps({"id": "1", "note": "bob (at) example.com"})
    set_aside(warehouse, CONTACTS, [SetAside(DAY, "a", payload)], AT)
    assert found(warehouse, knowing("bob@example.com")) == set()
    name = EMPTY.hash_of("email", "bob@example.com")
    spelled = EMPTY.with_more(Addition(name, frozenset({name}), spelled=frozenset({name})))
    assert found(warehouse, spelled) == {payload}
