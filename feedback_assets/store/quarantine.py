"""Records that could not be typed, kept whole beside the tables they were meant for.

``<root>/quarantine/<group>.<table>/<day or undated>.parquet``; a record is in it once, with the
time when it was first set aside, however often it is read.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feedback_assets.store.erased import Erased
from feedback_assets.store.erasing import erase_payload, erase_reason
from feedback_assets.store.layout import Warehouse
from feedback_assets.store.locks import until_held
from feedback_assets.tables import Table
from feedback_assets.tables.columns import DATE, STAMP, TEXT

SCHEMA = pa.schema(
    [
        ("day", DATE),
        ("table", TEXT),
        ("reason", TEXT),
        ("payload", TEXT),
        ("fetched_at", STAMP),
    ]
)
UNDATED = "undated"
_FILE = re.compile(r"(\d{4}-\d{2}-\d{2}|undated)\.parquet$")


@dataclass(frozen=True)
class SetAside:
    """One record that could not be typed: its JSON as served, and the reason in a few words."""

    day: date | None
    reason: str
    payload: str


def quarantine_directory(warehouse: Warehouse, table: Table) -> str:
    """Where the table's quarantine lies."""
    return f"{warehouse.base}/quarantine/{table.full_name}"


def set_aside(
    warehouse: Warehouse, table: Table, records: Iterable[SetAside], fetched_at: datetime
) -> None:
    """Add ``records`` to the table's quarantine; one that is there already stays as it is.

    Those of erased persons are set aside without their person.
    """
    kept = list(records)

    def add() -> None:
        by_day: dict[date | None, list[SetAside]] = defaultdict(list)
        with warehouse.locks.changing(alone=False):
            erased = warehouse.erased()
            for record in kept:
                by_day[record.day].append(_without_erased(table, record, erased))
            _add(warehouse, table, by_day, fetched_at)

    until_held(add)


def _without_erased(table: Table, record: SetAside, erased: Erased | None) -> SetAside:
    if not erased:
        return record
    payload = erase_payload(table, record.payload, erased)
    # A reason may quote what is erased from the payload.
    mentioned = erased.scrubbed(record.reason) != record.reason
    if payload == record.payload and not mentioned:
        return record
    return SetAside(record.day, erase_reason(record.reason), payload)


def _add(
    warehouse: Warehouse,
    table: Table,
    by_day: dict[date | None, list[SetAside]],
    fetched_at: datetime,
) -> None:
    for day, found in by_day.items():
        path = f"{quarantine_directory(warehouse, table)}/{day or UNDATED}.parquet"
        with warehouse.locks.alone_with(warehouse.inside(path)):
            held = read_quarantine_file(warehouse, path)
            seen = set(held.column("payload").to_pylist())
            new = {record.payload: record for record in found if record.payload not in seen}
            if not new:
                continue
            added = pa.table(
                {
                    "day": [record.day for record in new.values()],
                    "table": [table.full_name] * len(new),
                    "reason": [record.reason for record in new.values()],
                    "payload": list(new),
                    "fetched_at": [fetched_at] * len(new),
                },
                schema=SCHEMA,
            )
            warehouse.write_parquet(path, pa.concat_tables([held, added]))


def erase_quarantine(warehouse: Warehouse, table: Table) -> int:
    """Take erased persons out of what is in the table's quarantine already; how many records."""
    count = 0

    # Once whoever writes now is done, all that is set aside later knows the list as it is. So what
    # is there can be looked through, which takes long, while others write.
    until_held(lambda: _wait_for_writers(warehouse))
    erased = warehouse.erased()
    for path in quarantine_files(warehouse, table):
        rows = read_quarantine_file(warehouse, path).to_pylist()
        theirs = {
            row["payload"]
            for row in rows
            for record in [SetAside(row["day"], row["reason"] or "", row["payload"])]
            if _without_erased(table, record, erased) is not record
        }
        if theirs:
            until_held(partial(_erase_file, warehouse, table, path, erased, theirs))
            count += len(theirs)
    return count


def _wait_for_writers(warehouse: Warehouse) -> None:
    with warehouse.locks.changing(alone=True):
        pass


def _erase_file(
    warehouse: Warehouse, table: Table, path: str, erased: Erased | None, theirs: set[str]
) -> None:
    """Take erased persons out of these records of one file."""
    with warehouse.locks.changing(alone=True):
        rows = read_quarantine_file(warehouse, path).to_pylist()
        for row in rows:
            if row["payload"] in theirs:
                record = SetAside(row["day"], row["reason"] or "", row["payload"])
                done = _without_erased(table, record, erased)
                row |= {"reason": done.reason, "payload": done.payload}
        warehouse.write_parquet(path, pa.Table.from_pylist(rows, schema=SCHEMA))


def quarantine_of(
    warehouse: Warehouse, table: Table, erased: Erased
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records with something of an erased person in them, and the file that holds them."""
    for path in quarantine_files(warehouse, table):
        for row in read_quarantine_file(warehouse, path).to_pylist():
            record = SetAside(row["day"], row["reason"] or "", row["payload"])
            if _without_erased(table, record, erased) is not record:
                yield path, row


def take_out(warehouse: Warehouse, path: str, payloads: Collection[str]) -> None:
    """Remove these records from one quarantine file, and the file once it is empty."""

    def take() -> None:
        locks = warehouse.locks
        with locks.changing(alone=False), locks.alone_with(warehouse.inside(path)):
            held = read_quarantine_file(warehouse, path)
            gone = pc.is_in(held.column("payload"), pa.array(sorted(payloads), TEXT))
            left = held.filter(pc.invert(gone))
            if left.num_rows:
                warehouse.write_parquet(path, left)
            else:
                warehouse.remove(path)

    until_held(take)


def quarantine_files(warehouse: Warehouse, table: Table) -> list[str]:
    """The files of the table's quarantine."""
    directory = quarantine_directory(warehouse, table)
    return [path for path in warehouse.list_files(directory) if _FILE.search(path)]


def quarantine_near(warehouse: Warehouse, table: Table, directory: Callable[[], Path]) -> list[str]:
    """``quarantine_files`` for a reader that opens them many times; see ``Warehouse.near``."""
    below = quarantine_directory(warehouse, table)
    return [path for path in warehouse.near_files(below, directory) if _FILE.search(path)]


def read_quarantine_file(warehouse: Warehouse, path: str) -> pa.Table:
    """The rows of one quarantine file; none if it does not exist."""
    if not warehouse.exists(path):
        return SCHEMA.empty_table()
    return pq.ParquetFile(pa.BufferReader(warehouse.read_bytes(path))).read().cast(SCHEMA)
