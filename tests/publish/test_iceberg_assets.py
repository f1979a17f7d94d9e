"""Both targets as users see them: the command, ``check`` and ``forget``."""

import re
from pathlib import Path

import pytest

from feedback_assets.settings import load_settings
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.publish.made_up import made_up
from tests.publish.read_back import in_iceberg, in_postgres, in_warehouse
from tests.publish.rounds import PERSON, Rounds, day
from tests.servers.iceberg import IcebergServer
from tests.servers.postgres import PostgresDatabase

pytestmark = pytest.mark.slow
NPS_DAILY = find_table("marts.nps_daily")
FEEDBACK = find_table("unified.feedback")


def test_both_targets_are_published_checked_and_erased_and_a_target_that_is_down_is_erased_later(
    project: Project,
    postgres: PostgresDatabase,
    iceberg_server: IcebergServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in iceberg_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", postgres.url)
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "marts.*,unified.*")
    monkeypatch.setenv("FEEDBACK_START_DATE", "2026-03-01")
    settings = load_settings()
    warehouse = Warehouse(settings.warehouse, settings.erasure_secret)
    warehouse.replace_day(NPS_DAILY, day(0), made_up(NPS_DAILY, day(0), 4))
    Rounds(warehouse).erased_person()

    done = project.run("publish")
    assert done.exit_code == 0, done.output
    assert iceberg_server.secret_key not in done.output
    for name in ("postgres", "iceberg"):
        assert re.search(f"✓ published/{name}: .* up to date", project.run("check").output)
    place = iceberg_server.place
    assert in_iceberg(place, FEEDBACK) == in_warehouse(warehouse, FEEDBACK)
    assert in_postgres(postgres.url, FEEDBACK) == in_warehouse(warehouse, FEEDBACK)

    iceberg_server.stop()
    try:
        done = project.run("forget", PERSON)
        assert done.exit_code == 1
        assert "published/postgres: brought up to date" in done.output
        assert "published/iceberg: may still contain their data" in done.output
        assert "✗ published/iceberg" in project.run("check").output
    finally:
        iceberg_server.start()
    assert any(PERSON in row for row in in_iceberg(place, FEEDBACK))
    owed = Path(warehouse.base) / "_publishing"
    assert len(list(owed.glob("erasure-owed-by-iceberg.*"))) == 1
    assert project.run("publish").exit_code == 0
    assert not list(owed.glob("erasure-owed-by-*"))
    assert in_iceberg(place, FEEDBACK) == in_warehouse(warehouse, FEEDBACK)
    published = place.connect().load_table(("feedback", "unified__feedback"))
    assert len(published.snapshots()) == 1
