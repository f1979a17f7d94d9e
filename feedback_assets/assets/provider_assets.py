"""The provider tables as assets: one run reads a day or a range of days of one list."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zlib import crc32

import dagster as dg

from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.failures import (
    TROUBLE,
    failure_metadata,
    named,
    of_account,
    trouble_failure,
)
from feedback_assets.assets.previews import rows_a_day
from feedback_assets.assets.resources import WAREHOUSE, provider_of, warehouse_of
from feedback_assets.assets.specs import RETRY, asset_spec, daily
from feedback_assets.days import days_between
from feedback_assets.http.client import Client
from feedback_assets.http.errors import ProviderError, RowsMissing
from feedback_assets.http.paging import Page
from feedback_assets.ingest.sources import SOURCES, Source
from feedback_assets.ingest.window import (
    DayCounts,
    EverythingSetAside,
    Refusal,
    asked,
    read_window,
)
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.warehouse.generated import mark_generated
from feedback_assets.warehouse.warehouse import Warehouse
from feedback_assets.wording import counted

DAYS_IN_A_RUN = 3650
"""Maximum days that the UI reads in one run of a list, ten years; see ``backfill_policy``."""
_ACCOUNTS = 9973


def provider_assets(settings: Settings, tables: Collection[Table]) -> list[dg.AssetsDefinition]:
    """An asset for each table of the loaded providers."""
    return [
        _asset(source, settings, tables)
        for source in SOURCES
        if source.provider in settings.providers
    ]


Window = tuple[date, date]
Counts = Mapping[Table, list[DayCounts]]


@dataclass(frozen=True)
class _Read:
    """One window: the days replaced, and the tables in which every record was quarantined."""

    window: Window
    counts: Counts
    refused: Mapping[Table, Refusal]


def _asset(source: Source, settings: Settings, tables: Collection[Table]) -> dg.AssetsDefinition:
    names = settings.names

    @dg.multi_asset(
        name=names.called(f"{source.provider}__{'__'.join(table.name for table in source.tables)}"),
        specs=[asset_spec(table, settings, tables) for table in source.tables],
        partitions_def=daily(settings.feedback_start_date),
        backfill_policy=backfill_policy(SOURCES.index(source), names),
        # Not parameters: those are named after the resource, and this serves all providers.
        required_resource_keys={names.called(source.provider), names.called(WAREHOUSE)},
        can_subset=len(source.tables) > 1,
        pool=names.called(source.provider),
        retry_policy=RETRY,
    )
    def read_list(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
        wanted = [
            table
            for table in source.tables
            if dg.AssetKey(names.key(table)) in context.selected_asset_keys
        ]
        resource = provider_of(context, names, source.provider)
        days = window = days_of_run(context)
        by = {table: definition_of(table, settings).text for table in wanted}
        # A retry resumes at the window that failed.
        before = _recorded(context, wanted, names)
        done: list[_Read] = []
        failure: dg.Failure | None = None
        try:
            with resource.connected() as client:
                for window in source.windows(*days):
                    if not all(_holds(before[table], *window) for table in wanted):
                        done.append(
                            _read(
                                source,
                                client,
                                wanted,
                                window,
                                context,
                                zone=resource.zone,
                                warehouse=warehouse_of(context, names),
                            )
                        )
                cost = {"requests": client.requests, "bytes": client.bytes}
        except ProviderError as error:
            failure = _failure(error, wanted, window)
        except dg.DagsterExecutionInterruptedError:
            # Otherwise Dagster would retry the step after 30 s.
            failure = _canceled(wanted, window)
        except TROUBLE as error:
            failure = trouble_failure(error, wanted, window)
        # A fully quarantined window does not stop later windows from being read.
        if failure is None and any(read.refused for read in done):
            failure = _all_set_aside(source, done)
        # Raised outside the ``except`` block so that no client exception is chained.
        if failure is not None:
            yield from _read_before(done, by, names)
            raise of_account(failure, settings)
        for table in wanted:
            by_day = before[table] | {day.day: day for read in done for day in read.counts[table]}
            read_days = [by_day[day] for day in sorted(by_day)]
            _record(context, table, names, read_days, definition=by[table], cost=cost)
            yield dg.MaterializeResult(asset_key=names.key(table))

    return read_list


def _record(
    context: dg.AssetExecutionContext,
    table: Table,
    names: Names,
    days: list[DayCounts],
    *,
    definition: str,
    cost: dict[str, int],
) -> None:
    for day in days:
        context.add_asset_metadata(
            day_metadata(day, definition),
            asset_key=names.key(table),
            partition_key=day.day.isoformat(),
        )
    # Metadata of the whole run: on every day, a plot or a sum would count it repeatedly.
    context.add_asset_metadata(
        cost | rows_a_day([(day.day, day.rows) for day in days]),
        asset_key=names.key(table),
        partition_key=days[-1].day.isoformat(),
    )


def backfill_policy(place: int, names: Names) -> dg.BackfillPolicy:
    """One run for all days of a list, which reads one window after another.

    ``place``: the place of the list among all lists of an account.

    With a run per window, a day could be built before the earlier days that its query reads, see
    ``specs._dependency``. Dagster puts assets with equal policies into one run, in which a provider
    that is down fails all of them, and policies differ only in the number of partitions per run. So
    each list has its own number, ten years or a few days more, which the backfill dialog shows:
    https://github.com/dagster-io/dagster/issues/17203 requests an alternative. The numbers of
    an account depend on its prefix, so that no run reads lists of two accounts.
    """
    account = crc32(names.prefix.encode()) % _ACCOUNTS if names.prefix else 0
    # One more than there are lists, for the spend files.
    return dg.BackfillPolicy.multi_run(DAYS_IN_A_RUN + account * (len(SOURCES) + 1) + place)


def _read(
    source: Source,
    client: Client,
    tables: list[Table],
    window: Window,
    context: dg.AssetExecutionContext,
    *,
    zone: str,
    warehouse: Warehouse,
) -> _Read:

    def pages() -> Iterator[Mapping[str, Page]]:
        yield from source.read(client, *asked(*window))
        # Runs after the last page and therefore before the first partition is written.
        if client.generated:
            mark_generated(warehouse, source.provider)

    counts: Counts
    refused: Mapping[Table, Refusal] = {}
    try:
        counts = read_window(
            pages,
            {table: source.typing(zone) for table in tables},
            *window,
            warehouse,
            whole_list=source.whole_list,
        )
    except EverythingSetAside as error:
        counts, refused = error.read, error.refused
    rows = sum(day.rows for days in counts.values() for day in days)
    context.log.info("%s to %s: %s rows", *window, rows)
    return _Read(window, counts, refused)


def _read_before(
    done: list[_Read], by: Mapping[Table, str], names: Names
) -> Iterator[dg.AssetMaterialization]:
    """Days that were replaced before a later day failed; they remain in place."""
    for read in done:
        for table, days in read.counts.items():
            for day in days:
                yield dg.AssetMaterialization(
                    names.key(table),
                    partition=day.day.isoformat(),
                    metadata=day_metadata(day, by[table]),
                )


def _recorded(
    context: dg.AssetExecutionContext, tables: list[Table], names: Names
) -> dict[Table, dict[date, DayCounts]]:
    """The days that an earlier attempt of this step recorded; empty on the first attempt."""
    found: dict[Table, dict[date, DayCounts]] = {table: {} for table in tables}
    if not context.retry_number:
        return found
    by_key = {dg.AssetKey(names.key(table)): table for table in tables}
    records = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ).records
    for record in records:
        materialization = record.asset_materialization
        if materialization is None or materialization.partition is None:
            continue
        table = by_key.get(materialization.asset_key)
        if table is not None:
            day = date.fromisoformat(materialization.partition)
            found[table][day] = day_counts(day, materialization.metadata)
    return found


def _holds(recorded: Collection[date], first: date, last: date) -> bool:
    return all(day in recorded for day in days_between(first, last))


def days_of_run(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and last day of the run's partitions."""
    window = context.partition_time_window
    return window.start.date(), window.end.date() - timedelta(days=1)


