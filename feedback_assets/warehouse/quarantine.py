"""Quarantine: records that could not be parsed, stored unchanged beside their tables.

``<root>/quarantine/<group>.<table>/<day or undated>.parquet``, then ``….2.parquet`` and so on once
that is full: adding to 100,000 records must not rewrite them. A record is stored once, with the
time when it was first quarantined, however often it is read.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feedback_assets.schema.columns import DATE, STAMP, TEXT
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.erased import Erased, LookupRecorder
from feedback_assets.warehouse.erasing import erase_payload, erase_reason
from feedback_assets.warehouse.locks import until_held
from feedback_assets.warehouse.marks import local_mark
from feedback_assets.warehouse.remote import Found, listed
from feedback_assets.warehouse.warehouse import Warehouse

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
_FILE = re.compile(r"/(\d{4}-\d{2}-\d{2}|undated)(?:\.(\d+))?\.parquet$")
# Bytes of rows in memory; a tenth of that on disk, written in about 20 ms.
_FULL_BYTES = 2 << 20


@dataclass(frozen=True)
class SetAside:
    """One record that could not be parsed: its JSON as served, and a short reason."""

    day: date | None
    reason: str
    payload: str


def quarantine_directory(warehouse: Warehouse, table: Table) -> str:
    """The directory of the table's quarantine."""
    return f"{warehouse.base}/quarantine/{table.full_name}"


