"""The content and inputs of a table's partitions, as recorded on their last materialisation.

Two queries per table: the latest materialisation of each partition, then their metadata. Three
years of a table take 0.16 s on SQLite.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.assets.specs import daily
from feedback_assets.days import days_between
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.transforms.inputs import Day, Recorded

_AT_ONCE = 1000
# These belong to the run, not to the day on which they are recorded.
_OF_THE_RUN = ("requests", "bytes")


def read_recorded(
    instance: dg.DagsterInstance,
    table: Table,
    names: Names,
    days: tuple[date, date] | None = None,
) -> Recorded:
    """The record of the partitions from the first to the last of ``days``; None: all of them."""
    content: dict[Day, str] = {}
    built_from: dict[Day, str] = {}
    built_by: dict[Day, str] = {}
    files: dict[Day, str] = {}
    events: dict[Day, int] = {}
    for day, event, metadata in _latest(instance, table, names, days):
        if "content_hash" in metadata:
            rows = metadata.get("dagster/partition_row_count")
            content[day] = "" if rows == 0 else str(metadata["content_hash"])
        if "inputs_hash" in metadata:
            built_from[day] = str(metadata["inputs_hash"])
        if "definition" in metadata:
            built_by[day] = str(metadata["definition"])
        if metadata.get("file"):
            files[day] = str(metadata["file"])
        events[day] = event
    return Recorded(content, built_from, built_by, files, events)


def latest_metadata(
    instance: dg.DagsterInstance, table: Table, names: Names, days: Iterable[Day]
) -> dict[Day, dict[str, str | int | float]]:
    """Text and number metadata of these partitions' latest materialisations."""
    wanted = set(days)
    held = [day for day in wanted if day is not None]
    span = (min(held), max(held)) if held else None
    return {
        day: {
            name: value
            for name, value in metadata.items()
            if isinstance(value, str | int | float) and name not in _OF_THE_RUN
        }
        for day, _, metadata in _latest(instance, table, names, span)
        if day in wanted
    }


def record_days(
    instance: dg.DagsterInstance,
    table: Table,
    names: Names,
    days: Mapping[Day, Mapping[str, str | int | float]],
) -> None:
    """Record partitions that were not written by a run of the asset, each with its metadata."""
    for day, metadata in days.items():
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=list(names.key(table)),
                partition=None if day is None else day.isoformat(),
                metadata=dict(metadata),
            )
        )


def latest_ids(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]
) -> dict[dg.AssetKey, int | None]:
    """The storage id of each known asset's last materialisation, in one query."""
    return {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_storage_id
        for record in instance.get_asset_records(keys)
    }


def latest_ids_of_days(
    instance: dg.DagsterInstance, table: Table, names: Names, days: tuple[date, date] | None
) -> dict[str, int]:
    """The storage id of the last materialisation of each day that has one, in one query.

    Of all days if ``days`` is None.
    """
    found = instance.get_latest_storage_id_by_partition(
        dg.AssetKey(names.key(table)),
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        None if days is None else {day.isoformat() for day in days_between(*days)},
    )
    return dict(found)


def failed_days(
    instance: dg.DagsterInstance, table: Table, names: Names, start: date
) -> list[date]:
    """Days since ``start`` whose last run failed, as the UI shows them.

    Dagster caches the result and reads only newer events, so years cost no more than a day.
    """
    partitions = daily(start)
    found = instance.get_status_by_partition(
        dg.AssetKey(names.key(table)), partitions.get_partition_keys(), partitions
    )
    failed = dg.AssetPartitionStatus.FAILED
    return [date.fromisoformat(key) for key, status in (found or {}).items() if status is failed]


def _latest(
    instance: dg.DagsterInstance, table: Table, names: Names, days: tuple[date, date] | None
) -> Iterator[tuple[Day, int, Mapping[str, Any]]]:
    key = dg.AssetKey(names.key(table))
    if not table.partitioned:
        for record in instance.fetch_materializations(key, limit=1).records:
            if record.asset_materialization is not None:
                yield None, record.storage_id, _values(record.asset_materialization)
        return
    newest = list(latest_ids_of_days(instance, table, names, days).values())
    for start in range(0, len(newest), _AT_ONCE):
        ids = newest[start : start + _AT_ONCE]
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(key, storage_ids=ids), limit=len(ids)
        )
        for record in found.records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.partition is not None:
                day = date.fromisoformat(materialization.partition)
                yield day, record.storage_id, _values(materialization)


def _values(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    return {
        name: value.value
        for name, value in materialization.metadata.items()
        # Previews are for people; recorded again as text they would take 60 kB.
        if not isinstance(value, dg.MarkdownMetadataValue)
    }
