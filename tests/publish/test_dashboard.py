"""The example dashboard runs over the published schema."""

import re
from pathlib import Path

import pytest

from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.tables import MART_TABLES
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import fetch
from tests.publish.rounds import day
from tests.servers.postgres import PostgresDatabase

DASHBOARD = Path(__file__).parents[2] / "examples" / "dashboard.sql"


def tiles() -> dict[str, str]:
    """Each query by the name of its tile."""
    parts = re.split(r"^-- tile: (.*)$", DASHBOARD.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def published(postgres: PostgresDatabase, tmp_path: Path) -> PostgresDatabase:
    """All marts, with numbers that stay within their types when they are added."""
    warehouse = Warehouse(str(tmp_path))
    for table in MART_TABLES:
        if table.partitioned:
            warehouse.replace_day(table, day(0), made_up(table, day(0), 0))
            warehouse.replace_day(table, day(1), made_up(table, day(1), 1))
        else:
            warehouse.replace_whole(table, made_up(table, None, 1))
    Postgres(postgres.url, "feedback", MART_TABLES).publish(warehouse)
    postgres.run_sql(
        "update feedback.marts__channel_scorecard set window_days = 90, model = 'last_click', "
        "level = 'medium', currency = 'EUR'; "
        "update feedback.marts__nps_by_attribution set model = 'last_click', responses = 10, "
        "promoters = 6, detractors = 1; "
        "update feedback.marts__nps_daily set responses = 10, promoters = 6, detractors = 1"
    )
    return postgres


def test_every_tile_of_the_dashboard_has_rows(published: PostgresDatabase) -> None:
    found = tiles()
    assert len(found) == 6
    for name, query in found.items():
        assert fetch(published.url, query.strip().rstrip(";")).num_rows == 1, name


def test_nps_by_week_is_the_nps_of_the_sums(published: PostgresDatabase) -> None:
    (row,) = fetch(
        published.url, tiles()["NPS by week and provider"].strip().rstrip(";")
    ).to_pylist()
    assert float(row["nps"]) == 50.0
    (row,) = fetch(
        published.url, tiles()["NPS by week and source, by last click"].strip().rstrip(";")
    ).to_pylist()
    assert float(row["nps"]) == 50.0