def day_metadata(day: DayCounts, definition: str) -> dict[str, Any]:
    """One day's counts under the contract's names, and the definition that it was read with."""
    return {
        "dagster/partition_row_count": day.rows,
        "fetched": day.fetched,
        "outside_window": day.outside_window,
        "duplicates": day.duplicates,
        "quarantined": day.quarantined,
        "content_hash": day.content_hash,
        "file": day.file,
        "definition": definition,
    }


def day_counts(day: date, metadata: Mapping[str, dg.MetadataValue[Any]]) -> DayCounts:
    """One day's counts, from the metadata written by ``day_metadata``."""
    recorded = {name: value.value for name, value in metadata.items()}
    return DayCounts(
        day,
        rows=recorded["dagster/partition_row_count"],
        outside_window=recorded["outside_window"],
        duplicates=recorded["duplicates"],
        quarantined=recorded["quarantined"],
        content_hash=recorded["content_hash"],
        file=recorded["file"],
    )


def _all_set_aside(source: Source, done: list[_Read]) -> dg.Failure:
    found = [(read.window, table, why) for read in done for table, why in read.refused.items()]
    window, table, why = found[0]
    again = len(found) - 1
    others = f" The same happened {counted(again, 'more time')} in this run." if again else ""
    records = f"all {why.records:,} records" if why.records > 1 else "the only record"
    quarantine = f'quarantine."{table.full_name}"'
    advice = (
        f"look at the records in {quarantine} with feedback-assets query and ask "
        f"{source.provider} what has changed; once a later version can read them, "
        "feedback-assets replay adds them"
    )
    return dg.Failure(
        description=(
            f"{named([table], window)}: {source.provider} sent {records} of this window in a "
            f"form that cannot be read. Most common reason: {why.reason}.{others} The records are "
            f"in quarantine. Existing data for these days is unchanged. What to do: {advice}."
        ),
        metadata={
            "provider": source.provider,
            "error": EverythingSetAside.__name__,
            "advice": advice,
        },
        # The provider returns the same records in half a minute.
        allow_retries=False,
    )


def _canceled(tables: list[Table], window: Window) -> dg.Failure:
    return dg.Failure(
        description=(
            f"{named(tables, window)}: canceled while loading. Existing data for "
            "these days is unchanged or was loaded again."
        ),
        allow_retries=False,
    )


def _failure(error: ProviderError, tables: list[Table], window: Window) -> dg.Failure:
    return dg.Failure(
        description=f"{named(tables, window)}: {error} Existing data for these days is unchanged.",
        metadata=failure_metadata(error),
        # The client has already read a short list twice; a third attempt would not help.
        allow_retries=error.transient and not isinstance(error, RowsMissing),
    )
