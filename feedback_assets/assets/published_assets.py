"""``published/postgres`` and ``published/iceberg``: update a target after the marts."""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from feedback_assets.assets.code_references import code_references
from feedback_assets.assets.defined import code_version, definition_of
from feedback_assets.assets.derived_assets import inputs_now
from feedback_assets.assets.failures import in_one_line
from feedback_assets.assets.resources import WAREHOUSE, open_warehouse, warehouse_of
from feedback_assets.assets.specs import FRESHNESS, RETRY, owners
from feedback_assets.publish.outcome import Behind, Outcome, lines
from feedback_assets.publish.targets import Target, publish_to, published_tables, targets_of
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.runtime.instance import existing_instance
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.transforms.inputs import Day


def published_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """An asset for each configured target."""
    pairs = zip(published_tables(settings), targets_of(settings), strict=True)
    return [_asset(table, target, settings, tables) for table, target in pairs]


def _asset(
    table: Table, target: Target, settings: Settings, tables: Collection[Table]
) -> dg.AssetsDefinition:
    names = settings.names

    @dg.multi_asset(
        name=names.called(f"{table.group}__{table.name}"),
        specs=[_spec(table, settings, tables)],
        retry_policy=RETRY,
        required_resource_keys={names.called(WAREHOUSE)},
    )
    def publish(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        failure: dg.Failure

        def published() -> dict[str, Any]:
            # Before reading anything, as for derived tables.
            warehouse = warehouse_of(context, names)
            inputs = inputs_now(table, None, context.instance, settings, warehouse)
            done = publish_to(target, warehouse)
            return _metadata(done, target.behind(warehouse), inputs, table, settings)

        try:
            metadata = in_one_line(published, table, None, settings)
        except PublishTrouble as error:
            failure = dg.Failure(
                description=f"{table.full_name}: {settings.worded(str(error))}",
                allow_retries=error.transient,
            )
        else:
            return dg.MaterializeResult(asset_key=names.key(table), metadata=metadata)
        # Outside the block, so that the error is not chained to the line.
        raise failure

    return publish


def publish_by_hand(settings: Settings, target: Target, *, everything: bool = False) -> Outcome:
    """Publish without a run, and record the materialisation if there is a Dagster instance."""
    warehouse = open_warehouse(settings)
    table = next(table for table in published_tables(settings) if table.name == target.name)
    with existing_instance(settings) as instance:
        if instance is None:
            return publish_to(target, warehouse, everything=everything)
        inputs = inputs_now(table, None, instance, settings, warehouse)
        done = publish_to(target, warehouse, everything=everything)
        metadata = _metadata(done, target.behind(warehouse), inputs, table, settings)
        instance.report_runless_asset_event(
            dg.AssetMaterialization(asset_key=list(settings.names.key(table)), metadata=metadata)
        )
        return done


def _metadata(
    done: Outcome, behind: Behind, inputs: Mapping[Day, str], table: Table, settings: Settings
) -> dict[str, Any]:
    return {
        **_numbers(done),
        "partitions_behind": sum(behind.partitions.values()),
        "inputs_hash": inputs[None],
        "definition": definition_of(table, settings).text,
    }


def _numbers(done: Outcome) -> dict[str, Any]:
    return {
        "target": done.address,
        "tables": len(done.tables),
        "partitions_sent": done.partitions,
        "partitions_removed": done.removed,
        "rows_sent": done.rows,
        "seconds": round(done.seconds, 2),
        "newest_day": done.newest.isoformat() if done.newest else "none",
        "previous_publication": done.before.isoformat() if done.before else "none",
        "sent": dg.MetadataValue.md("\n".join(f"- {line.strip()}" for line in lines(done))),
    }


def _spec(table: Table, settings: Settings, tables: Collection[Table]) -> dg.AssetSpec:
    loaded = {other.full_name for other in tables}
    return dg.AssetSpec(
        key=list(settings.names.key(table)),
        deps=[
            dg.AssetDep(list(settings.names.path(name)), partition_mapping=dg.AllPartitionMapping())
            for name in table.depends
            if name in loaded
        ],
        description=table.description,
        group_name=settings.names.group(table),
        kinds={table.name},
        owners=owners(settings),
        freshness_policy=FRESHNESS,
        code_version=code_version(table, settings),
        metadata={"dagster/code_references": code_references(table)},
    )
