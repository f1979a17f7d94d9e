"""A batch of events leaves the same rows as single events in Dagster's own storage."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from feedback_assets.privacy.run_history import Wanted, events_that_mention
from feedback_assets.runtime.event_batches import SIZE, VARIABLE
from feedback_assets.runtime.event_log import HeldOpenEventLogStorage
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.tags import range_tags
from feedback_assets.warehouse.erased import Erased
from tests.conftest import YESTERDAY, Project
from tests.runtime.counted_batches import batches, use_counted

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
FIRST, LAST = YESTERDAY.replace(2024, 1, 3), YESTERDAY.replace(2024, 1, 7)
WITHOUT_RUN = ""
SINGLE = LAST.replace(day=20)
KEYS = READ, BUILT, WHOLE, BROKEN = [
    dg.AssetKey(name) for name in ("read", "built", "whole", "broken")
]
CHECKS = [
    dg.AssetCheckKey(READ, "fine"),
    dg.AssetCheckKey(READ, "of_each_day"),
    dg.AssetCheckKey(BROKEN, "never_reached"),
]
DATA_VERSION_TAG = "dagster/data_version"
ONE_RUN = dg.BackfillPolicy.single_run()
Entries = Sequence[dg.EventLogEntry]


@dg.asset(key=READ, partitions_def=DAYS, backfill_policy=ONE_RUN, code_version="1")
def read(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    for number, day in enumerate(context.partition_keys):
        context.add_asset_metadata({"rows": number}, partition_key=day)
    context.log.info("read for contact 4711-0815")
    context.log_event(dg.AssetObservation(READ, metadata={"seen": 1}))
    return dg.MaterializeResult()


@dg.asset(
    key=BUILT, deps=[read], partitions_def=DAYS, backfill_policy=ONE_RUN, code_version="2 A=b"
)
def built() -> None:
    """Has the versions of its inputs in its tags."""


@dg.asset(key=WHOLE, deps=[dg.AssetDep(built, partition_mapping=dg.AllPartitionMapping())])
def whole() -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"rows": 7})


@dg.asset(key=BROKEN, partitions_def=DAYS, backfill_policy=ONE_RUN)
def broken() -> None:
    raise ValueError("no luck")


@dg.asset_check(asset=read)
def fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"rows": 3})


@dg.asset_check(asset=broken)
def never_reached() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=read, partitions_def=DAYS)
def of_each_day() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with Dagster's own storage, in which four runs stored each event separately."""
    home = tmp_path_factory.mktemp("plain")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.from_config(str(home)) as own:
        patch.setenv(VARIABLE, "0")
        assert type(own.event_log_storage) is SqliteEventLogStorage
        for _ in range(2):
            run(own)
        dg.materialize([whole, built, read], instance=own, selection=[whole])
        dg.materialize([read, fine, of_each_day], instance=own, partition_key=str(SINGLE))
        own.report_runless_asset_event(dg.AssetMaterialization(READ, partition=str(SINGLE)))
        own.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=READ, check_name="fine", passed=True)
        )
    return home


def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run over five days, of which one asset fails."""
    chosen = [read, built, broken, fine, of_each_day, never_reached]
    return dg.materialize(
        chosen, instance=instance, tags=range_tags(FIRST, LAST), raise_on_error=False
    ).dagster_run


def as_dagster_does(entries: Entries) -> list[list[dg.EventLogEntry]]:
    """What a run is planned to build in one batch, and what each step built in another."""

    def batch(entry: dg.EventLogEntry) -> Any:
        event = entry.dagster_event
        if event is None:
            return id(entry)
        if event.event_type_value.endswith("_PLANNED"):
            return "planned"
        return event.asset_key if event.is_step_materialization else id(entry)

    return [list(group) for _, group in groupby(entries, batch)]


def a_run_at_once(entries: Entries) -> list[list[dg.EventLogEntry]]:
    return [list(entries)]


def copied(
    plain: Path, home: Path, cut: Callable[[Entries], list[list[dg.EventLogEntry]]]
) -> dg.DagsterInstance:
    """An instance with this project's storage and the same runs, whose events came in batches."""
    shutil.copytree(plain / "history", home / "history", ignore=shutil.ignore_patterns("runs"))
    (home / "dagster.yaml").write_text(
        "event_log_storage:\n"
        "  module: feedback_assets.runtime.event_log\n"
        f"  class: HeldOpenEventLogStorage\n  config: {{base_dir: {home}/history/runs}}\n"
    )
    ours = dg.DagsterInstance.from_config(str(home))
    with dg.DagsterInstance.from_config(str(plain)) as own:
        runs = [record.dagster_run.run_id for record in own.get_run_records(ascending=True)]
        for run_id in (*runs, WITHOUT_RUN):
            for batch in cut(own.all_logs(run_id)):
                ours.event_log_storage.store_event_batch(batch)
    return ours


