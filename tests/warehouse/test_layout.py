"""Where the Parquet files are, how other tools read them, and how they are listed and read."""

import os
import re
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from feedback_assets.days import days_between
from feedback_assets.schema.columns import MONEY, MONEY_SUM, STAMP, TEXT, Column, leaves, struct
from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, find_table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.encoding import ROW_GROUP_ROWS
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES, TOTALS, sales, sample

DAYS = days_between(DAY, DAY + timedelta(days=2))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    held = Warehouse(str(tmp_path / "w"))
    for count, day in enumerate(DAYS):
        held.replace_day(SALES, day, sales(count * 5, day))
    return held


def written_empty(held: Warehouse, table: Table) -> str:
    """The file of the table, or of one of its days, after replacing it with no rows."""
    empty = table.schema.empty_table()
    written = held.replace_day(table, DAY, empty) if table.partitioned else None
    written = written or held.replace_whole(table, empty)
    assert written.rows == 0
    (path,) = held.files(table)
    return path


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)
def test_every_declared_table_round_trips_with_its_types(table: Table, tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    schema = pq.read_schema(written_empty(held, table))
    assert schema.equals(table.schema)
    assert "day" not in schema.names or not table.partitioned
    for field in schema:
        assert not pa.types.is_timestamp(field.type) or field.type == STAMP
        assert not pa.types.is_decimal(field.type) or field.type in (MONEY, MONEY_SUM)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
    names = [*table.schema.names, *(["day"] if table.partitioned else [])]
    assert held.read_arrow(table).schema.names == names


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)
def test_readers_see_the_types_and_rows_of_a_file_with_arrows_schema(
    table: Table, tmp_path: Path
) -> None:
    rows = sample(table, 7)
    with_schema, without = str(tmp_path / "with.parquet"), str(tmp_path / "without.parquet")
    pq.write_table(rows, with_schema, store_schema=True)
    Warehouse(str(tmp_path)).write_parquet(without, rows, table)
    assert b"ARROW:schema" not in (pq.read_metadata(without).metadata or {})

    assert pq.read_schema(without).equals(table.schema)
    assert pq.read_table(without).cast(table.schema).equals(rows)
    assert content_hash(pq.read_table(without)) == content_hash(rows)

    frames = [pd.read_parquet(path) for path in (with_schema, without)]
    pd.testing.assert_frame_equal(*frames)

    lazy = [pl.scan_parquet(path) for path in (with_schema, without)]
    assert lazy[0].collect_schema() == lazy[1].collect_schema()
    assert lazy[0].collect().equals(lazy[1].collect())

    with duckdb.connect() as connection:
        read = [connection.sql(f"from read_parquet('{path}')") for path in (with_schema, without)]
        assert read[0].types == read[1].types
        assert read[0].fetchall() == read[1].fetchall()


