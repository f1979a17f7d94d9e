"""``ad_spend.daily`` as an asset: one run reads all files and brings its days up to date."""

from collections.abc import Collection
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.ad_spend.days import Spend, read_spend
from feedback_assets.ad_spend.replacing import DayRead, replace_differing
from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.failures import in_one_line, named, of_account
from feedback_assets.assets.previews import rows_a_day
from feedback_assets.assets.provider_assets import backfill_policy, day_metadata, days_of_run
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.assets.resources import WAREHOUSE, warehouse_of
from feedback_assets.assets.specs import RETRY, asset_spec, daily
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.transforms.inputs import Recorded
from feedback_assets.warehouse.warehouse import Warehouse


def ad_spend_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """The asset, where ``FEEDBACK_AD_SPEND`` is set."""
    return [] if settings.ad_spend is None else [_asset(settings.ad_spend, settings, tables)]


def held_contents(recorded: Recorded, warehouse: Warehouse) -> dict[date, str]:
    """The recorded content of the existing partitions, by day; reads no file."""
    contents = recorded.content_of(warehouse.marks(DAILY))
    return {day: content for day, content in contents.items() if day is not None}


def _asset(place: str, settings: Settings, tables: Collection[Table]) -> dg.AssetsDefinition:
    names = settings.names

    @dg.multi_asset(
        name=names.called(f"{DAILY.group}__{DAILY.name}"),
        specs=[asset_spec(DAILY, settings, tables)],
        partitions_def=daily(settings.feedback_start_date),
        # A number of its own, as each list has one: see ``provider_assets.backfill_policy``.
        backfill_policy=backfill_policy(len(SOURCES), names),
        retry_policy=RETRY,
        required_resource_keys={names.called(WAREHOUSE)},
    )
    def read(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        warehouse = warehouse_of(context, names)
        days = days_of_run(context)
        failure: dg.Failure | None = None

        def replaced() -> tuple[Spend, list[DayRead]]:
            recorded = read_recorded(context.instance, DAILY, names, days)
            held = held_contents(recorded, warehouse)
            spend = read_spend(place)
            return spend, replace_differing(spend, warehouse, *days, held)

        try:
            spend, found = in_one_line(replaced, DAILY, days, settings)
        except SpendTrouble as error:
            failure = _failure(error, days)
        # Outside the block, so that the error is not chained to the line.
        if failure is not None:
            raise of_account(failure, settings)
        context.log.info(
            "%s files; %s of %s days differed and were replaced",
            len(spend.files),
            sum(day.written for day in found),
            len(found),
        )
        _record(context, names, found, definition_of(DAILY, settings).text, spend.size)
        return dg.MaterializeResult(asset_key=names.key(DAILY))

    return read


def _record(
    context: dg.AssetExecutionContext,
    names: Names,
    days: list[DayRead],
    definition: str,
    size: int,
) -> None:
    for day in days:
        context.add_asset_metadata(
            day_metadata(day.counts, definition)
            | {"added_up": day.added, "replaced_by_later_file": day.replaced},
            asset_key=names.key(DAILY),
            partition_key=day.counts.day.isoformat(),
        )
    context.add_asset_metadata(
        {"bytes": size} | rows_a_day([(day.counts.day, day.counts.rows) for day in days]),
        asset_key=names.key(DAILY),
        partition_key=days[-1].counts.day.isoformat(),
    )


def _failure(error: SpendTrouble, days: tuple[date, date]) -> dg.Failure:
    return dg.Failure(
        description=(f"{named([DAILY], days)}: {error} Existing data for these days is unchanged."),
        # The files say the same in half a minute.
        allow_retries=False,
    )
