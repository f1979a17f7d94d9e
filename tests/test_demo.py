"""The demo apart: nothing of the project's settings reaches it, and nothing of it the project."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from feedback_assets import demo
from feedback_assets.ad_spend.days import read_spend
from feedback_assets.sandbox.credentials import settings_for
from feedback_assets.sandbox.spending import write_spend
from feedback_assets.service.ui import NotStarted
from feedback_assets.settings import AllSettings
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

SANDBOX = settings_for("http://127.0.0.1:8765")
OWN = {
    "FEEDBACK_WAREHOUSE": "s3://mine/warehouse",
    "FEEDBACK_PROVIDERS": "thanx",
    "FEEDBACK_ALERT_URLS": "json://alerts.example.com",
    "FEEDBACK_COORDINATION_URL": "postgresql://u:p@db.example.com/feedback",
    "FEEDBACK_CUSTOMER_SECRET": "mine",
    "FEEDBACK_ERASURE_SECRET": "mine",
    "FEEDBACK_MATCH_DAYS": "7",
    "THANX_ACCESS_TOKEN": "mine",
    "WICKED_REPORTS_TIMEZONE": "America/New_York",
}
FIRST = date(2026, 5, 1)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(demo, "DEMO", tmp_path / "data" / "demo")
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_no_setting_of_the_project_is_the_demo_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "environment":
        os.environ.update(OWN)
    else:
        monkeypatch.delenv("FEEDBACK_WAREHOUSE")
        text = "".join(f"{name}={value}\n" for name, value in OWN.items())
        (tmp_path / ".env").write_text(text)
    settings = demo.enter(SANDBOX, FIRST)
    expected = {name.lower(): value for name, value in SANDBOX.items()} | {
        "dagster_home": tmp_path / "data" / "demo" / "dagster_home",
        "feedback_warehouse": str(tmp_path / "data" / "demo" / "warehouse"),
        "feedback_start_date": FIRST,
    }
    assert settings == AllSettings(**expected)
    # And so for what is started, whose runs take their credentials from the environment.
    assert not set(OWN.values()) & set(os.environ.values())


def test_its_spend_files_are_read_once_they_are_there() -> None:
    assert demo.enter(SANDBOX, FIRST).ad_spend is None
    write_spend(demo.DEMO / "ad_spend", FIRST, customers=100, seed=1, days=3)
    place = demo.enter(SANDBOX, FIRST).ad_spend
    assert place is not None
    assert FIRST in read_spend(place).days


def test_its_first_partition_is_the_first_day_that_it_holds() -> None:
    table = find_table("marts.nps_by_attribution")
    warehouse = Warehouse(str(demo.DEMO / "warehouse"))
    earlier = FIRST - timedelta(days=20)
    for day in (earlier, FIRST):
        warehouse.replace_day(table, day, table.schema.empty_table())
    assert demo.enter(SANDBOX, FIRST).feedback_start_date == earlier
    assert demo.opened_demo().feedback_start_date == earlier


def test_a_demo_that_was_never_made_says_what_to_run() -> None:
    with pytest.raises(NotStarted, match="make demo"):
        demo.opened_demo()
