"""Rows spooled to their days: one per key, sorted, in bounded memory."""

import os
import stat
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from feedback_assets.ingest import spool as spool_module
from feedback_assets.ingest.spool import Spool
from feedback_assets.schema.table import Table
from tests.ingest.documents import CLICKS, ORDERS, documented, parse

FIRST = date(2024, 3, 1)


def order(number: int, day: int, version: int = 0) -> dict[str, Any]:
    return documented(
        ORDERS, id=f"o{number:04}", date=f"2024-03-{1 + day:02}T06:00:27Z", sourceId=str(version)
    )


def collect(table: Table, pages: list[list[Any]], days: int, rows_in_memory: int) -> Any:
    with Spool(table, rows_in_memory) as spool:
        for page in pages:
            spool.add(parse(table, *page).rows)
        wanted = [FIRST + timedelta(days=day) for day in range(days)]
        return list(spool.days(wanted))


@pytest.mark.parametrize("rows_in_memory", [1, 3, 7, 1000])
def test_the_later_read_wins_across_pages_days_and_spills(rows_in_memory: int) -> None:
    random = np.random.default_rng(11)
    reads = [
        (int(random.integers(0, 25)), int(random.integers(0, 5)), version) for version in range(90)
    ]
    pages = [[order(*read) for read in reads[start : start + 9]] for start in range(0, 90, 9)]
    expected = {number: (day, str(version)) for number, day, version in reads}
    found: dict[int, tuple[int, str]] = {}
    duplicates = 0
    for day, rows, repeated in collect(ORDERS, pages, 5, rows_in_memory):
        duplicates += repeated
        ids = rows.column("id").to_pylist()
        assert ids == sorted(ids)
        for row in rows.to_pylist():
            assert row["id"] not in [f"o{number:04}" for number in found]
            found[int(row["id"][1:])] = ((day - FIRST).days, row["source_id"])
    assert found == expected
    assert duplicates == len(reads) - len(found)


def test_spill_files_are_private_and_removed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mask = os.umask(0o000)
    try:
        with Spool(ORDERS, 1) as spool:
            spool.add(parse(ORDERS, order(1, 0), order(2, 1)).rows)
            found = list(tmp_path.rglob("*"))
            modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in found}
    finally:
        os.umask(mask)
    assert modes == {(True, 0o700), (False, 0o600)}
    (private,) = tmp_path.iterdir()
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("rows_in_memory", [1, 1000])
def test_a_row_reread_with_a_time_outside_the_window_leaves_the_window(rows_in_memory: int) -> None:
    with Spool(ORDERS, rows_in_memory) as spool:
        spool.add(parse(ORDERS, order(1, 0), order(2, 0)).rows)
        later = parse(ORDERS, order(1, 9), order(3, 0)).rows
        spool.add(later, pa.chunked_array([pa.array([False, True])]))
        ((_, rows, duplicates),) = spool.days([FIRST])
    assert rows.column("id").to_pylist() == ["o0002", "o0003"]
    assert duplicates == 1


@pytest.mark.parametrize("rows_in_memory", [1, 1000])
def test_clicks_without_campaign_parameters_are_also_one_row_per_key(rows_in_memory: int) -> None:
    when = "2024-03-01T10:00:00Z"
    clicks = [
        documented(CLICKS, date=when, utms=..., wickedid=str(version)) for version in range(3)
    ] + [documented(CLICKS, date=when), documented(CLICKS, date=when, trackingUrl=...)]
    ((_, rows, duplicates),) = collect(CLICKS, [clicks[:2], clicks[2:]], 1, rows_in_memory)
    assert duplicates == 2
    assert sorted(row["wickedid"] for row in rows.to_pylist() if not row["utms"]) == ["2"]
    assert rows.num_rows == 3


def test_keys_whose_hashes_are_equal_are_still_different_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        spool_module, "_hashes", lambda keys: np.zeros(keys.num_rows, dtype=np.int64)
    )
    pages = [[order(1, 0), order(2, 1)], [order(3, 0), order(1, 1, version=1)]]
    found = [
        (rows.column("id").to_pylist(), repeated)
        for _, rows, repeated in collect(ORDERS, pages, 2, 1)
    ]
    assert found == [(["o0003"], 1), (["o0001", "o0002"], 0)]


def test_rows_are_sorted_by_time_and_key_in_any_read_order() -> None:
    records = [order(number, 0) for number in range(30)]
    for number, record in enumerate(records):
        record["date"] = f"2024-03-01T{number % 3:02}:00:00Z"
    forwards = collect(ORDERS, [records], 1, 1000)[0][1]
    backwards = collect(ORDERS, [records[20:][::-1], records[:20][::-1]], 1, 4)[0][1]
    assert forwards.equals(backwards)
    keys = list(zip(*(forwards.column(name).to_pylist() for name in ORDERS.order_by), strict=True))
    assert keys == sorted(keys)


def test_an_empty_day_has_the_schema_of_the_table() -> None:
    collected = collect(ORDERS, [[]], 2, 10)
    assert len(collected) == 2
    for _, rows, duplicates in collected:
        assert rows.equals(ORDERS.schema.empty_table())
        assert duplicates == 0


def test_clearing_the_spool_frees_its_spill_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Spool(ORDERS, rows_in_memory=2) as spool:
        spool.add(parse(ORDERS, *(order(number, 0) for number in range(5))).rows)
        (private,) = tmp_path.iterdir()
        assert list(private.rglob("*"))
        spool.clear()
        assert list(private.iterdir()) == []
        spool.add(parse(ORDERS, order(7, 0)).rows)
        ((_, rows, _),) = spool.days([FIRST])
        assert rows.column("id").to_pylist() == ["o0007"]
    assert list(private.iterdir()) == []