@pytest.fixture(scope="module", params=[as_dagster_does, a_run_at_once])
def ours(
    request: pytest.FixtureRequest, plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dg.DagsterInstance]:
    home = tmp_path_factory.mktemp("ours")
    with copied(plain, home, request.param) as instance:
        yield instance


def rows(directory: Path) -> dict[tuple[str, str], list[Any]]:
    """Every row of every table of every database, except when it was stored, and the cache."""
    found = {}
    for path in directory.glob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            tables = database.execute("select name from sqlite_master where type = 'table'")
            for (table,) in tables.fetchall():
                columns = [
                    f'"{name}"'
                    for (_, name, *_) in database.execute(f"pragma table_info({table})")
                    if name not in ("create_timestamp", "migration_completed", "cached_status_data")
                ]
                select = f"select {', '.join(columns)} from {table}"
                found[path.name, table] = database.execute(select).fetchall()
    return found


def test_every_table_of_every_database_has_the_same_rows(
    plain: Path, ours: dg.DagsterInstance
) -> None:
    expected = rows(plain / "history" / "runs")
    found = rows(Path(ours.root_directory) / "history" / "runs")
    checks = ("index.db", "asset_check_executions")
    assert len(expected.pop(checks)) > len(found.pop(checks)) > 0
    assert len(expected["index.db", "event_logs"]) > 60
    assert len(expected["index.db", "asset_event_tags"]) > 20
    assert found.keys() == expected.keys()
    for place, wanted in expected.items():
        assert found[place] == wanted, place


def executions(instance: dg.DagsterInstance) -> dict[tuple[str, str], list[Any]]:
    """The stored days, status and result of each check in each run."""
    found = defaultdict(list)
    for key in CHECKS:
        for one in instance.event_log_storage.get_asset_check_execution_history(key, 99):
            result = one.event.dagster_event.event_specific_data if one.event else None
            done = result if isinstance(result, dg.AssetCheckEvaluation) else None
            found[key.name, one.run_id].append((one.partition, one.status.value, done))
    return found


def test_a_check_over_several_days_is_planned_once_and_completed_by_its_result(
    plain: Path, ours: dg.DagsterInstance
) -> None:
    with dg.DagsterInstance.from_config(str(plain)) as own:
        of_dagster, found = executions(own), executions(ours)
    assert found.keys() == of_dagster.keys()
    several = [at for at, kept in of_dagster.items() if len(kept) > 2]
    assert len(several) == 6
    for at, kept in of_dagster.items():
        results = [one for one in kept if one[2]]
        if at not in several:
            assert found[at] == kept
        elif results:
            # Dagster has the same result, and a planned execution of each day that stays.
            assert found[at] == results
            assert len(kept) == len(results) + 5
        else:
            assert found[at] == [(None, "PLANNED", None)]
            assert at[0] == "never_reached"


def answers(instance: dg.DagsterInstance) -> dict[str, Any]:
    """The queries of the UI, the sensors, the refresh, the checks and ``forget``."""
    storage: Any = instance.event_log_storage
    named = Wanted.of(Erased(b"key"), ids=["4711-0815"], names=[])
    latest = storage.get_latest_asset_check_execution_by_key(CHECKS[:2])
    return {
        "runs": [_of_run(instance, one, named) for one in instance.get_runs()],
        "assets": [_of_asset(instance, key) for key in KEYS],
        "asset records": instance.get_asset_records(KEYS),
        "asset keys": instance.all_asset_keys(),
        "observations": instance.fetch_observations(READ, limit=9).records,
        "latest checks": {key: (found.status, found.event) for key, found in latest.items()},
        "ended": [
            instance.fetch_run_status_changes(kind, 10).records
            for kind in (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
        ],
        "newest": storage.get_maximum_record_id(),
    }


def _of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, named: Wanted) -> dict[str, Any]:
    storage: Any = instance.event_log_storage
    return {
        "events": instance.get_records_for_run(run.run_id).records,
        "steps": instance.get_run_step_stats(run.run_id),
        "stats": instance.get_run_stats(run.run_id),
        "partitions": storage.get_asset_partitions_for_run(run.run_id),
        "events that name a person": list(events_that_mention(instance, run, named)),
    }


