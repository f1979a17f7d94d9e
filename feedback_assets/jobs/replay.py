"""Retries quarantined records: records that can now be parsed are loaded.

A record is written before it leaves the quarantine, so a killed replay can be repeated.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

import dagster as dg
import msgspec
import pyarrow as pa

from feedback_assets.assets.recorded import latest_metadata, record_days
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.ingest.parse import parse_page
from feedback_assets.ingest.sources import source_of
from feedback_assets.ingest.spool import Spool, days_of
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, PROVIDER_TABLES
from feedback_assets.warehouse.quarantine import (
    quarantine_files,
    read_quarantine_file,
    take_out,
)
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse

_AT_ONCE = 1_000
_COUNTED = ("dagster/partition_row_count", "outside_window", "duplicates", "quarantined")


@dataclass
class Replayed:
    """The outcome for the records in one table's quarantine.

    ``superseded``: a later read stored the same key. ``not_held``: the warehouse does not hold
    their day, so they stay in quarantine. ``bad``: they still cannot be parsed.
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
    """A record that can now be parsed: its place in the quarantine, and its row.

    ``rows`` are those of its whole batch: building a table per record takes longer than parsing.
    """

    path: str
    payload: str
    counted_on: date | None
    rows: pa.Table
    place: int


def tables_named(name: str) -> list[Table]:
    """The provider table of that name, or all without one; ``ValueError`` for an unknown name.

    Spend files have no quarantine to replay: it mirrors the files.
    """
    if name in {table.full_name for table in FILE_TABLES}:
        raise ValueError(
            f"{name}: correct the row in your file. The next read removes it from quarantine: "
            "feedback-assets backfill --from DAY --to DAY --missing --select "
            f"'key:\"{name.replace('.', '/')}\"'"
        )
    tables = [table for table in PROVIDER_TABLES if name in {"", table.full_name}]
    if not tables:
        names = ", ".join(table.full_name for table in PROVIDER_TABLES)
        raise ValueError(f"{name}: not a provider table; choose from {names}")
    return tables


def replay(
    settings: Settings, tables: Iterable[Table] = PROVIDER_TABLES, *, dry_run: bool = False
) -> dict[Table, Replayed]:
    """Retry the quarantine of ``tables``, and load each record that can be parsed into its day.

    Existing rows were read later, since each read replaces its days, and are kept; of two records
    with one key the one fetched last wins. Changes are recorded on the instance so that the sensor
    rebuilds the tables computed from them.
    """
    warehouse = open_warehouse(settings)
    results: dict[Table, Replayed] = {}
    for table in tables:
        if not quarantine_files(warehouse, table):
            continue
        results[table] = result = Replayed()
        by_day = _typed_by_day(warehouse, table, _typing(settings, table), result)
        held = set(warehouse.days_held(table))
        landed: dict[date, tuple[Written, int]] = {}
        done: list[_Typed] = []
        for day, typed in sorted(by_day.items()):
            if day not in held:
                result.not_held += len(typed)
                continue
            written = _add_to_day(warehouse, table, day, typed, result, dry_run=dry_run)
            done += typed
            if written is not None:
                landed[day] = written, sum(record.counted_on == day for record in typed)
        if not dry_run:
            _remove_from_quarantine(warehouse, table, done)
        if landed:
            with open_instance(settings) as instance:
                _record(instance, table, settings.names, landed)
    return results


def _typing(settings: Settings, table: Table) -> Typing:
    return source_of(table).typing(settings.zone(table.group))


def _typed_by_day(
    warehouse: Warehouse, table: Table, typing: Typing, result: Replayed
) -> dict[date, list[_Typed]]:
    """The records that can be parsed, by day, ordered by the time they were fetched."""
    found: dict[date, list[tuple[Any, _Typed]]] = defaultdict(list)
    for path in quarantine_files(warehouse, table):
        records = read_quarantine_file(warehouse, path).to_pylist()
        for first in range(0, len(records), _AT_ONCE):
            batch = records[first : first + _AT_ONCE]
            rows_of = _rows_of([record["payload"] for record in batch], table, typing)
            for record, known in zip(batch, rows_of, strict=True):
                if known is None:
                    result.bad += 1
                    continue
                typed = _Typed(path, record["payload"], record["day"], known.rows, known.place)
                found[known.day].append((record["fetched_at"], typed))
    return {
        day: [typed for _, typed in sorted(records, key=lambda pair: pair[0])]
        for day, records in found.items()
    }


