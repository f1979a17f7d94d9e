"""An id that stands for many customers leads ``forget`` from one to no other."""

from feedback_assets.privacy.person import find_person
from feedback_assets.providers.wicked_reports.tables import ORDERS
from tests.conftest import Project
from tests.privacy.test_forget import EMAIL, order, put


def test_the_id_that_a_shop_writes_for_guests_leads_to_no_other_guest(project: Project) -> None:
    ana, bo = order(100, "0", EMAIL), order(200, "0", "bo@example.com")
    put(project, ORDERS, ana, bo)
    person = find_person(project.warehouse, EMAIL)
    assert person.known["email"] == {EMAIL}
    assert person.known["contact"] == set()
    assert person.known["order"] == {"WR-100", "100"}
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    emails = [row["contact"]["email"] for row in project.warehouse.read_arrow(ORDERS).to_pylist()]
    assert EMAIL not in emails
    assert "bo@example.com" in emails
