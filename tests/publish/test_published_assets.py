"""Publishing as users see it: the command, ``check``, the asset, its alerts, and ``forget``."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from feedback_assets.alerts.ended_runs import ended_since
from feedback_assets.assets.recorded import record_days
from feedback_assets.automation.refresh_sensor import due
from feedback_assets.publish.targets import published_tables
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.settings import SettingsError, load_settings
from feedback_assets.tables import MART_TABLES, find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.publish.made_up import made_up
from tests.publish.read_back import in_postgres, in_warehouse
from tests.publish.rounds import PERSON, Rounds, day
from tests.servers.postgres import PostgresDatabase, PostgresServer

KEY = dg.AssetKey(["published", "postgres"])
NPS_DAILY = find_table("marts.nps_daily")
FEEDBACK = find_table("unified.feedback")
# pragma: allowlist nextline secret
DOWN = "postgresql://u:hunter22@127.0.0.1:9/x"


@pytest.fixture
def shop(project: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a few partitions, and Postgres as its target."""
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", postgres.url)
    monkeypatch.setenv("FEEDBACK_START_DATE", "2026-03-01")
    warehouse = writer()
    for number in range(3):
        warehouse.replace_day(NPS_DAILY, day(number), made_up(NPS_DAILY, day(number), 4))
    Rounds(warehouse)._with_person(PERSON)
    return project


def writer() -> Warehouse:
    settings = load_settings()
    return Warehouse(settings.warehouse, settings.erasure_secret)


def materialise(project: Project, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return project.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[KEY], raise_on_error=False
    )


def test_the_command_publishes_the_marts_and_says_what_it_sent(
    shop: Project, postgres: PostgresDatabase
) -> None:
    done = shop.run("publish")
    assert done.exit_code == 0, done.output
    assert re.search(
        r"postgres: 1 table at 127.0.0.1:\d+/test_\w+, 3 partitions and 12 rows sent", done.output
    )
    assert in_postgres(postgres.url, NPS_DAILY) == in_warehouse(shop.warehouse, NPS_DAILY)
    assert "unchanged" in shop.run("publish").output


def test_unified_tables_are_published_only_if_they_are_named(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run("publish")
    assert postgres.run_sql("select to_regclass('feedback.unified__feedback')") == ""
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "marts.nps_*, unified.feedback")
    shop.run("publish")
    assert in_postgres(postgres.url, FEEDBACK) == in_warehouse(shop.warehouse, FEEDBACK)
    monkeypatch.delenv("FEEDBACK_PUBLISH_TABLES")
    assert "unified__feedback: dropped" in shop.run("publish").output
    assert postgres.run_sql("select to_regclass('feedback.unified__feedback')") == ""


