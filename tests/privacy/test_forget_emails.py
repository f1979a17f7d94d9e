"""Forgetting finds a person however their e-mail is written, in the tables and in the command."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.wicked_reports.tables import CONTACTS, ORDERS
from feedback_assets.schema.text import first_normal_email
from feedback_assets.warehouse.erased import WORDS, Addition, Erased, is_pseudonym
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project
from tests.privacy.test_forget import contact, order, places, put, read

DAY = YESTERDAY - timedelta(days=3)
AT = datetime.combine(DAY, time(9), UTC)
WAYS = [
    "josé@example.com",
    "JOSE\u0301@example.com ",
    "josé@exam\u200bple.com",
    '"Núñez, José" <josé@example.com>',
]


@pytest.fixture
def written(project: Project) -> Project:
    """Orders and answers of José, whose e-mail is written in four ways, and of others."""
    put(project, CONTACTS, contact(1, WAYS[0], first_name="José"), contact(9, "n/a"))
    orders = [order(100 + n, "AB-1" if n == 0 else "", way) for n, way in enumerate(WAYS)]
    put(project, ORDERS, *orders, order(200, "AB-9", "n/a"))
    put(
        project,
        SUBMISSIONS,
        *(
            {"id": n, "customer_email": way, "text_feedback": f"mine {n}", "created_at": AT}
            for n, way in enumerate(WAYS)
        ),
        {"id": 8, "customer_email": "n/a", "text_feedback": "nobody", "created_at": AT},
        {"id": 9, "customer_email": "b@x.y", "text_feedback": f"ask {WAYS[2]}", "created_at": AT},
    )
    return project


@pytest.mark.parametrize("asked", ["josé@example.com", " José <JOSE\u0301@example.com>"])
def test_every_row_of_a_person_goes_however_the_e_mail_is_written_there(
    written: Project, asked: str
) -> None:
    told = written.run("forget", asked)
    assert told.exit_code == 0, told.output
    rows = read(written)
    emails = {row["contact"]["email"] for row in rows["wicked_reports.orders"]}
    assert "n/a" in emails
    assert [is_pseudonym(email) for email in emails - {"n/a"}] == [True]
    words = {row["id"]: row["text_feedback"] for row in rows["feedbackpulse.submissions"]}
    assert [words[n] for n in range(4)] == [WORDS] * 4
    assert words[8] == "nobody"
    assert words[9].startswith("ask erased:")
    assert not places({"all": {"exam\u200bple.com", "example.com"}}, _root(written))
    again = written.run("forget", WAYS[3])
    assert "rewritten" not in again.output
    assert "Already on the list of erased people" in again.output


def test_the_list_holds_both_forms_so_that_either_version_knows_the_person(
    written: Project,
) -> None:
    assert written.run("forget", WAYS[0]).exit_code == 0
    listed = _with_the_key(written).erased()
    assert listed is not None
    for way in WAYS:
        assert set(listed.hashes_of("email", way)) <= listed.persons.keys()
        assert first_normal_email(way) not in str(listed)


def test_what_is_left_of_somebody_erased_under_the_first_version_is_found(
    written: Project,
) -> None:
    # The first version listed José by what it saw: one spelling, trimmed and in lower case.
    first = Erased(written.settings.erasure_secret()).hashes_of("email", WAYS[2])[-1]
    _with_the_key(written).add_erased(Addition(first, frozenset({first})))
    told = written.run("forget", WAYS[0])
    assert told.exit_code == 0, told.output
    assert not places({"all": {"exam\u200bple.com", "example.com"}}, _root(written))


def _with_the_key(project: Project) -> Warehouse:
    return Warehouse(project.settings.warehouse, project.settings.erasure_secret)


def _root(project: Project) -> Path:
    return Path(project.settings.warehouse)
