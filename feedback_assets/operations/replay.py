"""Quarantined records, typed again: what the present code and declarations can type lands.

A record's file is written before it leaves the quarantine, so a replay that is killed is repeated.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import msgspec
import pyarrow as pa

from feedback_assets.assets.recorded import latest_metadata, record_days
from feedback_assets.ingest.parse import parse_page
from feedback_assets.ingest.records import Typing
from feedback_assets.ingest.reshape import split_reviews
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.spool import Spool, days_of
from feedback_assets.operations.home import open_instance
from feedback_assets.settings import Settings
from feedback_assets.store.layout import Warehouse, Written
from feedback_assets.store.quarantine import (
    quarantine_files,
    read_quarantine_file,
    take_out,
)
from feedback_assets.tables import PROVIDER_TABLES, Table
from feedback_assets.tables.retargeting import ORDER_FEEDBACK

_COUNTED = ("dagster/partition_row_count", "outside_window", "duplicates", "quarantined")


@dataclass
class Replayed:
    """What became of the records in one table's quarantine.

    ``superseded``: their key is there already, read later. ``not_held``: of a day that the
    warehouse does not hold, and so still there. ``bad``: still not to be typed.
    """

    landed: int = 0
    superseded: int = 0
    not_held: int = 0
    bad: int = 0
    days: set[date] = field(default_factory=set)

    @property
    def looked_at(self) -> int:
        return self.landed + self.superseded + self.not_held + self.bad


@dataclass(frozen=True)
class _Typed:
    """A record that can be typed now: its row, and where it lies in the quarantine."""

    path: str
    payload: str
    counted_on: date | None
    row: pa.Table


def tables_named(name: str) -> list[Table]:
    """The provider table of that name, all of them without one; ``ValueError`` if none is."""
    tables = [table for table in PROVIDER_TABLES if name in {"", table.full_name}]
    if not tables:
        there = ", ".join(table.full_name for table in PROVIDER_TABLES)
        raise ValueError(f"{name}: no provider table; there are {there}")
    return tables


def replay(
    settings: Settings, tables: Iterable[Table] = PROVIDER_TABLES, *, dry_run: bool = False
) -> dict[Table, Replayed]:
    """Type the quarantine of ``tables`` again and land what can be typed on its day.

    A row that is there already was read later, since each reading replaces its days, and stays;
    of two records with one key the one fetched last counts. What changed is recorded on the
    instance, for the sensor to build what follows.
    """
    warehouse = Warehouse(
        settings.warehouse, settings.erasure_secret, settings.coordination, settings.dagster_home
    )
    results: dict[Table, Replayed] = {}
    for table in tables:
        if not quarantine_files(warehouse, table):
            continue
        results[table] = result = Replayed()
        by_day = _typed_by_day(warehouse, table, _typing(settings, table), result)
        held = set(warehouse.days_held(table))
        landed: dict[date, tuple[Written, int]] = {}
        for day, typed in sorted(by_day.items()):
            if day not in held:
                result.not_held += len(typed)
                continue
            written = _land(warehouse, table, day, typed, result, dry_run=dry_run)
            if written is not None:
                landed[day] = written, sum(record.counted_on == day for record in typed)
        if landed:
            with open_instance(settings) as instance:
                _record(instance, table, landed)
    return results


def _typing(settings: Settings, table: Table) -> Typing:
    source = next(source for source in SOURCES if table in source.tables)
    return source.typing(settings.zone(source.provider))


def _typed_by_day(
    warehouse: Warehouse, table: Table, typing: Typing, result: Replayed
) -> dict[date, list[_Typed]]:
    """The records that can be typed, by their day, those fetched last at the end."""
    found: dict[date, list[tuple[Any, _Typed]]] = defaultdict(list)
    for path in quarantine_files(warehouse, table):
        for record in read_quarantine_file(warehouse, path).to_pylist():
            row = _row(record["payload"], table, typing)
            if row is None:
                result.bad += 1
                continue
            (day,) = days_of(row, table).to_pylist()
            typed = _Typed(path, record["payload"], record["day"], row)
            found[day].append((record["fetched_at"], typed))
    return {
        day: [typed for _, typed in sorted(records, key=lambda pair: pair[0])]
        for day, records in found.items()
    }


def _row(payload: str, table: Table, typing: Typing) -> pa.Table | None:
    array = b"[" + payload.encode() + b"]"
    try:
        # A feedback was set aside with its reviews, which went their own way when it was read.
        records = split_reviews(array)[0].records if table is ORDER_FEEDBACK else array
        parsed = parse_page(records, table, typing, array)
    except msgspec.DecodeError:
        return None
    return parsed.rows if parsed.rows.num_rows == 1 and not parsed.bad else None


def _land(
    warehouse: Warehouse,
    table: Table,
    day: date,
    typed: list[_Typed],
    result: Replayed,
    *,
    dry_run: bool,
) -> Written | None:
    new = [0]

    def add(held: pa.Table) -> pa.Table | None:
        with Spool(table) as spool:
            # The row that is read last counts: those that are there were.
            spool.add(pa.concat_tables([*(record.row for record in typed), held]))
            ((_, rows, _),) = spool.days([day])
        new[0] = rows.num_rows - held.num_rows
        return rows if new[0] and not dry_run else None

    written = warehouse.change_partition(table, day, add)
    if new[0]:
        result.days.add(day)
    result.landed += new[0]
    result.superseded += len(typed) - new[0]
    if not dry_run:
        by_path: dict[str, set[str]] = defaultdict(set)
        for record in typed:
            by_path[record.path].add(record.payload)
        for path, payloads in by_path.items():
            take_out(warehouse, path, payloads)
    return written


def _record(
    instance: dg.DagsterInstance,
    table: Table,
    landed: dict[date, tuple[Written, int]],
) -> None:
    """The counts of each day as they are now, so that fetched is still what became of all."""
    before = latest_metadata(instance, table, landed)
    for day, (written, fewer) in landed.items():
        kept = before.get(day, {})
        counts = {name: int(kept.get(name, 0)) for name in _COUNTED}
        counts["dagster/partition_row_count"] = written.rows
        counts["quarantined"] = max(0, counts["quarantined"] - fewer)
        fetched = sum(counts.values())
        now: dict[str, str | int] = {**counts, "fetched": fetched}
        now["content_hash"] = written.content_hash
        record_days(instance, table, {day: now})
