"""The event log with open databases stores the same as Dagster's own, for all readers."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alembic.script import ScriptDirectory

from feedback_assets.runtime.event_log import HeldOpenEventLogStorage
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.tags import range_tags
from tests.conftest import YESTERDAY, Project

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
KEY = dg.AssetKey("counted")


@dg.asset(name="counted", partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def counted(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    for number, day in enumerate(context.partition_keys):
        context.add_asset_metadata({"rows": number}, partition_key=day)
    return dg.MaterializeResult()


@dg.asset_check(asset=counted, name="fine")
def fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def instance(project: Project) -> Iterator[dg.DagsterInstance]:
    with open_instance(project.settings) as found:
        yield found


def materialise(instance: dg.DagsterInstance) -> dg.DagsterRun:
    first, last = YESTERDAY.replace(2024, 1, 3), YESTERDAY.replace(2024, 1, 12)
    tags = range_tags(first, last)
    return dg.materialize([counted, fine], instance=instance, tags=tags).dagster_run


def answers(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, Any]:
    """What the UI and the sensors read from the event log."""
    storage = instance.event_log_storage
    latest = instance.get_latest_storage_id_by_partition(
        KEY, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    found = instance.fetch_materializations(KEY, limit=100)
    check = dg.AssetCheckKey(KEY, "fine")
    return {
        "events": instance.get_records_for_run(run.run_id).records,
        "stats": instance.get_run_stats(run.run_id),
        "steps": instance.get_run_step_stats(run.run_id),
        "materialisations": found.records,
        "latest": latest,
        "partitions": instance.get_materialized_partitions(KEY),
        "status": instance.get_status_by_partition(KEY, DAYS.get_partition_keys(), DAYS),
        "assets": instance.get_asset_records([KEY]),
        "checks": storage.get_asset_check_execution_history(check, limit=10),
        "runs": instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, 10).records,
    }


def test_a_new_home_uses_the_event_log_storage(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, HeldOpenEventLogStorage)


def test_it_returns_the_same_results_as_dagsters_own_storage(
    instance: dg.DagsterInstance, project: Project
) -> None:
    run = materialise(instance)
    of_ours = answers(instance, run)
    (project.settings.dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_instance(project.settings) as plain:
        assert type(plain.event_log_storage) is not type(instance.event_log_storage)
        assert answers(plain, run) == of_ours
    assert len(of_ours["partitions"]) == 10
    assert of_ours["checks"]


def test_a_home_with_an_older_dagster_yaml_works_with_dagsters_own_storage(
    project: Project,
) -> None:
    home = project.settings.dagster_home
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_instance(project.settings) as plain:
        run = materialise(plain)
        before = answers(plain, run)
    (home / "dagster.yaml").unlink()
    with open_instance(project.settings) as held:
        assert isinstance(held.event_log_storage, HeldOpenEventLogStorage)
        assert answers(held, run) == before


def versions(home: Path) -> dict[str, str]:
    """The schema revision recorded in each of Dagster's databases."""
    found = {}
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            for (revision,) in database.execute("select version_num from alembic_version"):
                found[path.name] = revision
    return found


def test_databases_are_at_the_latest_dagster_revision(instance: dg.DagsterInstance) -> None:
    run = materialise(instance)
    scripts = Path(dg.__file__).parent / "_core" / "storage" / "alembic"
    last = ScriptDirectory(str(scripts)).get_current_head()
    made = versions(Path(instance.root_directory))
    assert {f"{run.run_id}.db", "index.db", "runs.db", "schedules.db"} <= made.keys()
    assert set(made.values()) == {last}


def test_watchers_of_a_run_receive_its_events_while_it_runs(
    instance: dg.DagsterInstance, project: Project
) -> None:
    run = materialise(instance)
    seen: list[str] = []
    notified = threading.Event()

    def notify(event: dg.EventLogEntry, _cursor: str) -> None:
        seen.append(event.message)
        if "Said later." in event.message:
            notified.set()

    with open_instance(project.settings) as other:
        other.event_log_storage.watch(run.run_id, None, notify)
        instance.report_engine_event("Said later.", run)
        assert notified.wait(20), seen
        other.event_log_storage.end_watch(run.run_id, notify)


def test_a_run_with_a_removed_database_has_no_events_and_accepts_new_ones(
    instance: dg.DagsterInstance,
) -> None:
    run = materialise(instance)
    storage = instance.event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{storage.path_for_shard(run.run_id)}{suffix}").unlink(missing_ok=True)
    assert instance.get_records_for_run(run.run_id).records == []
    instance.report_engine_event("Said later.", run)
    assert len(instance.get_records_for_run(run.run_id).records) == 1
    assert len(instance.get_materialized_partitions(KEY)) == 10


def test_the_database_of_a_run_has_small_pages(instance: dg.DagsterInstance) -> None:
    run = materialise(instance)
    storage = instance.event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)
    with closing(sqlite3.connect(storage.path_for_shard(run.run_id))) as database:
        assert database.execute("pragma page_size").fetchone() == (1024,)
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_the_number_of_open_databases_is_limited(instance: dg.DagsterInstance) -> None:
    runs = [materialise(instance) for _ in range(3)]
    storage = instance.event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)
    for number in range(40):
        with storage.run_connection(f"run-{number}"):
            pass
    held = [Path(os.path.realpath(entry)).name for entry in Path("/proc/self/fd").iterdir()]
    assert len({name for name in held if name.startswith("run-") and name.endswith(".db")}) <= 16
    assert instance.get_records_for_run(runs[0].run_id).records


def test_database_permissions_follow_the_umask(project: Project) -> None:
    before = os.umask(0o077)
    try:
        with open_instance(project.settings) as instance:
            run = materialise(instance)
    finally:
        os.umask(before)
    storage = instance.event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)
    for shard in ("index", run.run_id):
        assert stat.S_IMODE(Path(storage.path_for_shard(shard)).stat().st_mode) == 0o600


def test_disposing_the_storage_leaves_no_journal(project: Project) -> None:
    with open_instance(project.settings) as instance:
        materialise(instance)
        directory = Path(instance.root_directory) / "history" / "runs"
    assert not list(directory.glob("*-wal"))


def test_a_table_created_later_is_found(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, HeldOpenEventLogStorage)
    assert storage.has_table("asset_event_tags")
    assert not storage.has_table("later")
    with closing(sqlite3.connect(storage.path_for_shard("index"))) as database:
        database.execute("create table later (x)")
    assert storage.has_table("later")