@pytest.mark.parametrize("names", ["*", "*.*", "mart.nps_daily", "marts.nps", "nps_daily"])
def test_a_pattern_must_name_a_group_and_match_a_table(
    monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", names)
    with pytest.raises(SettingsError, match="FEEDBACK_PUBLISH_TABLES"):
        load_settings()


def test_without_a_target_the_command_says_what_to_set(project: Project) -> None:
    done = project.run("publish")
    assert done.exit_code == 2
    assert "FEEDBACK_PUBLISH_POSTGRES_URL" in done.output


def test_a_target_that_is_down_fails_the_command_in_one_line(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", DOWN)
    done = shop.run("publish")
    assert done.exit_code == 1
    assert "cannot be reached" in done.output
    assert "hunter22" not in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_check_says_whether_the_target_can_be_used_and_how_far_it_is_behind(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing published yet, 3 partitions to send" in shop.run("check").output
    shop.run("publish")
    assert re.search(r"✓ published/postgres: .* up to date", shop.run("check").output)
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", DOWN)
    done = shop.run("check")
    assert done.exit_code == 1
    assert "✗ published/postgres: the Postgres of FEEDBACK_PUBLISH_POSTGRES_URL" in done.output


def test_the_asset_records_what_was_sent_and_how_far_the_target_is_behind(shop: Project) -> None:
    with open_instance(shop.settings) as instance:
        result = materialise(shop, instance)
        assert result.success
        (event,) = result.asset_materializations_for_node("published__postgres")
        metadata = {name: value.value for name, value in event.metadata.items()}
    assert metadata["partitions_sent"] == 3
    assert metadata["rows_sent"] == 12
    assert metadata["partitions_behind"] == 0
    assert metadata["newest_day"] == "2026-03-03"
    assert metadata["seconds"] > 0


def test_assets_exist_only_for_targets_that_are_configured(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = shop.defs.resolve_asset_graph()
    assert KEY in graph.get_all_asset_keys()
    parents = {key.to_user_string() for key in graph.get(KEY).parent_keys}
    assert parents == {f"marts/{table.name}" for table in MART_TABLES}
    monkeypatch.delenv("FEEDBACK_PUBLISH_POSTGRES_URL")
    assert KEY not in shop.defs.resolve_asset_graph().get_all_asset_keys()


def test_a_failed_publication_is_a_failure_in_one_line_that_alerts_repeat(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = postgres.url.replace(postgres.server.password, "hunter22")
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", wrong)
    with open_instance(shop.settings) as instance:
        assert not materialise(shop, instance).success
        ((ended,), _, _) = ended_since(instance, NO_PREFIX, 0.0, {})
    (failure,) = ended.failures
    assert failure.subjects == ("published.postgres",)
    assert "published.postgres: the Postgres of FEEDBACK_PUBLISH_POSTGRES_URL" in failure.what
    assert "hunter22" not in failure.what


def test_the_sensor_publishes_once_after_a_mart_changed(shop: Project) -> None:
    settings = shop.settings
    targets = published_tables(settings)

    def requested() -> list[str]:
        plan = due(instance, settings, targets, datetime.now(UTC).date())
        return [build.table.full_name for build in plan.builds]

    with open_instance(settings) as instance:
        for number in range(3):
            built(instance, day(number), "a")
        assert requested() == ["published.postgres"]
        assert materialise(shop, instance).success
        assert requested() == []
        built(instance, day(1), "b")
        assert requested() == ["published.postgres"]
        assert shop.run("publish").exit_code == 0
        assert requested() == []


def built(instance: dg.DagsterInstance, on: date, seed: str) -> None:
    """A run replaced a day of a mart."""
    written = writer().replace_day(NPS_DAILY, on, made_up(NPS_DAILY, on, 5, seed))
    known = {"content_hash": written.content_hash, "file": written.mark}
    record_days(instance, NPS_DAILY, NO_PREFIX, {on: known})


def test_forget_erases_in_postgres_as_well(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "marts.*,unified.*")
    shop.run("publish")
    assert PERSON in postgres.run_sql("select * from feedback.unified__feedback")
    done = shop.run("forget", PERSON)
    assert done.exit_code == 0, done.output
    assert "published/postgres: brought up to date" in done.output
    assert PERSON not in postgres.run_sql("select * from feedback.unified__feedback")
    assert in_postgres(postgres.url, FEEDBACK) == in_warehouse(shop.warehouse, FEEDBACK)
    assert owed(shop) == []


def test_forget_erases_in_postgres_if_the_history_of_publications_was_removed(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "unified.*")
    shop.run("publish")
    postgres.run_sql("truncate feedback._publications")
    assert "published/postgres: brought up to date" in shop.run("forget", PERSON).output
    assert PERSON not in postgres.run_sql("select * from feedback.unified__feedback")


def test_forget_without_the_settings_of_a_former_target_queues_the_erasure(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "unified.*")
    shop.run("publish")
    monkeypatch.delenv("FEEDBACK_PUBLISH_POSTGRES_URL")
    done = shop.run("forget", PERSON)
    assert done.exit_code == 1
    assert "published/postgres: may still contain their data: it was published to" in done.output
    assert len(owed(shop)) == 1
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", postgres.url)
    assert shop.run("publish").exit_code == 0
    assert owed(shop) == []
    assert PERSON not in postgres.run_sql("select * from feedback.unified__feedback")


def test_forget_frees_the_bytes_of_deleted_rows(
    shop: Project,
    postgres: PostgresDatabase,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "unified.*")
    shop.run("publish")
    path = postgres.run_sql("select pg_relation_filepath('feedback.unified__feedback')")
    file = postgres_server.directory / "data" / path
    postgres.run_sql("checkpoint")
    assert PERSON.encode() in file.read_bytes()
    shop.run("forget", PERSON)
    postgres.run_sql("checkpoint")
    assert PERSON.encode() not in file.read_bytes()


def test_an_erasure_stays_queued_until_a_publication_reaches_the_target(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PUBLISH_TABLES", "unified.*")
    shop.run("publish")
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", DOWN)
    done = shop.run("forget", PERSON)
    assert done.exit_code == 1
    assert "may still contain their data" in done.output
    assert "feedback-assets publish" in done.output
    (queued,) = owed(shop)
    assert re.fullmatch("erasure-owed-by-postgres.[0-9a-f]{32}.txt", queued)
    assert shop.run("publish").exit_code == 1
    assert owed(shop) == [queued]
    monkeypatch.setenv("FEEDBACK_PUBLISH_POSTGRES_URL", postgres.url)
    assert shop.run("publish").exit_code == 0
    assert owed(shop) == []
    assert PERSON not in postgres.run_sql("select * from feedback.unified__feedback")


def test_forget_publishes_nothing_to_a_target_that_was_never_published_to(
    shop: Project, postgres: PostgresDatabase
) -> None:
    assert shop.run("forget", PERSON).exit_code == 0
    assert postgres.run_sql("select count(*) from pg_namespace where nspname = 'feedback'") == "0"
    assert owed(shop) == []


def owed(project: Project) -> list[str]:
    queue = Path(project.warehouse.base) / "_publishing"
    return sorted(path.name for path in queue.glob("erasure-owed-by-*"))


def test_a_role_is_granted_the_marts_by_the_command(
    shop: Project, postgres: PostgresDatabase
) -> None:
    shop.run("publish")
    role = f"readers_{postgres.name}"
    done = shop.run("publish", "--grant-to", role)
    assert done.exit_code == 0, done.output
    assert "can read the marts" in done.output
    granted = postgres.run_sql(
        f"select has_table_privilege('{role}', 'feedback.marts__nps_daily', 'select')"
    )
    postgres.run_sql(f"drop owned by {role}; drop role {role}")
    assert granted == "t"


def test_dbt_sources_describe_every_published_table_with_tests(project: Project) -> None:
    done = project.run("publish", "--dbt-sources")
    (source,) = yaml.safe_load(done.output)["sources"]
    assert source["schema"] == "feedback"
    tables = {table["name"]: table for table in source["tables"]}
    assert set(tables) == {f"marts__{table.name}" for table in MART_TABLES} | {"_publications"}
    columns = {column["name"]: column for column in tables["marts__nps_daily"]["columns"]}
    assert columns["day"]["data_tests"] == ["not_null"]
    assert columns["nps"]["description"]
    assert tables["marts__nps_daily"]["config"]["meta"]["primary_key"] == ["day", "provider"]
