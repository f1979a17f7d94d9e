"""The unified tables and the marts as assets: one query builds a day, a range, or the whole."""

import os
from collections.abc import Collection
from typing import Any

import dagster as dg

from feedback_assets.assets.provider_assets import days_of_run
from feedback_assets.assets.specs import asset_spec, column_lineage
from feedback_assets.settings import Settings
from feedback_assets.store.layout import Written
from feedback_assets.tables import DERIVED_TABLES, Table
from feedback_assets.transforms.engine import Parameters, build_days, build_whole


def derived_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """An asset for each unified table and mart."""
    return [_asset(table, settings, tables) for table in DERIVED_TABLES]


def parameters(settings: Settings) -> Parameters:
    """What the SQL takes from the settings."""
    return Parameters(
        match_days=settings.feedback_match_days,
        touch_days=settings.feedback_touch_days,
        customer_secret=settings.customer_secret(),
        memory_limit=f"{_memory_limit_mb()}MB",
    )


def _memory_limit_mb() -> int:
    # Several runs share a machine; past its share DuckDB spills to disk.
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1024, total // 4 // 1_000_000)


def _asset(table: Table, settings: Settings, tables: Collection[Table]) -> dg.AssetsDefinition:
    spec = asset_spec(table, settings, tables)
    lineage = {"dagster/column_lineage": column_lineage(table, tables)}

    @dg.multi_asset(
        name=f"{table.group}__{table.name}",
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run() if table.partitioned else None,
        required_resource_keys={"warehouse"},
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse = context.resources.warehouse.warehouse
        if not table.partitioned:
            written = warehouse.replace_whole(
                table, build_whole(table, warehouse, parameters(settings))
            )
            metadata = {"dagster/row_count": written.rows, "content_hash": written.content_hash}
            return dg.MaterializeResult(asset_key=table.asset_key, metadata=lineage | metadata)
        first, last = days_of_run(context)
        for day, rows in build_days(table, first, last, warehouse, parameters(settings)):
            context.add_asset_metadata(
                _day_metadata(warehouse.replace_day(table, day, rows)),
                asset_key=table.asset_key,
                partition_key=day.isoformat(),
            )
        return dg.MaterializeResult(asset_key=table.asset_key, metadata=lineage)

    return build


def _day_metadata(written: Written) -> dict[str, Any]:
    return {
        "dagster/partition_row_count": written.rows,
        "content_hash": written.content_hash,
    }