def test_directories_with_files_from_before_are_read_as_one_table(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    old = Path(held.path(SALES, DAYS[0]))
    old.parent.mkdir(parents=True)
    pq.write_table(sales(5, DAYS[0]), old, store_schema=True, write_page_index=True)
    held.replace_day(SALES, DAYS[1], sales(7, DAYS[1]))
    rows = pa.concat_tables([sales(5, DAYS[0]), sales(7, DAYS[1])])
    directory, ids = held.directory(SALES), rows.column("id").to_pylist()

    assert held.read_arrow(SALES).drop_columns("day").equals(rows)
    for first in (DAYS[0], DAYS[1]):  # pyarrow takes the schema of the first file
        names = sorted(held.files(SALES), key=lambda path: str(first) not in path)
        together = ds.dataset(names, partitioning="hive").to_table().sort_by("at")
        assert together.column("id").to_pylist() == ids
        assert together.column("items").to_pylist() == rows.column("items").to_pylist()
    assert pd.read_parquet(directory)["id"].tolist() == ids
    assert pl.read_parquet(directory, hive_partitioning=True)["id"].to_list() == ids
    with duckdb.connect() as connection:
        found = connection.sql(f"select id, items from read_parquet('{directory}/*/*.parquet')")
        assert [name for name, _ in found.fetchall()] == ids


def test_files_are_zstd_in_row_groups_that_readers_can_skip(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    rows = pa.concat_tables([sales(1000)] * (ROW_GROUP_ROWS // 1000 + 1))
    held.replace_day(SALES, DAY, rows)
    meta = pq.ParquetFile(held.path(SALES, DAY)).metadata
    assert meta.num_row_groups == 2
    for index in range(meta.row_group(0).num_columns):
        assert meta.row_group(0).column(index).compression == "ZSTD"
    assert meta.row_group(0).column(1).statistics.has_min_max


def test_a_partition_has_a_directory_named_after_its_day(warehouse: Warehouse) -> None:
    found = sorted(
        str(path.relative_to(warehouse.root)) for path in Path(warehouse.root).rglob("*")
    )
    assert [path for path in found if path.endswith(".parquet")] == [
        f"shop/sales/day={day}/data.parquet" for day in DAYS
    ]


def test_pandas_pyarrow_and_duckdb_read_the_directory_directly(warehouse: Warehouse) -> None:
    directory = warehouse.directory(SALES)
    expected = {str(DAYS[1]): 5, str(DAYS[2]): 10}

    frame = pd.read_parquet(directory)
    assert frame.groupby(frame["day"].astype(str), observed=True).size().to_dict() == expected
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"

    table = ds.dataset(directory, partitioning="hive").to_table()
    counted = table.group_by("day").aggregate([("id", "count")]).to_pylist()
    assert {str(row["day"]): row["id_count"] for row in counted} == expected

    glob = f"{directory}/*/*.parquet"
    sql = f"select day, count(*), sum(amount) from read_parquet('{glob}') group by day"
    rows = duckdb.connect().sql(sql).fetchall()
    assert {str(day): count for day, count, _ in rows} == expected
    assert isinstance(rows[0][0], date)


def test_nothing_but_table_files_matches_parquet(warehouse: Warehouse) -> None:
    partition = Path(warehouse.path(SALES, DAYS[1])).parent
    (partition / ".host.999999.0123456789abcdef0123456789abcdef.tmp").write_bytes(b"half")
    assert [path.name for path in Path(warehouse.root).rglob("*.parquet")] == ["data.parquet"] * 3
    assert len(pd.read_parquet(warehouse.directory(SALES))) == 15
    assert warehouse.read_arrow(SALES).num_rows == 15


def test_files_with_personal_data_are_private(tmp_path: Path) -> None:
    mask = os.umask(0o000)
    try:
        Warehouse(str(tmp_path / "a" / "b")).replace_day(SALES, DAY, sales(3))
    finally:
        os.umask(mask)
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "a").rglob("*")
    }
    assert modes == {(True, 0o700), (False, 0o600)}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o750)
    Warehouse(str(shared)).replace_whole(TOTALS, TOTALS.schema.empty_table())
    assert stat.S_IMODE(shared.stat().st_mode) == 0o750


def test_days_are_listed_and_read_in_order_within_bounds(warehouse: Warehouse) -> None:
    warehouse.replace_day(SALES, date(2023, 12, 31), sales(1, date(2023, 12, 31)))
    for name in ("day=2024-02-30", "day=soon", "other"):
        junk = Path(warehouse.directory(SALES)) / name
        junk.mkdir()
        (junk / "data.parquet").write_bytes(b"no table")
    (Path(warehouse.directory(SALES)) / "day=2024-01-01").mkdir()
    assert warehouse.days_held(SALES) == [date(2023, 12, 31), *DAYS]
    assert warehouse.read_arrow(SALES, DAYS[1], DAYS[1]).num_rows == 5
    assert warehouse.read_arrow(SALES, None, DAYS[1]).num_rows == 6
    assert warehouse.read_arrow(SALES, DAYS[2]).column("day").to_pylist() == [DAYS[2]] * 10
    assert warehouse.read_arrow(SALES, date(2030, 1, 1)).num_rows == 0
    assert warehouse.days_held(TOTALS) == []
    assert warehouse.files(TOTALS) == []


def test_only_the_requested_columns_are_read_in_the_requested_order(warehouse: Warehouse) -> None:
    rows = warehouse.read_arrow(SALES, columns=["day", "amount", "id"])
    assert rows.schema.names == ["day", "amount", "id"]
    assert rows.num_rows == 15
    assert warehouse.read_arrow(SALES, columns=["day"]).column("day").to_pylist()[0] == DAYS[1]


def test_columns_and_fields_missing_in_an_older_file_are_null(warehouse: Warehouse) -> None:
    newer = replace(
        SALES,
        columns=(
            *(column for column in SALES.columns if column.name != "buyer"),
            Column("channel", TEXT, "Where"),
            struct(
                "buyer",
                "Who",
                Column("name", TEXT, "Name"),
                Column("since", STAMP, "Since when"),
                Column("credit", MONEY, "Credit"),
            ),
        ),
    )
    rows = warehouse.read_arrow(newer)
    assert rows.column("channel").null_count == rows.num_rows == 15
    assert rows.column("buyer").to_pylist()[1] == {
        **warehouse.read_arrow(SALES).column("buyer").to_pylist()[1],
        "credit": None,
    }
    assert warehouse.read_arrow(newer, columns=["channel"]).num_rows == 15


def test_a_partition_is_replaced_atomically(warehouse: Warehouse) -> None:
    written = warehouse.replace_day(SALES, DAYS[2], sales(2, DAYS[2]))
    held = warehouse.read_arrow(SALES, DAYS[2], DAYS[2])
    assert written.rows == held.num_rows == 2
    assert written.content_hash == content_hash(held.drop_columns(["day"]))
    assert warehouse.read_arrow(SALES, DAYS[1], DAYS[1]).num_rows == 5


def test_rows_that_do_not_match_the_schema_keep_the_old_partition(warehouse: Warehouse) -> None:
    before = Path(warehouse.path(SALES, DAYS[1])).read_bytes()
    without_key = pa.Table.from_pylist([{"id": None}], schema=pa.schema(
        [field.with_nullable(True) for field in SALES.schema]))  # fmt: skip
    for rows in (without_key, sales(1).drop_columns(["items"]), pa.table({"id": ["a"]})):
        with pytest.raises((ValueError, pa.ArrowInvalid)):
            warehouse.replace_day(SALES, DAYS[1], rows)
    assert Path(warehouse.path(SALES, DAYS[1])).read_bytes() == before
    assert len(list(Path(warehouse.path(SALES, DAYS[1])).parent.iterdir())) == 1


def test_an_error_while_writing_keeps_the_old_file_and_leaves_no_temporary_file(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path(warehouse.path(SALES, DAYS[1])).read_bytes()

    def disk_full(rows: Any, sink: Any, table: Table) -> None:
        sink.write(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("feedback_assets.warehouse.replacing.encode", disk_full)
    with pytest.raises(OSError, match="No space"):
        warehouse.replace_day(SALES, DAYS[1], sales(9, DAYS[1]))
    assert Path(warehouse.path(SALES, DAYS[1])).read_bytes() == before
    assert len(list(Path(warehouse.path(SALES, DAYS[1])).parent.iterdir())) == 1


def test_a_table_is_partitioned_by_day_or_unpartitioned(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match=r"shop.sales needs a day"):
        warehouse.path(SALES)
    with pytest.raises(ValueError, match=r"shop.totals has no days"):
        warehouse.path(TOTALS, DAY)
    assert warehouse.path(TOTALS).endswith("/shop/totals/data.parquet")


def test_the_root_may_be_a_file_uri_or_end_with_a_slash(tmp_path: Path) -> None:
    Warehouse(str(tmp_path)).replace_day(SALES, DAY, sales(2))
    for root in (f"file://{tmp_path}", f"{tmp_path}/"):
        assert Warehouse(root).read_arrow(SALES).num_rows == 2


@pytest.fixture
def remote() -> Any:
    yield Warehouse("memory://bucket/held/")
    files = fsspec.filesystem("memory")
    if files.exists("/bucket"):
        files.rm("/bucket", recursive=True)


def test_a_remote_warehouse_supports_everything_a_local_one_does(remote: Warehouse) -> None:
    assert remote.days_held(SALES) == []
    assert remote.read_arrow(SALES).num_rows == 0
    assert remote.files(TOTALS) == []
    for count, day in enumerate(DAYS):
        written = remote.replace_day(SALES, day, sales(count * 5, day))
        assert written.content_hash == content_hash(sales(count * 5, day))
    totals = pa.Table.from_pylist([{"count": 15, "amount": None}], schema=TOTALS.schema)
    remote.replace_whole(TOTALS, totals)
    assert remote.days_held(SALES) == DAYS
    assert remote.read_arrow(SALES).num_rows == 15
    assert remote.read_arrow(SALES, DAYS[1], DAYS[1], ["id", "day"]).num_rows == 5
    assert remote.read_arrow(TOTALS).equals(totals)
    assert remote.files(SALES) == [remote.path(SALES, day) for day in DAYS]
    remote.replace_day(SALES, DAYS[1], sales(1, DAYS[1]))
    assert remote.read_arrow(SALES, DAYS[1], DAYS[1]).num_rows == 1
    assert len(remote.list_files(remote.directory(SALES))) == 3
    with duckdb.connect() as connection:
        remote.register(connection)
        found = connection.sql(f"select count(*) from read_parquet({remote.files(SALES)})")
        assert found.fetchall() == [(11,)]


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)
def test_columns_with_rare_repeats_are_written_without_a_dictionary(
    tmp_path: Path, table: Table
) -> None:
    schema = pq.ParquetFile(written_empty(Warehouse(str(tmp_path)), table)).schema
    paths = {schema.column(index).path for index in range(len(schema.names))}
    assert set(table.recurring) <= paths
    for path, column in leaves(table.columns):
        own = column.points_at is not None or pa.types.is_timestamp(column.type)
        assert not (own and path in table.recurring)


def test_repeated_words_are_written_with_a_dictionary(tmp_path: Path) -> None:
    held = Warehouse(str(tmp_path))
    orders = find_table("unified.orders")
    count = 1000
    rows = pa.Table.from_pylist(
        [
            {
                "order_id": f"WR-{number}",
                "ordered_at": datetime.combine(DAY, time(), UTC) + timedelta(seconds=number),
                "currency": ("EUR", "USD")[number % 2],
            }
            for number in range(count)
        ],
        schema=orders.schema,
    )
    held.replace_day(orders, DAY, rows)
    meta = pq.ParquetFile(held.path(orders, DAY)).metadata.row_group(0)
    with_dictionary = {
        meta.column(index).path_in_schema
        for index in range(meta.num_columns)
        if meta.column(index).has_dictionary_page
    }
    assert "currency" in with_dictionary
    assert not with_dictionary & {"order_id", "ordered_at", "amount", "customer_email"}
