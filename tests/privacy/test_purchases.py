"""An answer belongs to the order of its purchase if its order number is of no order."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.privacy.old_data import find_old
from feedback_assets.privacy.person import find_person
from feedback_assets.providers.thanx.tables import FEEDBACKS
from feedback_assets.providers.wicked_reports.tables import ORDERS
from feedback_assets.warehouse.erased import Erased
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.privacy.test_forget import AT, DAY, EMAIL, order, places, put
from tests.privacy.test_retention import LATELY, LONG_AGO, OLD, RECENT


def answer(
    number: int, purchase: str, order: str | None, review: str, at: datetime = AT, user: str = ""
) -> dict[str, Any]:
    bought = {"id": purchase, "purchased_at": at, "order": {"id": order}}
    given = {"purchased_at": at, "review": review, "purchase": bought}
    return {"id": f"{number}", "user_id": user or None} | given


@pytest.fixture
def shop(project: Project) -> Project:
    """Ana's order 900 and Bo's order 901, with an answer of each that names 900 as purchase."""
    put(project, ORDERS, order(900, "AB-1", EMAIL), order(901, "AB-2", "bo@example.com"))
    mine, other = answer(1, "900", "of no order", "from Ana"), answer(2, "900", "901", "from Bo")
    put(project, FEEDBACKS, mine, other)
    return project


def test_it_is_erased_with_the_customer_of_that_order(shop: Project) -> None:
    assert find_person(shop.warehouse, EMAIL).known["answer"] == {"thanx:1"}
    result = shop.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    root = Path(shop.settings.warehouse)
    assert places({"all": {"from ana", EMAIL}}, root) == {}


def test_it_stays_erased_when_it_is_read_again(shop: Project) -> None:
    shop.run("forget", EMAIL)
    writing = Warehouse(shop.settings.warehouse, shop.settings.erasure_secret)
    again = answer(1, "900", "of no order", "from Ana")
    writing.replace_day(FEEDBACKS, DAY, pa.Table.from_pylist([again], schema=FEEDBACKS.schema))
    (row,) = shop.warehouse.read_arrow(FEEDBACKS).to_pylist()
    assert row["review"] == "(erased)"


def test_it_keeps_its_customer_active(project: Project) -> None:
    put(project, ORDERS, order(900, "AB-1", EMAIL, date=LONG_AGO), day=OLD)
    put(project, FEEDBACKS, answer(1, "900", "of no order", "new", at=LATELY), day=RECENT)
    days = (LATELY - LONG_AGO).days
    assert find_old(project.warehouse, Erased(b"k" * 16), LATELY, days) == {}
