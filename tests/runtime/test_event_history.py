"""Superseded events are removed; those that refresh, checks and asset pages read are kept."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy

from feedback_assets.runtime.event_history import remove_run_logs, remove_superseded
from feedback_assets.runtime.tags import range_tags
from tests.conftest import YESTERDAY
from tests.runtime.counted_batches import use_counted
from tests.servers.postgres import PostgresDatabase

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
FIRST, LAST = YESTERDAY.replace(2024, 1, 3), YESTERDAY.replace(2024, 1, 8)
SALES, TOTAL = dg.AssetKey("sales"), dg.AssetKey("total")
MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION
PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class Shop(dg.ConfigurableResource[Any]):
    closed: bool = False


@dg.asset(key=SALES, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def sales(context: dg.AssetExecutionContext, shop: Shop) -> dg.MaterializeResult[None]:
    if shop.closed:
        raise ValueError("no such luck")
    for day in context.partition_keys:
        context.add_asset_metadata({"content_hash": f"hash of {day}"}, partition_key=day)
    return dg.MaterializeResult()


@dg.asset(key=TOTAL)
def total() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


GOOD = dg.AssetCheckSpec("good", asset=SALES)


@dg.multi_asset_check(specs=[GOOD])
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    if request.param == "sqlite":
        use_counted(tmp_path)
    else:
        database: PostgresDatabase = request.getfixturevalue("postgres")
        url = database.url.replace("postgresql:", "postgresql+psycopg2:")
        (tmp_path / "dagster.yaml").write_text(
            json.dumps({"storage": {"postgres": {"postgres_url": url}}})
        )
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run(instance: dg.DagsterInstance, *, closed: bool = False, last: Any = LAST) -> None:
    dg.materialize(
        [sales, good],
        instance=instance,
        tags=range_tags(FIRST, last),
        resources={"shop": Shop(closed=closed)},
        raise_on_error=False,
    )


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def known(instance: dg.DagsterInstance) -> dict[str, Any]:
    """The state of every partition and check."""
    storage: Any = instance.event_log_storage
    latest = instance.get_latest_storage_id_by_partition(SALES, MATERIALISED)
    newest = dg.AssetRecordsFilter(SALES, storage_ids=list(latest.values()))
    checks = storage.get_latest_asset_check_execution_by_key([GOOD.key])
    return {
        "latest": latest,
        "metadata": instance.fetch_materializations(newest, limit=100).records,
        "partitions": instance.get_materialized_partitions(SALES),
        "status": instance.get_status_by_partition(SALES, DAYS.get_partition_keys(), DAYS),
        "attempts": storage.get_latest_asset_partition_materialization_attempts_without_materializations(  # noqa: E501
            SALES
        ),
        "assets": instance.get_asset_records([SALES, TOTAL]),
        "total": instance.get_latest_materialization_event(TOTAL),
        "checks": {key: record.event for key, record in checks.items()},
        "tags": storage.get_latest_tags_by_partition(SALES, MATERIALISED, ["dagster/data_version"]),
        "runs": [(one.run_id, one.status) for one in instance.get_runs()],
        "newest": storage.get_maximum_record_id(),
    }


def count(instance: dg.DagsterInstance, kind: dg.DagsterEventType, key: dg.AssetKey) -> int:
    return len(instance.get_event_records(dg.EventRecordsFilter(kind, asset_key=key)))


def test_the_last_materialisation_result_and_failure_of_everything_stay(
    instance: dg.DagsterInstance,
) -> None:
    for _ in range(3):
        run(instance)
        dg.materialize([total], instance=instance)
    run(instance, closed=True, last=FIRST + timedelta(days=1))
    before = known(instance)
    # Without the cache of the status, which would answer from what it has counted before.
    uncached(instance)
    assert (count(instance, MATERIALISED, SALES), count(instance, PLANNED, SALES)) == (18, 20)
    assert remove_superseded(instance, datetime.now(UTC) - timedelta(minutes=5)) == 0
    assert known(instance) == before
    assert remove_superseded(instance, soon()) > 30
    uncached(instance)
    assert known(instance) == before
    assert (count(instance, MATERIALISED, SALES), count(instance, PLANNED, SALES)) == (6, 2)
    assert count(instance, MATERIALISED, TOTAL) == 1
    assert remove_superseded(instance, soon()) == 0


def uncached(instance: dg.DagsterInstance) -> None:
    storage: Any = instance.event_log_storage
    storage.wipe_asset_cached_status(SALES)


def test_a_check_whose_run_has_not_reached_it_keeps_its_last_result_and_its_plan(
    instance: dg.DagsterInstance,
) -> None:
    storage: Any = instance.event_log_storage
    run(instance)
    run(instance)
    run(instance, closed=True)
    remove_superseded(instance, soon())
    found = storage.get_asset_check_execution_history(GOOD.key, limit=10)
    # On Postgres Dagster plans the check once for each day.
    plans = 1 if storage.is_run_sharded else (LAST - FIRST).days + 1
    assert [record.status.value for record in found] == ["PLANNED"] * plans + ["SUCCEEDED"]


def test_ids_are_never_reused(instance: dg.DagsterInstance) -> None:
    run(instance)
    storage: Any = instance.event_log_storage
    newest = storage.get_maximum_record_id()
    remove_run_logs(instance, soon())
    remove_superseded(instance, soon())
    assert storage.get_maximum_record_id() == newest
    run(instance)
    assert min(instance.get_latest_storage_id_by_partition(SALES, MATERIALISED).values()) > newest


def test_later_events_fill_the_space_of_removed_ones(tmp_path: Path) -> None:
    use_counted(tmp_path)
    index = tmp_path / "history" / "runs" / "index.db"
    sizes = []
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for number in range(6):
            run(instance, last=FIRST + timedelta(days=25))
            if number:
                remove_superseded(instance, soon())
                remove_run_logs(instance, soon())
            checkpoint(index)
            sizes.append(index.stat().st_size)
    first, second, *_, last = sizes
    assert last - second < (second - first) / 4


def checkpoint(path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("pragma wal_checkpoint(truncate)"))
    engine.dispose()
