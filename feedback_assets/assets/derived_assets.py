"""The unified tables and marts as assets: one query builds a day, a range or the whole table."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
from feedback_assets.assets.resources import WAREHOUSE, warehouse_of
from feedback_assets.assets.specs import asset_spec, column_lineage
from feedback_assets.coordination.shared_locks import LockTaken
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
    names = settings.names
    spec = asset_spec(table, settings, tables)
    lineage = column_lineage(table, tables, names)

    @dg.multi_asset(
        name=names.called(f"{table.group}__{table.name}"),
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run() if table.partitioned else None,
        pool=names.called(POOL),
        required_resource_keys={names.called(WAREHOUSE)},
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        span = days_of_run(context) if table.partitioned else None

        def built() -> dg.MaterializeResult[Any]:
            warehouse = warehouse_of(context, names)
            with _alone(warehouse, context):
                metadata = _build(table, span, settings, warehouse, context)
                metadata |= mart_previews(table, warehouse)
            metadata["dagster/column_lineage"] = lineage
            key = names.key(table)
            if span is None:
                return dg.MaterializeResult(asset_key=key, metadata=metadata)
            # On the last day only, which the UI shows: on each day, up to 14 kB would be stored
            # twice.
            last = span[1].isoformat()
            context.add_asset_metadata(metadata, asset_key=key, partition_key=last)
            return dg.MaterializeResult(asset_key=key)

        return in_one_line(built, table, span, settings)

    return build


@contextmanager
def _alone(warehouse: Warehouse, context: dg.AssetExecutionContext) -> Iterator[None]:
    """Prevent other builds of derived tables in the warehouse, whatever the pools allow.

    A query uses all cores and reads earlier days, which another run may be replacing.
    """
    with ExitStack() as held:
        try:
            held.enter_context(warehouse.building(wait=False))
        except LockTaken:
            context.log.info("waiting for another run that builds tables of %s", warehouse.base)
            held.enter_context(warehouse.building())
        yield


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
        }
    days = engine(settings).build_days(table, *span, warehouse, values)
    numbers: dict[date, Numbers] = {}
    for day, written in warehouse.replace_days(table, _collecting_numbers(table, days, numbers)):
        context.add_asset_metadata(
            numbers[day] | _day_metadata(written, built_from[day], definition),
            asset_key=settings.names.key(table),
            partition_key=day.isoformat(),
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
        recorded = read_recorded(instance, find_table(name), settings.names, read)
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