def set_aside(
    warehouse: Warehouse, table: Table, records: Iterable[SetAside], fetched_at: datetime
) -> None:
    """Add ``records`` to the table's quarantine; records already there stay unchanged.

    Records of erased people are stored without their personal data.
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


def replace_quarantine(
    warehouse: Warehouse, table: Table, records: Iterable[SetAside], fetched_at: datetime
) -> None:
    """``set_aside``, and remove every other record; for a table that is always read whole."""
    kept = list(records)
    set_aside(warehouse, table, kept, fetched_at)
    paths = quarantine_files(warehouse, table)
    if not paths:
        return
    erased = warehouse.erased()
    wanted = {_without_erased(table, record, erased).payload for record in kept}
    for path in paths:
        held = read_quarantine_file(warehouse, path).column("payload").to_pylist()
        if gone := set(held) - wanted:
            take_out(warehouse, table, path, gone)


def _without_erased(table: Table, record: SetAside, erased: Erased | None) -> SetAside:
    return _searched(table, record, erased) if erased else record


def _searched(table: Table, record: SetAside, erased: Erased) -> SetAside:
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
    with _alone_with(warehouse, table):
        there = _found(warehouse, table) if by_day else []
        for day, found in by_day.items():
            name = str(day or UNDATED)
            stored = [file for file in there if _name_and_number(file.path)[0] == name]
            seen = [_digests(warehouse, file.path, file.mark) for file in stored]
            records = {
                record.payload: record
                for record, digest in ((record, _digest(record.payload)) for record in found)
                if not any(digest in digests for digests in seen)
            }
            if records:
                new = pa.table(
                    {
                        "day": [record.day for record in records.values()],
                        "table": [table.full_name] * len(records),
                        "reason": [record.reason for record in records.values()],
                        "payload": list(records),
                        "fetched_at": [fetched_at] * len(records),
                    },
                    schema=SCHEMA,
                )
                last = stored[-1].path if stored else ""
                _append(warehouse, f"{quarantine_directory(warehouse, table)}/{name}", last, new)


def _alone_with(warehouse: Warehouse, table: Table) -> AbstractContextManager[None]:
    return warehouse.locks.alone_with(warehouse.inside(quarantine_directory(warehouse, table)))


def _found(warehouse: Warehouse, table: Table) -> list[Found]:
    """``quarantine_files`` with their marks."""
    if warehouse.is_local:
        paths = quarantine_files(warehouse, table)
        return [Found(path, 0, local_mark(Path(path).stat())) for path in paths]
    directory = quarantine_directory(warehouse, table)
    files = listed(warehouse.filesystem, directory, warehouse.base.split("://", 1)[0])
    there = {file.path: file for file in files}
    return [there[path] for path in _in_order(there)]


@lru_cache(maxsize=256)
def _digests(warehouse: Warehouse, path: str, mark: str) -> frozenset[bytes]:  # noqa: ARG001 - part of the cache key
    """Digests of one version of a file; cached, so that a process reads it once, not per window."""
    payloads = read_quarantine_file(warehouse, path).column("payload")
    return frozenset(map(_digest, payloads.to_pylist()))


def _digest(payload: str) -> bytes:
    return blake2b(payload.encode(errors="surrogatepass"), digest_size=16).digest()


def _append(warehouse: Warehouse, stem: str, path: str, new: pa.Table) -> None:
    """Fill up ``path``, the day's last file if there is one, then start new files."""
    number = _name_and_number(path)[1]
    last = read_quarantine_file(warehouse, path) if path else SCHEMA.empty_table()
    if last.nbytes >= _FULL_BYTES or not path:
        number, last = number + 1, SCHEMA.empty_table()
    rows_at_once = max(1, new.num_rows * _FULL_BYTES // new.nbytes)
    for start in range(0, new.num_rows, rows_at_once):
        path = f"{stem}.parquet" if number == 1 else f"{stem}.{number}.parquet"
        rows = pa.concat_tables([last, new.slice(start, rows_at_once)])
        warehouse.write_parquet(path, rows)
        number, last = number + 1, SCHEMA.empty_table()


def erase_quarantine(warehouse: Warehouse, table: Table) -> int:
    """Remove erased people from the table's existing quarantine; return the number of records."""
    count = 0

    # Once the current writers are done, every later record is checked against the new list. So
    # existing records, which take long to search, can be searched while others write.
    until_held(lambda: _wait_for_writers(warehouse))
    erased = warehouse.erased()
    if not erased:
        return 0
    for file in _found(warehouse, table):
        theirs = {row["payload"] for row in _records_with_erased(warehouse, table, file, erased)}
        if theirs:
            until_held(partial(_erase_file, warehouse, table, file.path, erased, theirs))
            count += len(theirs)
    return count


def _wait_for_writers(warehouse: Warehouse) -> None:
    with warehouse.locks.changing(alone=True):
        pass


def _erase_file(
    warehouse: Warehouse, table: Table, path: str, erased: Erased, theirs: set[str]
) -> None:
    """Remove erased people from these records of one file."""
    with warehouse.locks.changing(alone=True):
        # They may have been removed since they were found.
        rows = read_quarantine_file(warehouse, path).to_pylist()
        found = [row for row in rows if row["payload"] in theirs]
        for row in found:
            record = SetAside(row["day"], row["reason"] or "", row["payload"])
            done = _without_erased(table, record, erased)
            row |= {"reason": done.reason, "payload": done.payload}
        if found:
            warehouse.write_parquet(path, pa.Table.from_pylist(rows, schema=SCHEMA))


def quarantine_of(
    warehouse: Warehouse, table: Table, erased: Erased
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records that contain data of an erased person, and the file of each."""
    for file in _found(warehouse, table):
        for row in _records_with_erased(warehouse, table, file, erased):
            yield file.path, row


def _records_with_erased(
    warehouse: Warehouse, table: Table, file: Found, erased: Erased
) -> list[dict[str, Any]]:
    """The records of one file that contain data of an erased person."""
    # Spelled-out addresses are looked up in a list of their own.
    if not erased.spelled:
        sought = _names_searched(warehouse, table, file.path, file.mark, erased.key)
        if sought is not None and sought.isdisjoint(map(_hash_prefix, erased.persons)):
            return []
    rows = read_quarantine_file(warehouse, file.path).to_pylist()
    records = [SetAside(row["day"], row["reason"] or "", row["payload"]) for row in rows]
    return [
        row
        for row, record in zip(rows, records, strict=True)
        if _without_erased(table, record, erased) is not record
    ]


# 2 MB of memory per file of 200,000 records.
@lru_cache(maxsize=64)
def _names_searched(
    warehouse: Warehouse,
    table: Table,
    path: str,
    mark: str,  # noqa: ARG001 - part of the cache key
    key: bytes,
) -> frozenset[int] | None:
    """The hashes to look up in the list when searching one version of a file.

    A record takes 0.5 ms, and ``forget`` searches twice. ``None`` if a record changes regardless of
    who is on the list.
    """
    lookups = LookupRecorder()
    for row in read_quarantine_file(warehouse, path).to_pylist():
        record = SetAside(row["day"], row["reason"] or "", row["payload"])
        if _searched(table, record, Erased(key, lookups)) is not record:
            return None
    return frozenset(map(_hash_prefix, lookups.hashes))


def _hash_prefix(name: str) -> int:
    """A hash prefix, long enough to be unique, in a quarter of the memory."""
    return int(name[:15], 16)


def take_out(warehouse: Warehouse, table: Table, path: str, payloads: Collection[str]) -> None:
    """Remove these records from one quarantine file, and the file itself once it is empty."""

    def take() -> None:
        with warehouse.locks.changing(alone=False), _alone_with(warehouse, table):
            stored = read_quarantine_file(warehouse, path)
            gone = pc.is_in(stored.column("payload"), pa.array(sorted(payloads), TEXT))
            left = stored.filter(pc.invert(gone))
            if left.num_rows:
                warehouse.write_parquet(path, left)
            else:
                warehouse.remove(path)

    until_held(take)


def quarantine_files(warehouse: Warehouse, table: Table) -> list[str]:
    """The files of the table's quarantine, by day and in order of creation."""
    return _in_order(warehouse.list_files(quarantine_directory(warehouse, table)))


def quarantine_near(warehouse: Warehouse, table: Table, directory: Callable[[], Path]) -> list[str]:
    """``quarantine_files`` for readers that open each many times; see ``Warehouse.near``."""
    return _in_order(warehouse.near_files(quarantine_directory(warehouse, table), directory))


def _in_order(paths: Iterable[str]) -> list[str]:
    return sorted(filter(_FILE.search, paths), key=_name_and_number)


def _name_and_number(path: str) -> tuple[str, int]:
    """The day in a file name, and the number of the file within that day."""
    matched = _FILE.search(path)
    return (matched[1], int(matched[2] or 1)) if matched else ("", 0)


def read_quarantine_file(warehouse: Warehouse, path: str) -> pa.Table:
    """The rows of one quarantine file; none if it does not exist."""
    if not warehouse.exists(path):
        return SCHEMA.empty_table()
    return pq.ParquetFile(pa.BufferReader(warehouse.read_bytes(path))).read().cast(SCHEMA)
