"""The sensor that rebuilds what changed: it compares recorded state and requests stale partitions.

``refresh`` decides what is stale, independently of Dagster. A tick requests the tables whose
inputs are up to date; tables computed from those follow in a later tick if their content
changed.
"""

import hashlib
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from feedback_assets.assets.defined import definitions_of, spans
from feedback_assets.assets.recorded import latest_ids
from feedback_assets.freshness import on_disk
from feedback_assets.freshness.refresh import Build, RefreshPlan, plan_refresh
from feedback_assets.publish.targets import published_tables
from feedback_assets.runtime import runs
from feedback_assets.runtime.tags import range_tags
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, READ_TABLES, REPORT_PAGES
from feedback_assets.warehouse.warehouse import Warehouse

NAME = "build_what_changed"
EVERY_SECONDS = 30
# Each takes a few milliseconds; a tick may take a minute.
_RECORDED_A_TICK = 500
# Listing a remote warehouse costs one request per thousand files.
_LISTED_EVERY_SECONDS = 900
_CONCERNED = READ_TABLES + DERIVED_TABLES + REPORT_PAGES


def refresh_sensor(settings: Settings, tables: Collection[Table]) -> dg.SensorDefinition:
    """The sensor for the derived tables among ``tables`` and the pages; off until switched on."""
    derived = [table for table in DERIVED_TABLES if table in tables]
    derived += [*REPORT_PAGES, *published_tables(settings)]
    names = settings.names
    concerned = frozenset(dg.AssetKey(names.key(table)) for table in {*_CONCERNED, *derived})

    @dg.sensor(
        name=names.called(NAME),
        target=dg.AssetSelection.assets(*(dg.AssetKey(names.key(table)) for table in derived)),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Rebuilds the days whose inputs changed, and everything derived from them.",
    )
    def build_what_changed(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        instance = context.instance
        today = datetime.now(UTC).date()
        # Read before planning, so that the next tick sees changes made meanwhile.
        warehouse = Warehouse(settings.warehouse)
        files = _files(warehouse, context.cursor)
        mark = f"{_mark(instance, settings, derived, today)} {files}"
        if mark == context.cursor:
            return dg.SkipReason("Nothing has changed since the last build.")
        running = unfinished(instance, concerned)
        if running:
            return dg.SkipReason(f"Waiting for {len(running)} runs, including {running[0]}.")
        found = on_disk.record_found(instance, warehouse, READ_TABLES, names, _RECORDED_A_TICK)
        if found == _RECORDED_A_TICK:
            return dg.SkipReason(f"Recorded {found} partitions that no run had recorded.")
        plan = due(instance, settings, derived, today)
        if not plan.builds:
            return dg.SensorResult(
                skip_reason=dg.SkipReason("Everything is up to date."), cursor=mark
            )
        # The cursor is unchanged, so the next tick repeats requests that were lost.
        return dg.SensorResult(
            run_requests=[_request(build, today, names) for build in plan.builds]
        )

    return build_what_changed


def due(
    instance: dg.DagsterInstance, settings: Settings, derived: Collection[Table], today: date
) -> RefreshPlan:
    """The builds that can start now, based on recorded state of the files that exist."""
    warehouse = Warehouse(settings.warehouse)
    recorded = {
        table.full_name: on_disk.read_present(instance, warehouse, table, settings.names)
        for table in {*_CONCERNED, *derived}
    }
    yesterday = today - timedelta(days=1)
    return plan_refresh(
        derived,
        recorded,
        spans(settings),
        settings.feedback_start_date,
        yesterday,
        definitions=definitions_of(derived, settings),
    )


def _mark(
    instance: dg.DagsterInstance, settings: Settings, derived: Collection[Table], today: date
) -> str:
    """A fingerprint of everything that a plan depends on, at the cost of one query."""
    keys = [dg.AssetKey(settings.names.key(table)) for table in {*_CONCERNED, *derived}]
    latest = latest_ids(instance, keys)
    parts = [f"{key.to_user_string()} {latest[key]}" for key in sorted(latest)]
    # Without the definitions, an upgrade would go unnoticed until the next materialisation.
    parts += [f"{name} {text}" for name, text in definitions_of(derived, settings).items()]
    parts += [str(spans(settings)), str(settings.feedback_start_date)]
    return f"{today} {hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


def _files(warehouse: Warehouse, cursor: str | None) -> str:
    """A fingerprint of the stored files; an object store is listed every quarter of an hour."""
    if warehouse.is_local:
        return on_disk.listing(warehouse, _CONCERNED)
    quarter = f"{int(datetime.now(UTC).timestamp()) // _LISTED_EVERY_SECONDS}"
    known = (cursor or "").split(" ")
    listing = known[-1] if known[-1].startswith(f"{quarter}:") else ""
    return listing or f"{quarter}:{on_disk.listing(warehouse, _CONCERNED)}"


def unfinished(instance: dg.DagsterInstance, keys: frozenset[dg.AssetKey]) -> list[str]:
    """Ids of runs that may still change these assets; half a refresh starts no build."""
    return [
        run.run_id
        for run in runs.under_way(instance)
        if run.asset_selection is None or not keys.isdisjoint(run.asset_selection)
    ]


def _request(build: Build, today: date, names: Names) -> dg.RunRequest:
    # Dagster never reuses a run key, even of a failed run. The data version in the key limits
    # builds to what changed; the date in it retries a failed build the next day.
    name = build.table.full_name
    return dg.RunRequest(
        run_key=f"{name} {build.first}..{build.last} {build.version} {today}",
        asset_selection=[dg.AssetKey(names.key(build.table))],
        tags=range_tags(build.first, build.last),
    )
