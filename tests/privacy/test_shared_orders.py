"""An order number of several customers leads ``forget`` from one to none of the others."""

from pathlib import Path

from feedback_assets.privacy.person import find_person
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.wicked_reports.tables import CONTACTS, ORDERS
from tests.conftest import Project
from tests.privacy.test_forget import EMAIL, answer, contact, order, places, put

CY = "cy@example.com"


def three_shops(project: Project) -> None:
    """Ana's order 1001 of one system, Bo's of another, and Cy's, whose own id is 1001."""
    put(
        project,
        ORDERS,
        order(1, "AB-1", EMAIL, source_id="1001", source_system="one"),
        order(2, "AB-2", "bo@example.com", source_id="1001", source_system="two"),
        order(3, "AB-3", CY) | {"id": "1001"},
    )
    people = enumerate((EMAIL, "bo@example.com", CY), start=1)
    put(project, CONTACTS, *(contact(number, email) for number, email in people))


def test_a_number_of_three_customers_orders_leads_to_one_of_them(project: Project) -> None:
    three_shops(project)
    person = find_person(project.warehouse, EMAIL)
    assert person.known["email"] == {EMAIL}
    assert person.known["contact"] == {"AB-1"}
    assert person.known["order"] == {"WR-1"}
    assert person.shared_orders == {"1001"}
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    root = Path(project.settings.warehouse)
    assert places({"all": {EMAIL, '"ab-1"'}}, root) == {}
    kept = {"bo@example.com", CY, "AB-2", "AB-3"}
    assert set(places({"all": kept}, root)) == {text.lower() for text in kept}


def test_what_only_such_a_number_names_is_listed_for_a_person(project: Project) -> None:
    three_shops(project)
    put(project, ORDER_FEEDBACK, answer(1001, "whose words?"), answer(7, "of nobody"))
    result = project.run("forget", EMAIL)
    assert result.exit_code == 1, result.output
    assert "Please check 1 text on an order number that orders of other customers" in result.output
    assert "retargeting.order_feedback" in result.output
    assert "order_no=1001" in result.output
    assert places({"all": {"whose words?"}}, Path(project.settings.warehouse))


def test_a_number_of_several_orders_of_one_customer_is_hers(project: Project) -> None:
    put(
        project,
        ORDERS,
        order(1, "AB-1", EMAIL, source_id="1001"),
        order(2, "AB-1", "ana@work.example.com", source_id="1001"),
    )
    put(project, ORDER_FEEDBACK, answer(1001, "from Ana"))
    assert "1001" in find_person(project.warehouse, EMAIL).known["order"]
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    assert places({"all": {"from ana"}}, Path(project.settings.warehouse)) == {}


def test_guests_without_an_email_are_different_customers(project: Project) -> None:
    put(
        project,
        ORDERS,
        order(1, "AB-1", EMAIL, source_id="1001"),
        order(2, "0", source_id="1001", ship_name="A Guest"),
    )
    assert find_person(project.warehouse, EMAIL).known["order"] == {"WR-1"}
