"""Old run logs are removed; runs, materialisations and checks stay. Pins Dagster's behaviour."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.assets.recorded import read_recorded
from feedback_assets.automation.old_run_logs import (
    JOB,
    KEEP_DAYS,
    SCHEDULE,
    Removed,
    remove_old_logs,
)
from feedback_assets.definitions import build_defs
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.service.programs import place
from feedback_assets.service.switches import ALWAYS
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.servers.postgres import PostgresDatabase

KEEP = timedelta(days=KEEP_DAYS)
KEY = dg.AssetKey("sales")
LAYOUT_CHANGED = (
    "Dagster stores events of runs in another way: read SqliteEventLogStorage again before "
    "old_run_logs removes anything"
)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def sales(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"content_hash": f"hash of {context.partition_key}"})


@dg.asset_check(asset=sales)
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.op
def fail() -> None:
    raise ValueError("no such luck")


@dg.job
def failing() -> None:
    fail()


@pytest.fixture
def home(project: Project) -> Path:
    return project.settings.dagster_home


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def materialized(instance: dg.DagsterInstance, partition: str) -> str:
    done = dg.materialize([sales, good], instance=instance, partition_key=partition)
    assert done.success
    return done.run_id


def files_of(home: Path, *runs: str) -> set[str]:
    return {path.name for path in home.rglob("*") if any(run in str(path) for run in runs)}


def known(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What sensors, checks, asset pages and ``dagster run list`` read."""
    found = instance.fetch_materializations(KEY, limit=10).records
    return {
        "partitions": instance.get_materialized_partitions(KEY),
        "metadata": [record.asset_materialization for record in found],
        "latest": instance.get_latest_materialization_event(KEY),
        "checks": [
            record.event
            for record in instance.event_log_storage.get_latest_asset_check_execution_by_key(
                [good.check_key]
            ).values()
        ],
        "runs": [(run.run_id, run.status) for run in instance.get_runs()],
    }


def test_dagster_keeps_one_database_for_each_run_and_copies_asset_events(
    instance: dg.DagsterInstance, home: Path
) -> None:
    run = materialized(instance, "a")
    storage: Any = instance.event_log_storage
    assert storage.is_run_sharded, LAYOUT_CHANGED
    path = home / "history" / "runs" / f"{run}.db"
    assert Path(storage.path_for_shard(run)) == path, LAYOUT_CHANGED
    assert path.is_file(), LAYOUT_CHANGED
    before = known(instance)
    assert len(before["metadata"]) == len(before["checks"]) == 1
    for file in path.parent.glob(f"{run}*"):
        file.unlink()
    assert known(instance) == before, LAYOUT_CHANGED
    assert not path.exists(), f"reading assets opens databases of runs: {LAYOUT_CHANGED}"


def test_only_logs_of_old_finished_runs_are_removed(
    instance: dg.DagsterInstance, home: Path
) -> None:
    old = materialized(instance, "a")
    failed = failing.execute_in_process(instance=instance, raise_on_error=False).run_id
    unfinished = instance.create_run_for_job(failing)
    instance.report_engine_event("started", unfinished)
    now = datetime.now(UTC) + KEEP
    new = materialized(instance, "b")
    before, kept = known(instance), files_of(home, unfinished.run_id, new)
    assert kept
    assert files_of(home, old)
    assert remove_old_logs(instance, home, now - timedelta(hours=1)).runs == 0
    assert known(instance) == before
    removed = remove_old_logs(instance, home, now)
    assert removed.runs == 2
    assert removed.bytes > 200_000
    assert files_of(home, old, failed) == set()
    assert files_of(home, unfinished.run_id, new) == kept
    assert remove_old_logs(instance, home, now) == Removed()
    with dg.DagsterInstance.from_config(str(home)) as again:
        assert known(again) == before
        assert files_of(home, old, failed) == set()
        assert again.get_records_for_run(old).records == []


