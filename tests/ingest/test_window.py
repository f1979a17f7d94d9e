"""One read of one window: every record is counted, and all or nothing is replaced."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.http.errors import PermanentError, RowsMissing
from feedback_assets.http.paging import Page
from feedback_assets.ingest import window as window_module
from feedback_assets.ingest.spool import Spool
from feedback_assets.ingest.window import DayCounts, EverythingSetAside, asked, read_window
from feedback_assets.providers.retargeting.reviews import split_reviews
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse
from tests.ingest.documents import (
    FEEDBACKS,
    ORDER_FEEDBACK,
    ORDERS,
    REVIEWS,
    as_json,
    documented,
    typing_of,
)

FIRST, LAST = date(2024, 3, 2), date(2024, 3, 4)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "held"))


def order(number: int, day: int, **changes: Any) -> dict[str, Any]:
    when = date(2024, 3, 1) + timedelta(days=day)
    return documented(ORDERS, **{"id": f"o{number}", "date": f"{when}T06:00:27Z", **changes})


def page(table: Table, *records: Any) -> dict[str, Page]:
    return {table.full_name: Page(as_json(*records), len(records))}


def read(
    warehouse: Warehouse, *pages: Mapping[str, Page], table: Table = ORDERS
) -> list[DayCounts]:
    counts = read_window(lambda: iter(pages), {table: typing_of(table)}, FIRST, LAST, warehouse)
    served = sum(part.count for page in pages for part in page.values())
    assert sum(day.fetched for day in counts[table]) == served
    assert [day.day for day in counts[table]] == [FIRST, FIRST + timedelta(days=1), LAST]
    for day in counts[table]:
        held = warehouse.read_arrow(table, day.day, day.day)
        assert held.num_rows == day.rows
    return counts[table]


def set_aside(warehouse: Warehouse, table: Table = ORDERS) -> list[dict[str, Any]]:
    files = quarantine_files(warehouse, table)
    return [row for path in files for row in read_quarantine_file(warehouse, path).to_pylist()]


def contents(root: str) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in Path(root).rglob("*")
        if path.is_file()
    }


def column(counts: list[DayCounts], name: str) -> list[int]:
    return [getattr(day, name) for day in counts]


def test_each_day_counts_the_outcome_of_its_records(warehouse: Warehouse) -> None:
    counts = read(
        warehouse,
        page(ORDERS, order(1, 0), order(2, 1), order(3, 1, amount="x"), order(2, 1, sourceId="b")),
        page(ORDERS, order(4, 3), order(5, 9), order(3, 1, amount="x"), 5, order(4, 2)),
    )
    assert column(counts, "rows") == [1, 1, 0]
    assert column(counts, "outside_window") == [1, 0, 1]
    assert column(counts, "duplicates") == [2, 0, 1]
    assert column(counts, "quarantined") == [2, 0, 0]
    (kept,) = warehouse.read_arrow(ORDERS, FIRST, FIRST).to_pylist()
    assert kept["source_id"] == "b"


def test_a_record_outside_the_window_counts_on_the_nearest_day(warehouse: Warehouse) -> None:
    counts = read(warehouse, page(ORDERS, *(order(day, day) for day in range(-40, 40))))
    assert column(counts, "outside_window") == [41, 0, 36]
    assert column(counts, "rows") == [1, 1, 1]


def test_a_bad_record_outside_the_window_counts_as_outside_not_quarantined(
    warehouse: Warehouse,
) -> None:
    counts = read(warehouse, page(ORDERS, order(1, 0, amount={}), order(2, 4, amount={})))
    assert column(counts, "outside_window") == [1, 0, 1]
    assert set_aside(warehouse) == []


def test_a_bad_record_served_again_is_a_duplicate(warehouse: Warehouse) -> None:
    bad = order(1, 2, amount="x")
    counts = read(warehouse, page(ORDERS, bad, bad), page(ORDERS, 5, bad, 5, order(2, 2)))
    assert column(counts, "quarantined") == [1, 1, 0]
    assert column(counts, "duplicates") == [1, 2, 0]
    assert [(row["day"], row["payload"]) for row in set_aside(warehouse)] == [
        (date(2024, 3, 3), json.dumps(bad)),
        (None, "5"),
    ]


def test_a_bad_record_without_a_day_is_quarantined_undated(warehouse: Warehouse) -> None:
    counts = read(warehouse, page(ORDERS, order(1, 1, date="soon"), order(2, 1)))
    assert column(counts, "quarantined") == [1, 0, 0]
    (row,) = set_aside(warehouse)
    assert row["day"] is None
    assert row["table"] == "wicked_reports.orders"
    assert row["reason"] == 'date: the text "soon" is not an ISO 8601 time stamp'


def test_a_fully_quarantined_window_keeps_its_days_and_its_records(
    warehouse: Warehouse,
) -> None:
    read(warehouse, page(ORDERS, order(1, 1), order(2, 2)))
    held = warehouse.read_arrow(ORDERS)
    bad = [order(1, 1, date="10/11/2026 10:00"), order(2, 1, date="2026-30-11"), 5]
    with pytest.raises(EverythingSetAside) as raised:
        read(warehouse, page(ORDERS, *bad, bad[0], order(3, 9)), page(ORDERS, order(4, 9)))
    assert raised.value.refused[ORDERS].records == 3
    assert raised.value.refused[ORDERS].reason == "date: the text is not an ISO 8601 time stamp"
    assert raised.value.read == {}
    assert warehouse.read_arrow(ORDERS).equals(held)
    assert sorted(row["payload"] for row in set_aside(warehouse)) == sorted(map(json.dumps, bad))


@pytest.mark.parametrize("bad", [order(1, 1, amount="x"), order(1, 1, date="soon"), None])
def test_a_single_quarantined_record_makes_a_fully_quarantined_window(
    warehouse: Warehouse, bad: Any
) -> None:
    with pytest.raises(EverythingSetAside):
        read(warehouse, page(ORDERS, bad))
    assert warehouse.days_held(ORDERS) == []
    read(warehouse, page(ORDERS, bad, order(2, 2)))


def test_a_bad_record_of_another_day_leaves_an_empty_window_empty(
    warehouse: Warehouse,
) -> None:
    counts = read(warehouse, page(ORDERS, order(1, 9, amount="x"), order(2, 9)))
    assert column(counts, "rows") == [0, 0, 0]


@pytest.mark.parametrize(
    ("records", "refused"),
    [
        ([documented(FEEDBACKS, purchase={}), documented(FEEDBACKS)], False),
        ([documented(FEEDBACKS, purchase={})], True),
        ([documented(FEEDBACKS, rating=11, purchased_at="2024-03-02"), documented(FEEDBACKS)],
         True),
    ],
)  # fmt: skip
def test_an_undated_record_of_an_unfiltered_list_does_not_fail_a_window(
    warehouse: Warehouse, records: list[Any], refused: bool
) -> None:
    def reading() -> dict[Table, list[DayCounts]]:
        pages = [page(FEEDBACKS, *records)]
        tables = {FEEDBACKS: typing_of(FEEDBACKS)}
        return read_window(lambda: iter(pages), tables, FIRST, LAST, warehouse, whole_list=True)

    if refused:
        with pytest.raises(EverythingSetAside):
            reading()
    else:
        assert column(reading()[FEEDBACKS], "rows") == [0, 0, 0]
    assert len(set_aside(warehouse, FEEDBACKS)) == 1


def test_fully_quarantined_reviews_do_not_block_their_feedback(
    warehouse: Warehouse,
) -> None:
    tree = documented(ORDER_FEEDBACK, added_on="2024-03-02 10:00:00", product_reviews="many")
    feedback, reviews = split_reviews(as_json(tree))
    pages = {
        ORDER_FEEDBACK.full_name: Page(feedback.records, feedback.count),
        REVIEWS.full_name: Page(reviews.records, reviews.count),
    }
    tables = {table: typing_of(table) for table in (ORDER_FEEDBACK, REVIEWS)}
    with pytest.raises(EverythingSetAside) as raised:
        read_window(lambda: iter([pages]), tables, FIRST, LAST, warehouse)
    assert list(raised.value.refused) == [REVIEWS]
    assert column(raised.value.read[ORDER_FEEDBACK], "rows") == [1, 0, 0]
    assert warehouse.days_held(REVIEWS) == []


def test_a_row_that_moved_out_of_the_window_is_not_left_behind(
    warehouse: Warehouse,
) -> None:
    counts = read(warehouse, page(ORDERS, order(1, 1)), page(ORDERS, order(1, 0)))
    assert column(counts, "rows") == [0, 0, 0]
    assert column(counts, "duplicates") == [1, 0, 0]
    assert column(counts, "outside_window") == [1, 0, 0]


def test_an_empty_day_is_a_file_with_the_schema_and_no_rows(warehouse: Warehouse) -> None:
    read(warehouse)
    for day in (FIRST, LAST):
        file = pq.ParquetFile(warehouse.path(ORDERS, day))
        assert file.metadata.num_rows == 0
        assert file.schema_arrow.equals(ORDERS.schema)


def test_reading_the_same_data_twice_changes_nothing(warehouse: Warehouse) -> None:
    records = [order(number, number % 3 + 1) for number in range(40)] + [order(9, 1, amount="x"), 5]
    before = read(warehouse, page(ORDERS, *records))
    held, aside = warehouse.read_arrow(ORDERS), set_aside(warehouse)
    after = read(warehouse, page(ORDERS, *records[::-1]), page(ORDERS, *records[:7]))
    assert column(before, "content_hash") == column(after, "content_hash")
    assert warehouse.read_arrow(ORDERS).equals(held)
    assert set_aside(warehouse) == aside
    assert len(aside) == 2


def missing() -> RowsMissing:
    return RowsMissing(provider="wicked_reports", endpoint="GET /orders", announced=9, came=1)


class Readings:
    """Consecutive reads of one window; an exception among the pages is raised."""

    def __init__(self, *readings: Iterable[Any]) -> None:
        self.left = list(readings)

    def __call__(self) -> Iterator[Mapping[str, Page]]:
        for part in self.left.pop(0):
            if isinstance(part, BaseException):
                raise part
            yield part


def test_a_window_with_missing_rows_is_reread_once_from_the_start(warehouse: Warehouse) -> None:
    readings = Readings(
        [page(ORDERS, order(1, 1), order(8, 1), 5, order(7, 0)), missing()],
        [page(ORDERS, order(1, 1), order(2, 2))],
    )
    counts = read_window(readings, {ORDERS: typing_of(ORDERS)}, FIRST, LAST, warehouse)[ORDERS]
    assert column(counts, "rows") == [1, 1, 0]
    assert column(counts, "fetched") == [1, 1, 0]
    assert set_aside(warehouse) == []


def test_after_a_shift_the_rows_of_two_reads_are_kept(warehouse: Warehouse) -> None:
    shifted = replace(page(ORDERS, order(1, 1))[ORDERS.full_name], shifted=True)
    readings = Readings(
        [page(ORDERS, order(1, 1), order(2, 2)), {ORDERS.full_name: shifted}],
        [page(ORDERS, order(1, 1, amount=7), order(3, 2)), {ORDERS.full_name: shifted}],
    )
    counts = read_window(readings, {ORDERS: typing_of(ORDERS)}, FIRST, LAST, warehouse)[ORDERS]
    assert column(counts, "rows") == [1, 2, 0]
    assert column(counts, "fetched") == [4, 2, 0]
    assert readings.left == []


@pytest.mark.parametrize(
    ("readings", "error"),
    [
        ([[page(ORDERS, order(5, 1), 6), missing()], [page(ORDERS, order(6, 1)), missing()]],
         RowsMissing),
        ([[page(ORDERS, order(5, 1), 6), missing()], [page(ORDERS, 7), ValueError("bug")]],
         ValueError),
        ([[page(ORDERS, order(5, 1), 6), KeyboardInterrupt()]], KeyboardInterrupt),
        ([[page(ORDERS, 7), PermanentError("no", provider="x")]], PermanentError),
        ([[page(ORDERS, 7), {ORDERS.full_name: Page(b"{}", 1)}]], ValueError),
    ],
)  # fmt: skip
def test_an_error_while_reading_leaves_everything_unchanged(
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    readings: list[Any],
    error: type[BaseException],
) -> None:
    read(warehouse, page(ORDERS, order(1, 1), order(2, 1, amount="x")))
    before = contents(warehouse.root)
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(waiting))
    monkeypatch.setattr(window_module, "Spool", lambda table: Spool(table, rows_in_memory=1))
    calls = Readings(*readings)
    with pytest.raises(error):
        read_window(calls, {ORDERS: typing_of(ORDERS)}, FIRST, LAST, warehouse)
    assert calls.left == []
    assert contents(warehouse.root) == before
    assert [path for path in waiting.rglob("*") if path.is_file()] == []


def test_feedback_and_reviews_come_from_one_read_and_are_counted_separately(
    warehouse: Warehouse,
) -> None:
    review = {"realid": "1", "added_on": "2024-03-03 10:00:00", "score": 9, "comment": None}
    tree = documented(
        ORDER_FEEDBACK,
        added_on="2024-03-02 10:00:00",
        product_reviews=[review, review, {**review, "realid": ""}, {**review, "added_on": "x"},
                         {**review, "added_on": "2025-01-01 00:00:00"}],
    )  # fmt: skip
    feedback, reviews = split_reviews(as_json(tree))
    pages = {
        ORDER_FEEDBACK.full_name: Page(feedback.records, feedback.count),
        REVIEWS.full_name: Page(reviews.records, reviews.count),
    }
    tables = {table: typing_of(table) for table in (ORDER_FEEDBACK, REVIEWS)}
    counts = read_window(lambda: iter([pages]), tables, FIRST, LAST, warehouse)
    assert column(counts[ORDER_FEEDBACK], "rows") == [1, 0, 0]
    assert column(counts[ORDER_FEEDBACK], "fetched") == [1, 0, 0]
    assert column(counts[REVIEWS], "rows") == [0, 1, 0]
    assert column(counts[REVIEWS], "duplicates") == [0, 1, 0]
    assert column(counts[REVIEWS], "quarantined") == [1, 1, 0]
    assert column(counts[REVIEWS], "outside_window") == [0, 0, 1]
    assert sum(column(counts[REVIEWS], "fetched")) == reviews.count == 5


def test_records_of_an_unselected_table_are_skipped(
    warehouse: Warehouse,
) -> None:
    pages = [page(ORDERS, order(1, 1)) | page(FEEDBACKS, 5)]
    tables = {ORDERS: typing_of(ORDERS)}
    counts = read_window(lambda: iter(pages), tables, FIRST, LAST, warehouse)
    assert list(counts) == [ORDERS]
    assert warehouse.files(FEEDBACKS) == []


records = st.builds(
    order,
    st.integers(0, 6),
    st.integers(-1, 5),
    sourceId=st.sampled_from(["a", "b"]),
    amount=st.sampled_from([1, "x", None]),
) | st.sampled_from([None, 5, {}, {"date": "2024-03-03T00:00:00Z"}])


@settings(max_examples=40, deadline=None)
@given(pages=st.lists(st.lists(records, max_size=8), max_size=4), spill=st.sampled_from([1, 5, 99]))
def test_every_record_is_kept_outside_duplicate_or_quarantined(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[Any]], spill: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_module, "Spool", lambda table: Spool(table, rows_in_memory=spill))
        warehouse = Warehouse(str(tmp_path_factory.mktemp("held")))
        try:
            counts = read(warehouse, *(page(ORDERS, *part) for part in pages))
        except EverythingSetAside as error:
            refused = error.refused[ORDERS].records
        else:
            refused = 0
    if refused:
        assert warehouse.days_held(ORDERS) == []
        assert len(set_aside(warehouse)) == refused
        return
    held = warehouse.read_arrow(ORDERS)
    ids = held.column("id").to_pylist()
    assert len(ids) == len(set(ids))
    latest = {
        record["id"]: record
        for part in pages
        for record in part
        if isinstance(record, dict) and record.get("amount") != "x" and "id" in record
    }
    inside = {
        name: record["sourceId"]
        for name, record in latest.items()
        if str(FIRST) <= record["date"][:10] <= str(LAST)
    }
    assert dict(zip(ids, held.column("source_id").to_pylist(), strict=True)) == inside
    assert sum(column(counts, "quarantined")) == len(set_aside(warehouse))


def test_the_request_spans_one_day_before_and_two_after() -> None:
    assert asked(FIRST, LAST) == (date(2024, 3, 1), date(2024, 3, 6))
    assert (asked(FIRST, FIRST + timedelta(days=27))[1] - asked(FIRST, FIRST)[0]).days == 30


def test_the_content_hash_matches_the_stored_partition(warehouse: Warehouse) -> None:
    days = read(warehouse, page(ORDERS, order(1, 1), order(2, 1)))
    assert sum(day.rows for day in days) == 2
    for day in days:
        held = pq.read_table(warehouse.path(ORDERS, day.day), partitioning=None)
        assert content_hash(held) == day.content_hash
