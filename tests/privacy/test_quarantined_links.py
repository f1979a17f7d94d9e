"""A record in the quarantine leads from a person to what only it connects with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.privacy.person import find_person
from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.fullwhere.tables import SURVEY_TRACKERS as TRACKERS
from feedback_assets.providers.retargeting.reviews import split_reviews
from feedback_assets.providers.thanx.tables import FEEDBACKS
from feedback_assets.providers.wicked_reports.tables import CONTACTS, ORDERS
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from tests.conftest import Project
from tests.privacy.test_forget import AT, DAY, EMAIL, contact, order, places, put


def quarantine(project: Project, table: Table, payload: dict[str, Any]) -> None:
    set_aside(project.warehouse, table, [SetAside(DAY, "unreadable", json.dumps(payload))], AT)


def answer(number: int, order: str, review: str) -> dict[str, Any]:
    bought = {"id": f"{number}", "order": {"id": order}}
    who = {"id": f"{number}", "user_id": f"U-{number}"}
    return who | {"purchased_at": AT, "review": review, "purchase": bought}


def test_an_answer_on_a_quarantined_order_is_erased(project: Project) -> None:
    put(project, CONTACTS, contact(1, EMAIL), contact(2, "bo@example.com"))
    put(project, FEEDBACKS, answer(1, "900", "from Ana"), answer(2, "901", "from Bo"))
    for number, who in (("900", "AB-1"), ("901", "AB-2")):
        who_ordered = {"contact": {"id": who}, "payments": "?"}
        quarantine(project, ORDERS, {"id": f"WR-{number}", "sourceId": number} | who_ordered)
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    root = Path(project.settings.warehouse)
    assert places({"all": {"from ana", "u-1", '"ab-1"', EMAIL}}, root) == {}
    assert set(places({"all": {"from bo", "u-2", "bo@example.com"}}, root)) == {
        "from bo",
        "u-2",
        "bo@example.com",
    }


def test_a_chain_of_quarantined_records_is_followed_to_its_end(project: Project) -> None:
    quarantine(project, CONTACTS, {"id": "AB-1", "email": f"Ana <{EMAIL.upper()}>"})
    quarantine(project, ORDERS, {"id": "WR-9", "sourceId": 900, "contact": {"id": " AB-1"}})
    quarantine(project, FEEDBACKS, {"id": "1", "user_id": "U-1", "purchase": {"id": "900"}})
    person = find_person(project.warehouse, EMAIL)
    assert {"WR-9", "900"} <= person.known["order"]
    assert "U-1" in person.known["contact"]


def test_a_quarantined_purchase_with_an_order_leads_to_no_order_of_its_number(
    project: Project,
) -> None:
    put(project, CONTACTS, contact(1, EMAIL, source_id="U-1"))
    bought = {"id": "200", "order": {"id": "900"}}
    quarantine(project, FEEDBACKS, {"id": "1", "user_id": "U-1", "purchase": bought})
    assert find_person(project.warehouse, EMAIL).known["order"] == {"900"}


@pytest.mark.parametrize(
    ("table", "record"),
    [
        (SUBMISSIONS, {"customer_email": [EMAIL]}),
        (SUBMISSIONS, {"customer_email": {"address": EMAIL}}),
        (ORDERS, {"contact": [{"id": "AB-1", "email": "x"}]}),
        (ORDERS, {"contact": "AB-1"}),
        (ORDERS, {"contact": json.dumps({"id": "AB-1"})}),
        (ORDERS, {"contact": json.dumps({"mail": f"Ana <{EMAIL}>"})}),
        (FEEDBACKS, {"purchase": {"id": "1", "order": "900"}}),
        (FEEDBACKS, {"purchase": {"id": "1", "order": [{"id": "900"}]}}),
        (FEEDBACKS, {"purchase": ["900"]}),
        (FEEDBACKS, {"rating": 12, "purchase": {"id": "900", "order": {"id": "of no order"}}}),
        (TRACKERS, {"purchaseId": ["900"]}),
    ],
    ids=range(11),
)
def test_a_record_of_the_wrong_shape_that_names_the_person_is_erased(
    project: Project, table: Table, record: dict[str, Any]
) -> None:
    put(project, ORDERS, order(900, "AB-1", EMAIL))
    words = {"customer_name": "Ana", "text_feedback": "her words", "review": "her words"}
    quarantine(project, table, {"id": "7"} | words | record)
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    assert places({"all": {"her words", '"ana"', EMAIL}}, Path(project.settings.warehouse)) == {}


def test_a_review_that_is_no_object_is_quarantined_with_its_order() -> None:
    served = {"order": {"orderno": "900"}, "product_reviews": ["her words", None]}
    _, reviews = split_reviews(json.dumps([served]).encode())
    assert json.loads(reviews.records) == [
        {"order": {"orderno": "900"}, "product_reviews": review} for review in ("her words", None)
    ]


def test_text_that_is_no_email_in_place_of_one_is_nobody(project: Project) -> None:
    put(
        project,
        ORDERS,
        order(900, "AB-1", EMAIL),
        order(901, "AB-1", "none@@none"),
        order(902, "AB-2", "none@@none", ship_name="Cyd"),
    )
    assert find_person(project.warehouse, EMAIL).known["email"] == {EMAIL}


def test_two_quarantined_records_with_an_unreadable_email_are_not_linked(project: Project) -> None:
    quarantine(project, CONTACTS, {"id": "AB-1", "sourceId": "S-1", "email": "a@b@c"})
    quarantine(project, CONTACTS, {"id": "AB-2", "sourceId": "S-2", "email": "d@e@f"})
    put(project, ORDERS, {"id": "WR-1", "date": AT, "contact": {"id": "AB-1", "email": EMAIL}})
    assert find_person(project.warehouse, EMAIL).known["contact"] == {"AB-1", "S-1"}
