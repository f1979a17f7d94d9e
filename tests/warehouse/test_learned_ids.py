"""A write adds an erased person's own identifiers to the list, and none that others share."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.providers.wicked_reports.tables import ORDERS
from feedback_assets.warehouse.erased import Addition, Erased, is_pseudonym
from feedback_assets.warehouse.erasing import ErasedRows, erase_rows
from feedback_assets.warehouse.owners import is_placeholder
from feedback_assets.warehouse.warehouse import Warehouse

AT = datetime(2024, 3, 1, 9, tzinfo=UTC)
BOB, CAROL = "bob@example.com", "carol@example.com"
KEY = b"key of the list"
EMPTY = Erased(KEY)
PERSON = EMPTY.hash_of("email", BOB)
LISTED = EMPTY.with_more(Addition(PERSON, frozenset({PERSON})))


def order(
    number: int, source: str | None, contact: str | None, email: str | None
) -> dict[str, Any]:
    who = {"id": contact, "source_id": source, "email": email}
    return {"id": f"WR-{number}", "source_id": f"{number}", "date": AT, "contact": who}


def rows_of(*records: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(records), schema=ORDERS.schema)


def write(*records: dict[str, Any], by: Erased = LISTED) -> tuple[ErasedRows, Erased]:
    """The rows written, and the list afterwards."""
    done = erase_rows(ORDERS, rows_of(*records), by)
    for addition in done.learned:
        by = by.with_more(addition)
    return done, by


def theirs(done: ErasedRows) -> set[str]:
    """The orders that were written as an erased person's."""
    return {
        row["id"]
        for row in done.rows.to_pylist()
        if any(is_pseudonym(text) for text in row["contact"].values() if text)
    }


@pytest.mark.parametrize("shared", ["0", "4711"])
def test_an_id_that_guests_share_does_not_lead_to_other_customers(shared: str) -> None:
    done, later = write(
        order(1, shared, None, BOB),
        order(2, shared, None, CAROL),
        order(3, shared, "A2", CAROL),
        order(4, "S4", "A4", "dan@example.com"),
    )
    assert theirs(done) == {"WR-1"}
    for kind, text in (("contact", shared), ("contact", "A2"), ("order", "WR-3"), ("order", "3")):
        assert later.person_of(kind, text) is None  # type: ignore[arg-type]
    assert later.person_of("order", "WR-1") == later.person_of("order", "1") == PERSON
    assert theirs(write(order(5, None, "A2", CAROL), by=later)[0]) == set()


def test_a_placeholder_is_not_learned_even_if_nobody_else_has_it_yet() -> None:
    _, later = write(order(1, "0", "A1", BOB))
    assert later.person_of("contact", "A1") == PERSON
    assert later.person_of("contact", "0") is None


def test_a_placeholder_that_is_on_the_list_already_identifies_nobody() -> None:
    listed = LISTED.with_more(Addition(PERSON, frozenset({EMPTY.hash_of("contact", "0")})))
    done, _ = write(order(1, "0", "A1", BOB), order(2, "0", "A2", CAROL), by=listed)
    assert theirs(done) == {"WR-1"}


def test_an_id_beside_many_others_is_not_learned_without_any_email() -> None:
    guests = [order(n, "4711", f"A{n}", None) for n in range(2, 40)]
    done, later = write(order(1, "4711", "A1", BOB), *guests)
    assert theirs(done) == {"WR-1"}
    assert later.person_of("contact", "4711") is None
    assert later.person_of("contact", "A1") == PERSON


def test_an_order_number_that_two_shops_use_is_not_learned() -> None:
    another = order(2, "S2", "A2", CAROL) | {"source_id": "1"}
    done, later = write(order(1, "S1", "A1", BOB), another)
    assert theirs(done) == {"WR-1"}
    assert later.person_of("order", "WR-1") == PERSON
    assert later.person_of("order", "1") is None


def test_a_listed_id_beside_another_email_leads_to_no_further_contact() -> None:
    listed = LISTED.with_more(Addition(PERSON, frozenset({EMPTY.hash_of("contact", "4711")})))
    done, later = write(order(2, "4711", "A2", CAROL), by=listed)
    assert theirs(done) == {"WR-2"}
    assert later.person_of("contact", "A2") is None


def test_ids_of_the_person_alone_are_learned_across_rows_without_an_email() -> None:
    done, later = write(
        order(1, "S1", "A1", f"Bob <{BOB}>"),
        order(2, "S1", "A9", None),
        order(3, None, "A9", "n/a"),
        order(4, "S4", "A4", CAROL),
    )
    assert theirs(done) == {"WR-1", "WR-2", "WR-3"}
    for kind, text in (("contact", "S1"), ("contact", "A1"), ("contact", "A9"), ("order", "3")):
        assert later.person_of(kind, text) == PERSON  # type: ignore[arg-type]


def test_a_shared_id_is_not_on_the_list_after_a_write(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path), lambda: KEY)
    warehouse.add_erased(Addition(PERSON, frozenset({PERSON})))
    day = date(2024, 3, 1)
    both = rows_of(order(1, "4711", None, BOB), order(2, "4711", "A2", CAROL))
    warehouse.replace_day(ORDERS, day, both)
    listed = warehouse.erased()
    assert listed is not None
    assert set(listed.persons) == {
        PERSON,
        EMPTY.hash_of("order", "WR-1"),
        EMPTY.hash_of("order", "1"),
    }


@pytest.mark.parametrize("text", ["0", "000-00", " 0 ", "-1", "NULL", "n/a", "Guest", "--"])
def test_what_shops_write_for_guests_is_a_placeholder(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["10", "7", "A0", "guest-12", "nullable", "張"])
def test_a_real_id_is_not_a_placeholder(text: str) -> None:
    assert not is_placeholder(text)