def _of_asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    storage: Any = instance.event_log_storage
    days = DAYS.get_partition_keys()
    materialised = dg.DagsterEventType.ASSET_MATERIALIZATION
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        key
    )
    return {
        "records": [
            instance.get_event_records(dg.EventRecordsFilter(kind, asset_key=key))
            for kind in (materialised, planned)
        ],
        "materialisations": instance.fetch_materializations(key, limit=100).records,
        "latest ids": [
            instance.get_latest_storage_id_by_partition(key, kind)
            for kind in (materialised, planned)
        ],
        "latest": instance.get_latest_materialization_event(key),
        "latest tags": storage.get_latest_tags_by_partition(key, materialised, [DATA_VERSION_TAG]),
        "all tags": storage.get_event_tags_for_asset(key),
        "partitions": instance.get_materialized_partitions(key),
        "attempts": attempts,
        "latest planned": storage.get_latest_planned_materialization_info(key),
        "new data versions": storage.get_updated_data_version_partitions(key, days, 40),
        "summaries": storage.get_asset_event_summary_records(materialised, key),
        "status": None if key == WHOLE else instance.get_status_by_partition(key, days, DAYS),
    }


def test_every_query_has_the_same_result(plain: Path, ours: dg.DagsterInstance) -> None:
    with dg.DagsterInstance.from_config(str(plain)) as own:
        expected = answers(own)
    found = answers(ours)
    assert found.keys() == expected.keys()
    for question, wanted in expected.items():
        assert found[question] == wanted, question
    of_read, of_built, of_whole, of_broken = expected["assets"]
    assert len(of_read["partitions"]) == 1 + len(of_built["partitions"]) == 6
    assert len(of_broken["attempts"]) == 5
    assert of_whole["latest"]
    assert any(one["events that name a person"] for one in expected["runs"])
    failed = dg.AssetPartitionStatus.FAILED
    assert list(of_broken["status"].values()).count(failed) == 5


def test_a_range_run_stores_its_materialisations_and_its_plan_in_batches(
    project: Project,
) -> None:
    home = project.settings.dagster_home
    use_counted(home)
    with open_instance(project.settings) as instance:
        run(instance)
    planned, *materialised = [sorted(set(batch)) for batch in batches(home)]
    assert planned == ["ASSET_CHECK_EVALUATION_PLANNED", "ASSET_MATERIALIZATION_PLANNED"]
    assert materialised == [["ASSET_MATERIALIZATION"]] * 2
    assert [len(batch) for batch in batches(home)] == [18, 5, 5]


def test_a_process_that_opens_the_storage_stores_in_batches(tmp_path: Path) -> None:
    use_counted(tmp_path)
    opened = f"import os, dagster\ndagster.DagsterInstance.get()\nprint(os.environ[{VARIABLE!r}])"
    given = {key: value for key, value in os.environ.items() if key != VARIABLE}
    for chosen, number in (({}, SIZE), ({VARIABLE: "7"}, 7)):
        done = subprocess.run(
            [sys.executable, "-c", opened],
            env=given | chosen | {"DAGSTER_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == number


def test_a_batch_that_the_index_refuses_leaves_nothing_and_is_stored_one_by_one(
    plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with copied(plain, tmp_path, lambda entries: []) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, HeldOpenEventLogStorage)
        record, *_ = instance.get_run_records(limit=1, ascending=True)
        run_id = record.dagster_run.run_id
        with dg.DagsterInstance.from_config(str(plain)) as own:
            entries = own.all_logs(run_id)
        with closing(sqlite3.connect(storage.path_for_shard("index"))) as database:
            database.executescript(
                "create trigger refuse before insert on asset_event_tags begin"
                " select raise(abort, 'refused'); end"
            )
            with pytest.raises(Exception, match="refused"):
                storage.store_event_batch(entries)
            database.execute("drop trigger refuse")
        assert instance.all_logs(run_id) == []
        assert instance.get_materialized_partitions(READ) == set()
        storage.store_event_batch(entries)
        assert instance.all_logs(run_id) == entries


@pytest.mark.parametrize("moment", ["in the index", "before the run"])
def test_a_process_killed_within_a_batch_leaves_all_of_it_in_the_index_or_none(
    plain: Path, tmp_path: Path, moment: str
) -> None:
    with copied(plain, tmp_path, lambda entries: []) as instance:
        record, *_ = instance.get_run_records(limit=1, ascending=True)
        run_id = record.dagster_run.run_id
    killed = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.runtime.killed_within_a_batch",
            tmp_path,
            plain,
            run_id,
            moment,
        ],
        check=False,
    )
    assert killed.returncode == -9
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        assert again.all_logs(run_id) == []
        held = [len(again.get_materialized_partitions(key)) for key in (READ, BUILT)]
        assert held == ([0, 0] if moment == "in the index" else [5, 5])
