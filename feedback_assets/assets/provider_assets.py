"""The provider tables as assets: one run reads a day or a range of days of one list."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg

from feedback_assets.assets.resources import ProviderResource
from feedback_assets.assets.specs import asset_spec, daily
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS, Source
from feedback_assets.ingest.window import DayCounts, asked, read_window
from feedback_assets.providers.errors import ProviderError, RowsMissing
from feedback_assets.settings import Settings
from feedback_assets.store.layout import NotWritten
from feedback_assets.tables import Table

# The client has tried five times by then; this is for a provider that restarts.
_RETRY = dg.RetryPolicy(max_retries=1, delay=30)


def provider_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """An asset for each table of the providers that are loaded."""
    return [
        _asset(source, settings, tables)
        for source in SOURCES
        if source.provider in settings.providers
    ]


def _asset(source: Source, settings: Settings, tables: Collection[Table]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{source.provider}__{'__'.join(table.name for table in source.tables)}",
        specs=[asset_spec(table, settings, tables) for table in source.tables],
        partitions_def=daily(settings.feedback_start_date),
        backfill_policy=backfill_policy(source),
        required_resource_keys={source.provider, "warehouse"},
        can_subset=len(source.tables) > 1,
        pool=source.provider,
        retry_policy=_RETRY,
    )
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        wanted = [
            table
            for table in source.tables
            if dg.AssetKey(table.asset_key) in context.selected_asset_keys
        ]
        first, last = days_of_run(context)
        resource: ProviderResource = getattr(context.resources, source.provider)
        margin_first, margin_last = asked(first, last)
        failure: dg.Failure | None = None
        try:
            with resource.connected() as client:
                counts = read_window(
                    lambda: source.read(client, margin_first, margin_last),
                    {table: source.typing(resource.zone) for table in wanted},
                    first,
                    last,
                    context.resources.warehouse.warehouse,
                )
                cost = {"requests": client.requests, "bytes": client.bytes}
        except ProviderError as error:
            failure = _failure(error, wanted, first, last)
        except NotWritten as error:
            # A full disk is as full after another reading of the window.
            failure = dg.Failure(
                description=f"{_named(wanted, first, last)}: {error}", allow_retries=False
            )
        # Outside the block, so that no exception of the client is chained to it.
        if failure is not None:
            raise failure
        for table in wanted:
            for day in counts[table]:
                context.add_asset_metadata(
                    day_metadata(day), asset_key=table.asset_key, partition_key=day.day.isoformat()
                )
            yield dg.MaterializeResult(asset_key=table.asset_key, metadata=cost)

    return read


def backfill_policy(source: Source) -> dg.BackfillPolicy:
    """A run for as many days as the provider can be asked for at once."""
    if source.whole_list:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=WINDOW_DAYS)


def days_of_run(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and the last day of the run's partitions."""
    window = context.partition_time_window
    return window.start.date(), window.end.date() - timedelta(days=1)


def day_metadata(day: DayCounts) -> dict[str, Any]:
    """The counts of one day as the contract names them."""
    return {
        "dagster/partition_row_count": day.rows,
        "fetched": day.fetched,
        "outside_window": day.outside_window,
        "duplicates": day.duplicates,
        "quarantined": day.quarantined,
        "content_hash": day.content_hash,
    }


def _named(tables: list[Table], first: date, last: date) -> str:
    names = ", ".join(table.full_name for table in tables)
    return f"{names}, {first}" if first == last else f"{names}, {first} to {last}"


def _failure(error: ProviderError, tables: list[Table], first: date, last: date) -> dg.Failure:
    named = _named(tables, first, last)
    return dg.Failure(
        description=f"{named}: {error} What was held of these days is unchanged.",
        metadata={
            "provider": error.provider,
            "endpoint": error.endpoint,
            "status": error.status or 0,
            "advice": error.advice,
            "transient": error.transient,
        },
        # A list that stayed short was read twice by then; a third reading tells nothing new.
        allow_retries=error.transient and not isinstance(error, RowsMissing),
    )