@dataclass(frozen=True)
class _Row:
    """A row of a batch, and its day."""

    rows: pa.Table
    place: int
    day: date


def _rows_of(payloads: list[str], table: Table, typing: Typing) -> list[_Row | None]:
    """The row of each payload, ``None`` for one that still cannot be parsed.

    Parsed as one page, since a page of one record takes as long as a page of a hundred. If records
    and rows cannot be matched up (invalid JSON spoils a page), parsed in halves.
    """
    array = b"[" + b",".join(payload.encode() for payload in payloads) + b"]"
    try:
        parsed = parse_page(_own_records(array, table), table, typing, array)
    except msgspec.DecodeError:
        parsed = None
    if parsed is not None:
        bad = {record.payload for record in parsed.bad}
        places = iter(range(parsed.rows.num_rows))
        good = [payload.strip() not in bad for payload in payloads]
        if sum(good) == len(payloads) - len(parsed.bad) == parsed.rows.num_rows:
            days = iter(days_of(parsed.rows, table).to_pylist())
            return [_Row(parsed.rows, next(places), next(days)) if one else None for one in good]
    if len(payloads) == 1:
        return [None]
    half = len(payloads) // 2
    return [
        *_rows_of(payloads[:half], table, typing),
        *_rows_of(payloads[half:], table, typing),
    ]


def _own_records(array: bytes, table: Table) -> bytes:
    """The records without nested records of other tables, which were split off on reading."""
    source = source_of(table)
    if source.reshape is None or table is not source.tables[0]:
        return array
    return source.reshape(array)[table.full_name].records


def _in_order(typed: Iterable[_Typed]) -> Iterator[pa.Table]:
    """The rows of these records, in the same order."""
    for _, found in groupby(typed, key=lambda record: id(record.rows)):
        records = list(found)
        yield records[0].rows.take(pa.array([record.place for record in records], pa.int64()))


def _add_to_day(
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
            # The row read last wins, which is the existing one.
            spool.add(pa.concat_tables([*_in_order(typed), held]))
            ((_, rows, _),) = spool.days([day])
        new[0] = rows.num_rows - held.num_rows
        return rows if new[0] and not dry_run else None

    written = warehouse.change_partition(table, day, add)
    if new[0]:
        result.days.add(day)
    result.landed += new[0]
    result.superseded += len(typed) - new[0]
    return written


def _remove_from_quarantine(warehouse: Warehouse, table: Table, done: Iterable[_Typed]) -> None:
    """Remove these records from the quarantine, rewriting each file once whatever their days."""
    by_path: dict[str, set[str]] = defaultdict(set)
    for record in done:
        by_path[record.path].add(record.payload)
    for path, payloads in by_path.items():
        take_out(warehouse, table, path, payloads)


def _record(
    instance: dg.DagsterInstance,
    table: Table,
    names: Names,
    landed: dict[date, tuple[Written, int]],
) -> None:
    """The updated counts of each day, so that they still add up to ``fetched``."""
    before = latest_metadata(instance, table, names, landed)
    for day, (written, fewer) in landed.items():
        kept = before.get(day, {})
        counts = {name: int(kept.get(name, 0)) for name in _COUNTED}
        counts["dagster/partition_row_count"] = written.rows
        counts["quarantined"] = max(0, counts["quarantined"] - fewer)
        fetched = sum(counts.values())
        now: dict[str, str | int] = {**counts, "fetched": fetched}
        now["content_hash"] = written.content_hash
        now["file"] = written.mark
        # The day's other rows were not read again, so its read time stays.
        if "definition" in kept:
            now["definition"] = str(kept["definition"])
        record_days(instance, table, names, {day: now})