def test_a_run_without_logs_can_still_be_deleted(instance: dg.DagsterInstance, home: Path) -> None:
    run = materialized(instance, "a")
    remove_old_logs(instance, home, datetime.now(UTC) + KEEP)
    with dg.DagsterInstance.from_config(str(home)) as again:
        again.delete_run(run)
        assert again.get_runs() == []
        assert again.get_materialized_partitions(KEY) == set()


def test_the_job_reports_what_it_removed_and_automation_includes_its_schedule(
    project: Project,
) -> None:
    defs = build_defs(project.settings)
    schedules = {each.name: each for each in defs.schedules or ()}
    assert schedules[SCHEDULE].default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedules[SCHEDULE].cron_schedule == "0 15 * * 1"
    assert SCHEDULE in ALWAYS
    with open_instance(project.settings) as instance:
        done = defs.resolve_job_def(JOB).execute_in_process(instance=instance)
        assert done.success
        (step,) = [event for event in done.all_node_events if event.is_successful_output]
        assert step.event_specific_data.metadata["runs"].value == 0


@pytest.mark.slow
def test_in_postgres_the_logs_are_rows_and_the_rest_stays(
    home: Path, postgres: PostgresDatabase
) -> None:
    url = postgres.url.replace("postgresql:", "postgresql+psycopg2:")
    home.mkdir()
    (home / "dagster.yaml").write_text(json.dumps({"storage": {"postgres": {"postgres_url": url}}}))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = materialized(instance, "a")
        failing.execute_in_process(instance=instance, raise_on_error=False)
        before = known(instance)
        now = datetime.now(UTC)
        assert remove_old_logs(instance, home, now + KEEP - timedelta(hours=1)).runs == 0
        assert known(instance) == before
        assert instance.get_records_for_run(run).records
        assert remove_old_logs(instance, home, now + KEEP).events > 10
        assert known(instance) == before
        left = instance.get_records_for_run(run).records
        assert {record.event_log_entry.get_dagster_event().event_type_value for record in left} == {
            "ASSET_MATERIALIZATION"
        }


_PAGES = """
{
  assetNodeOrError(assetKey: {path: ["feedbackpulse", "submissions"]}) {
    ... on AssetNode {
      assetMaterializations(limit: 5) { partition runId metadataEntries { label }
        runOrError { ... on Run { status } } }
      partitionStats { numMaterialized numFailed }
      assetChecksOrError { ... on AssetChecks { checks { name
        executionForLatestMaterialization { status evaluation { success } } } } }
    }
  }
  runsOrError { ... on Runs { results { runId status startTime endTime } } }
}
"""


@pytest.mark.slow
def test_removing_logs_leaves_asset_pages_sensors_and_missing_days_unchanged(shop: Project) -> None:
    table = find_table("feedbackpulse.submissions")
    select = 'key:"feedbackpulse/submissions"'
    filled = shop.backfill(YESTERDAY, YESTERDAY, "--select", select)
    assert filled.exit_code == 0, filled.output
    before = pages(shop)
    node = before["assetNodeOrError"]
    assert node["partitionStats"]["numMaterialized"] == 1
    assert node["assetMaterializations"][0]["metadataEntries"]
    home = shop.settings.dagster_home
    with open_instance(shop.settings) as instance:
        recorded = read_recorded(instance, table, NO_PREFIX)
        assert remove_old_logs(instance, home, datetime.now(UTC) + KEEP).runs == 1
        assert read_recorded(instance, table, NO_PREFIX) == recorded
    assert pages(shop) == before
    again = shop.backfill(YESTERDAY, YESTERDAY, "--select", select, "--missing")
    assert again.exit_code == 0, again.output
    with open_instance(shop.settings) as instance:
        assert instance.get_runs_count() == 1


def pages(project: Project) -> Any:
    """The UI's queries for a table's page and the run list."""
    with place(project.settings, {}) as there:
        answer = there.directory / "answer.json"
        command = there.command(
            "dagster-graphql", "-w", there.workspace, "-o", str(answer), "-t", _PAGES
        )
        done = subprocess.run(
            command,
            cwd=there.directory,
            env=dict(there.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.is_file(), done.stderr
        body = json.loads(answer.read_text(encoding="utf-8"))
    assert "errors" not in body, body
    return body["data"]
