"""An erased person's e-mail matches in any spelling, and as the first version listed it."""

import hmac
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.fullwhere.tables import SURVEY_TRACKERS
from feedback_assets.providers.wicked_reports.tables import CONTACTS, ORDERS
from feedback_assets.warehouse.erased import WORDS, Addition, Erased, is_pseudonym
from feedback_assets.warehouse.erasing import erase_payload, erase_rows

AT = datetime(2024, 3, 1, 9, tzinfo=UTC)
KEY = b"key of the list"
EMPTY = Erased(KEY)
PERSON = EMPTY.hash_of("email", "josé@example.com")
JOSE = EMPTY.with_more(Addition(PERSON, frozenset({PERSON})))
WAYS = [
    "josé@example.com",
    " JOSÉ@Example.com\u00a0",
    "jose\u0301@example.com",
    "josé@\u200bexample.com\ufeff",
    "José <josé@example.com>",
    '"Núñez, José" <JOSE\u0301@example.com>',
]


def _listed_by_the_first_version(email: str) -> Erased:
    """The list as the first version wrote it: by the e-mail trimmed and in lower case."""
    name = hmac.digest(KEY, f"email:{email}".encode(), "sha256").hex()
    return EMPTY.with_more(Addition(name, frozenset({name})))


def _submission(email: str, listed: Erased, text: str = "mine") -> dict[str, object]:
    row = {"id": 1, "customer_email": email, "text_feedback": text, "created_at": AT}
    rows = pa.Table.from_pylist([row], schema=SUBMISSIONS.schema)
    (left,) = erase_rows(SUBMISSIONS, rows, listed).rows.to_pylist()
    return dict(left)


@pytest.mark.parametrize("written", WAYS)
def test_every_spelling_of_the_email_matches_a_row(written: str) -> None:
    left = _submission(written, JOSE)
    assert left["customer_email"] == JOSE.pseudonym("email", "josé@example.com")
    assert left["text_feedback"] == WORDS


@pytest.mark.parametrize("written", WAYS)
def test_every_spelling_of_the_email_matches_a_quarantined_record(written: str) -> None:
    payload = json.dumps({"id": "1", "date": None, "contact": {"email": written}})
    left = json.loads(erase_payload(ORDERS, payload, JOSE))
    assert is_pseudonym(left["contact"]["email"])


@pytest.mark.parametrize("written", WAYS[:4])
def test_every_spelling_of_the_email_is_erased_from_other_peoples_text(written: str) -> None:
    words = f"Ask {written.strip()}.\u200b Not me@example.com"
    left = _submission("bo@example.com", JOSE, words)["text_feedback"]
    assert str(left).startswith(f"Ask {JOSE.pseudonym('email', 'josé@example.com')}")
    assert str(left).endswith(".\u200b Not me@example.com")


@pytest.mark.parametrize(
    ("written", "listed_as"),
    [
        (" ANA@Example.com ", "ana@example.com"),
        ("Ana <Ana@example.com>", "ana <ana@example.com>"),
        ("jose\u0301@example.com", "jose\u0301@example.com"),
        ("ana@\u200bexample.com", "ana@\u200bexample.com"),
        ("ana@home@example.com", "ana@home@example.com"),
    ],
)
def test_people_erased_under_the_first_version_stay_erased(written: str, listed_as: str) -> None:
    left = _submission(written, _listed_by_the_first_version(listed_as))
    assert "example.com" not in str(left["customer_email"])
    assert left["text_feedback"] == WORDS


def test_an_invalid_email_identifies_no_erased_customer() -> None:
    listed = EMPTY.with_more(Addition(PERSON, frozenset({EMPTY.hash_of("contact", "AB-1")})))
    row = {"id": "AB-1", "email": "n/a", "create_date": AT}
    rows = pa.Table.from_pylist([row], schema=CONTACTS.schema)
    done = erase_rows(CONTACTS, rows, listed)
    assert done.rows.to_pylist()[0]["email"] == WORDS
    assert not erase_rows(CONTACTS, done.rows, listed).changed


def test_a_phone_number_in_an_email_column_identifies_no_one() -> None:
    row = {"id": "t", "send_at": AT, "sent_to": "+49 555 123"}
    rows = pa.Table.from_pylist([row], schema=SURVEY_TRACKERS.schema)
    assert erase_rows(SURVEY_TRACKERS, rows, JOSE).rows is rows
    assert JOSE.person_of("email", "+49 555 123") is None
