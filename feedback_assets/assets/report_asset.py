"""The page ``reports/nps.html`` as an asset, rebuilt when one of its marts changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from feedback_assets.assets.code_references import code_references
from feedback_assets.assets.defined import code_version, definition_of
from feedback_assets.assets.derived_assets import inputs_now, parameters
from feedback_assets.assets.failures import in_one_line
from feedback_assets.assets.looks import read_looks
from feedback_assets.assets.previews import (
    channels_preview,
    findings_preview,
    freshness_preview,
    report_previews,
)
from feedback_assets.assets.resources import WAREHOUSE, warehouse_of
from feedback_assets.assets.specs import FRESHNESS, owners
from feedback_assets.reports.path import page_path, page_url
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import READ_TABLES, REPORT_PAGES
from feedback_assets.warehouse.warehouse import Warehouse


def report_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """An asset for each page."""
    return [_asset(page, settings) for page in REPORT_PAGES]


def _asset(page: Table, settings: Settings) -> dg.AssetsDefinition:
    names = settings.names

    @dg.multi_asset(
        name=names.called(f"{page.group}__{page.name}"),
        specs=[_spec(page, settings)],
        required_resource_keys={names.called(WAREHOUSE)},
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        def built() -> dg.MaterializeResult[Any]:
            metadata = _build(page, settings, warehouse_of(context, names), context.instance)
            return dg.MaterializeResult(asset_key=names.key(page), metadata=metadata)

        return in_one_line(built, page, None, settings)

    return build


def _build(
    page: Table, settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> dict[str, Any]:
    """Write the page and return its metadata."""
    # Imported here so that loading the definitions does not load templates and charts.
    from feedback_assets.reports.figures import read_report
    from feedback_assets.reports.page import write_page
    from feedback_assets.summary.reading import read_scorecard

    built_from = inputs_now(page, None, instance, settings, warehouse)
    report = read_report(
        warehouse,
        read_at=_read_at(instance, settings.names),
        looks={
            name: (look.asked, look.answered)
            for name, look in read_looks(instance, settings.names, settings.providers).items()
        },
        memory_limit=parameters(settings).memory_limit,
    )
    size = write_page(warehouse, report)
    metadata: dict[str, Any] = {
        **_where(warehouse),
        "bytes": size,
        "last_day": report.last_day.isoformat() if report.last_day else "none",
        "inputs_hash": built_from[None],
        "definition": definition_of(page, settings).text,
    }
    scorecard = read_scorecard(warehouse, parameters(settings).memory_limit)
    return (
        metadata
        | findings_preview(scorecard)
        | channels_preview(scorecard)
        | report_previews(report)
        | freshness_preview(report)
    )


def _where(warehouse: Warehouse) -> dict[str, dg.MetadataValue[Any]]:
    """The location of the page, with a link if a browser can open it."""
    path, url = dg.MetadataValue.path(page_path(warehouse)), page_url(warehouse)
    if url is None:
        return {"page": path}
    if url.startswith("https:"):
        return {"page": path, "open": dg.MetadataValue.url(url)}
    # Browsers block links to local files on a page that was loaded over HTTP.
    hint = f"Paste into a browser on the machine that stores the warehouse:\n\n`{url}`"
    return {"page": path, "open": dg.MetadataValue.md(hint)}


def _spec(page: Table, settings: Settings) -> dg.AssetSpec:
    names = settings.names
    return dg.AssetSpec(
        key=list(names.key(page)),
        deps=[
            dg.AssetDep(list(names.path(name)), partition_mapping=dg.AllPartitionMapping())
            for name in page.depends
        ],
        description=page.description,
        group_name=names.group(page),
        kinds={"html", "duckdb"},
        owners=owners(settings),
        freshness_policy=FRESHNESS,
        code_version=code_version(page, settings),
        metadata={
            "dagster/code_references": code_references(page),
        },
    )


def _read_at(instance: dg.DagsterInstance, names: Names) -> Mapping[str, datetime]:
    """When each table of a provider or of spend was last materialised, by ``group.table``."""
    records = instance.get_asset_records([dg.AssetKey(names.key(table)) for table in READ_TABLES])
    return {
        names.table_name(record.asset_entry.asset_key.path): datetime.fromtimestamp(
            record.asset_entry.last_materialization_record.timestamp, UTC
        )
        for record in records
        if record.asset_entry.last_materialization_record is not None
    }
