"""The unified tables and marts as assets: one query builds a day, a range or the whole table."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from feedback_assets.assets.defined import definition_of, spans
from feedback_assets.assets.failures import in_one_line
from feedback_assets.assets.plotted import Numbers, plotted
from feedback_assets.assets.previews import mart_previews
from feedback_assets.assets.provider_assets import days_of_run
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.assets.resources import WarehouseResource
from feedback_assets.assets.specs import asset_spec, column_lineage
from feedback_assets.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.transforms.engine import Parameters
from feedback_assets.transforms.engines import Engine, engine_of
from feedback_assets.transforms.inputs import Day, days_read, inputs_hashes
from feedback_assets.warehouse.customer_secret import confirm_secret
from feedback_assets.warehouse.memory import machine_memory
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse

# One run at a time for all derived tables: a query uses all cores and up to a quarter of the
# memory, and a later day reads earlier days that another run may still be building.
POOL = "duckdb"


def derived_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """An asset for each unified table and mart."""
    return [_asset(table, settings, tables) for table in DERIVED_TABLES]


def parameters(settings: Settings) -> Parameters:
    """The SQL parameters taken from the settings."""
    return Parameters(
        match_days=settings.feedback_match_days,
        touch_days=settings.feedback_touch_days,
        customer_secret=settings.customer_secret(),
        memory_limit=f"{_memory_limit_mb()}MB",
    )


def engine(settings: Settings) -> Engine:
    """The engine named in the settings."""
    return engine_of(settings.feedback_engine, settings.feedback_spark_master)


def _memory_limit_mb() -> int:
    # Several runs share a machine; past its share DuckDB spills to disk.
    return max(1024, machine_memory() // 4 // 1_000_000)


def _asset(table: Table, settings: Settings, tables: Collection[Table]) -> dg.AssetsDefinition:
    spec = asset_spec(table, settings, tables)
    lineage = {"dagster/column_lineage": column_lineage(table, tables)}

    @dg.multi_asset(
        name=f"{table.group}__{table.name}",
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run() if table.partitioned else None,
        pool=POOL,
    )
    def build(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> dg.MaterializeResult[Any]:
        span = days_of_run(context) if table.partitioned else None

        def built() -> dg.MaterializeResult[Any]:
            metadata = lineage | _build(table, span, settings, warehouse.warehouse, context)
            return dg.MaterializeResult(asset_key=table.asset_key, metadata=metadata)

        return in_one_line(built, table, span)

    return build


def _build(
    table: Table,
    span: tuple[date, date] | None,
    settings: Settings,
    warehouse: Warehouse,
    context: dg.AssetExecutionContext,
) -> dict[str, Any]:
    """Replace the partitions of ``span``, or the whole table, whose metadata it returns."""
    confirm_secret(warehouse, settings.customer_secret_if_any(), settings.customer_secret)
    values = parameters(settings)  # first: the definition contains the secret's fingerprint
    definition = definition_of(table, settings).text
    # Before reading anything: if an input is replaced meanwhile, it differs from what is recorded
    # here, which causes one build too many rather than one too few.
    built_from = inputs_now(table, span, context.instance, settings, warehouse)
    if span is None:
        rows = engine(settings).build_whole(table, warehouse, values)
        written = warehouse.replace_whole(table, rows)
        return {
            **plotted(table, rows),
            "dagster/row_count": written.rows,
            "content_hash": written.content_hash,
            "file": written.mark,
            "inputs_hash": built_from[None],
            "definition": definition,
            **mart_previews(table, warehouse),
        }
    days = engine(settings).build_days(table, *span, warehouse, values)
    numbers: dict[date, Numbers] = {}
    for day, written in warehouse.replace_days(table, _collecting_numbers(table, days, numbers)):
        context.add_asset_metadata(
            numbers[day] | _day_metadata(written, built_from[day], definition),
            asset_key=table.asset_key,
            partition_key=day.isoformat(),
        )
    context.add_asset_metadata(
        mart_previews(table, warehouse),
        asset_key=table.asset_key,
        partition_key=span[1].isoformat(),
    )
    return {}


def _collecting_numbers(
    table: Table, days: Iterable[tuple[date, pa.Table]], numbers: dict[date, Numbers]
) -> Iterator[tuple[date, pa.Table]]:
    """Yield the same days, adding each day's plotted values to ``numbers``."""
    for day, rows in days:
        numbers[day] = plotted(table, rows)
        yield day, rows
        del rows  # free it before the next day is computed


def inputs_now(
    table: Table,
    span: tuple[date, date] | None,
    instance: dg.DagsterInstance,
    settings: Settings,
    warehouse: Warehouse,
) -> dict[Day, str]:
    """The ``inputs_hash`` of each partition in the run, looking up each input once.

    Only existing files count: if a recorded file is missing, the sensor would find the partition
    stale again right after each build and hold back everything computed from it.
    """
    contents = {}
    for name in table.depends:
        read = None if span is None else days_read(table, name, *span, spans(settings))
        recorded = read_recorded(instance, find_table(name), read)
        marks = warehouse.marks(find_table(name))
        if read is not None:
            marks = {day: mark for day, mark in marks.items() if day and read[0] <= day <= read[1]}
        contents[name] = recorded.content_of(marks)
    days: list[Day] = [None] if span is None else [*days_between(*span)]
    definition = definition_of(table, settings).text
    return inputs_hashes(table, days, contents, spans(settings), definition)


def _day_metadata(written: Written, inputs_hash: str, definition: str) -> dict[str, Any]:
    return {
        "dagster/partition_row_count": written.rows,
        "content_hash": written.content_hash,
        "file": written.mark,
        "inputs_hash": inputs_hash,
        "definition": definition,
    }
