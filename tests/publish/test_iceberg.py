"""Iceberg has exactly the rows of the warehouse, one table at a time."""

import gzip
import secrets
import shutil
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSelector, FileSystem

from feedback_assets.publish.iceberg.cleaning import clean
from feedback_assets.publish.iceberg.publisher import Iceberg
from feedback_assets.publish.iceberg.state import read_state
from feedback_assets.publish.names import table_name
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.publish.read_back import in_iceberg, in_warehouse
from tests.publish.rounds import PERSON, Rounds, day
from tests.servers.iceberg import IcebergServer

pytestmark = pytest.mark.slow
ORDER_FEEDBACK = find_table("marts.order_feedback")
NPS_DAILY = find_table("marts.nps_daily")


@dataclass(frozen=True)
class Lake:
    """A namespace of its own in the catalog."""

    server: IcebergServer
    namespace: str

    def target(self, *tables: Table) -> Iceberg:
        return Iceberg(self.server.place, self.namespace, tables)

    def load(self, table: Table) -> Any:
        return self.server.place.connect().load_table((self.namespace, table_name(table)))

    def rows(self, table: Table) -> list[str]:
        return in_iceberg(self.server.place, table, self.namespace)

    def assert_equal(self, warehouse: Warehouse, *tables: Table) -> None:
        held = [table for table in tables if warehouse.files(table)]
        there = {name for _, name in self.server.place.connect().list_tables(self.namespace)}
        assert there == set(map(table_name, held))
        for table in held:
            # PyIceberg writes a missing list as an empty one, see docs/publishing.md.
            wanted = in_warehouse(warehouse, table, lists=False)
            assert self.rows(table) == wanted, table.full_name

    def objects(self, table: Table) -> dict[str, bytes]:
        """Every object below the table's location, with its content."""
        loaded = self.load(table)
        return objects(loaded.io.fs_by_scheme("s3", "lake"), loaded.location())


def objects(filesystem: FileSystem, location: str) -> dict[str, bytes]:
    selector = FileSelector(location.removeprefix("s3://"), recursive=True, allow_not_found=True)
    found = {}
    for one in filesystem.get_file_info(selector):
        if one.is_file:
            with filesystem.open_input_file(one.path) as file:
                found[one.path] = file.read()
    return found


@pytest.fixture
def lake(iceberg_server: IcebergServer) -> Lake:
    return Lake(iceberg_server, f"feedback_{secrets.token_hex(4)}")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "warehouse"))


def filled(warehouse: Warehouse, *, days: int = 3) -> Warehouse:
    for number in range(days):
        for table in (ORDER_FEEDBACK, NPS_DAILY):
            warehouse.replace_day(table, day(number), made_up(table, day(number), 6))
    return warehouse


@contextmanager
def reader(lake: Lake) -> Iterator[list[int]]:
    """Reads every table again and again: its rows are those that its metadata records."""
    stop, wrong, seen = threading.Event(), [], [0]

    def read() -> None:
        catalog = lake.server.place.connect()
        while not stop.is_set():
            if not catalog.namespace_exists(lake.namespace):
                continue
            for name in catalog.list_tables(lake.namespace):
                # The table was dropped in the meantime, with its files.
                try:
                    there = catalog.load_table(name)
                    count = there.scan().to_arrow().num_rows
                except Exception:  # noqa: BLE001
                    continue
                recorded = sum(one.rows for one in read_state(there.metadata).held.values())
                seen[0] += 1
                if count != recorded:
                    wrong.append(f"{name}: {count} instead of {recorded}")

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not wrong


def test_after_every_round_of_change_iceberg_holds_exactly_the_rows_of_the_warehouse(
    lake: Lake, warehouse: Warehouse
) -> None:
    rounds = Rounds(warehouse)
    with reader(lake) as seen, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for change in rounds.all:
            change()
            done = lake.target(*rounds.tables).publish(warehouse)
            lake.assert_equal(warehouse, *rounds.tables)
            if change == rounds.same_rows_in_new_files:
                assert done.partitions == 0
            again = lake.target(*rounds.tables).publish(warehouse)
            assert (again.partitions, again.removed, again.dropped) == (0, 0, ())
    assert seen[0] > 10


def test_all_days_of_a_table_are_one_commit(lake: Lake, warehouse: Warehouse) -> None:
    target = lake.target(NPS_DAILY)
    target.publish(filled(warehouse))
    before = lake.load(NPS_DAILY)
    for number in (0, 2, 5, 9):
        rows = made_up(NPS_DAILY, day(number), 3, "other")
        warehouse.replace_day(NPS_DAILY, day(number), rows)
    target.publish(warehouse)
    after = lake.load(NPS_DAILY)
    assert len(after.metadata.metadata_log) == len(before.metadata.metadata_log) + 1
    assert len(after.history()) == len(before.history()) + 1
    target.publish(warehouse)
    assert lake.load(NPS_DAILY).metadata_location == after.metadata_location


def test_duckdb_and_polars_read_the_rows_of_the_parquet_files(
    lake: Lake, warehouse: Warehouse
) -> None:
    lake.target(ORDER_FEEDBACK).publish(filled(warehouse))
    published = lake.load(ORDER_FEEDBACK)
    stored = warehouse.read_arrow(ORDER_FEEDBACK)
    names = ", ".join(f'"{name}"' for name in stored.column_names)
    database = published.scan().to_duckdb("published")
    found = database.sql(
        f"select {names} from published order by day, feedback_id"
    ).to_arrow_table()
    wanted = duckdb.sql(f"select {names} from stored order by day, feedback_id").to_arrow_table()
    assert found.cast(wanted.schema).equals(wanted)
    frame = published.scan().to_polars().sort("day", "feedback_id")
    expected = pl.from_arrow(stored).sort("day", "feedback_id")
    assert frame.select(expected.columns).cast(expected.schema).equals(expected)


def test_columns_have_types_documents_and_nullability_and_the_day_partitions(
    lake: Lake, warehouse: Warehouse
) -> None:
    lake.target(ORDER_FEEDBACK).publish(filled(warehouse))
    published = lake.load(ORDER_FEEDBACK)
    fields = {field.name: field for field in published.schema().fields}
    assert fields["day"].required
    assert fields["feedback_id"].required
    assert not fields["score"].required
    assert fields["score"].doc == "NPS score; null if none was given [0–10]"
    assert str(fields["net_amount"].field_type) == "decimal(18, 4)"
    assert str(published.spec().fields[0]) == "1000: day: identity(1)"
    assert published.properties["comment"] == ORDER_FEEDBACK.description
    statistics = [
        column
        for task in published.scan().plan_files()
        for column in (task.file.lower_bounds or {})
    ]
    assert set(statistics) <= {fields["day"].field_id}


def test_pyiceberg_writes_a_missing_list_as_an_empty_one(lake: Lake, warehouse: Warehouse) -> None:
    # apache/iceberg-python#3833. When this fails, the limit in docs/publishing.md is gone.
    orders = find_table("wicked_reports.orders")
    row = made_up(orders, day(0), 1).to_pylist()[0] | {"products": None, "payments": []}
    warehouse.replace_day(orders, day(0), pa.Table.from_pylist([row], schema=orders.schema))
    lake.target(orders).publish(warehouse)
    (read,) = lake.load(orders).scan().to_arrow().to_pylist()
    assert (read["products"], read["payments"]) == ([], [])


def test_tables_that_somebody_else_committed_to_are_sent_again(
    lake: Lake, warehouse: Warehouse
) -> None:
    target = lake.target(NPS_DAILY)
    target.publish(filled(warehouse))
    published = lake.load(NPS_DAILY)
    published.delete("day = '2026-03-02'")
    assert target.behind(warehouse).partitions == {"marts.nps_daily": 3}
    assert target.publish(warehouse).partitions == 3
    lake.assert_equal(warehouse, NPS_DAILY)


def test_a_column_that_somebody_dropped_comes_back_filled(lake: Lake, warehouse: Warehouse) -> None:
    lake.target(ORDER_FEEDBACK).publish(filled(warehouse))
    with lake.load(ORDER_FEEDBACK).update_schema() as update:
        update.delete_column("comment")
    assert lake.target(ORDER_FEEDBACK).publish(warehouse).partitions == 3
    assert lake.rows(ORDER_FEEDBACK) == in_warehouse(warehouse, ORDER_FEEDBACK)


@pytest.mark.parametrize("existing", [True, False])
def test_two_publishers_without_a_common_lock_leave_one_state(
    lake: Lake, warehouse: Warehouse, tmp_path: Path, existing: bool
) -> None:
    target = lake.target(NPS_DAILY)
    if existing:
        target.publish(filled(warehouse))
    filled(warehouse, days=6)
    # As on two machines that share neither a disk nor a database.
    copies = [Warehouse(str(tmp_path / name)) for name in ("one", "two", "three")]
    for copy in copies:
        shutil.copytree(warehouse.root, copy.root)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(target.publish, copies))
    lake.assert_equal(warehouse, NPS_DAILY)


def test_a_table_that_somebody_else_made_is_not_touched(lake: Lake, warehouse: Warehouse) -> None:
    catalog = lake.server.place.connect()
    catalog.create_namespace(lake.namespace)
    catalog.create_table(
        (lake.namespace, table_name(NPS_DAILY)), pa.schema([("mine", pa.string())])
    )
    with pytest.raises(PublishTrouble, match="did not create"):
        lake.target(NPS_DAILY).publish(filled(warehouse))
    assert lake.load(NPS_DAILY).schema().fields[0].name == "mine"


def test_after_an_erasure_no_object_of_the_table_has_a_byte_of_the_person(
    lake: Lake, warehouse: Warehouse
) -> None:
    rounds = Rounds(warehouse)
    rounds.first_days()
    target = lake.target(*rounds.tables)
    feedback = rounds.table("unified.feedback")
    rounds.erased_person()
    target.publish(warehouse)
    # A file that no snapshot refers to, as a killed publisher leaves it.
    published = lake.load(feedback)
    filesystem = published.io.fs_by_scheme("s3", "lake")
    orphan = f"{published.location().removeprefix('s3://')}/data/orphan.parquet"
    with filesystem.open_output_stream(orphan) as sink:
        sink.write(PERSON.encode())
    assert mentions(lake, feedback) > 1
    rounds.person_gone()
    target.publish(warehouse)
    assert mentions(lake, feedback) > 1, "old snapshots are kept for readers"
    done = target.publish(warehouse, erase=True)
    assert done.files_removed > 1
    assert mentions(lake, feedback) == 0
    lake.assert_equal(warehouse, *rounds.tables)


def mentions(lake: Lake, table: Table) -> int:
    """The objects with the person in them: in their bytes, or in the values that they decode to."""
    found = 0
    for path, content in lake.objects(table).items():
        texts = [content]
        if path.endswith(".parquet") and content.startswith(b"PAR1"):
            texts.append(repr(pq.read_table(pa.BufferReader(content)).to_pylist()).encode())
        elif content.startswith(b"\x1f\x8b"):
            texts.append(gzip.decompress(content))
        found += any(PERSON.encode() in text for text in texts)
    return found


def test_snapshots_older_than_a_week_are_removed_with_their_files(
    lake: Lake, warehouse: Warehouse
) -> None:
    target = lake.target(NPS_DAILY)
    target.publish(filled(warehouse))
    for seed in range(3):
        warehouse.replace_day(NPS_DAILY, day(0), made_up(NPS_DAILY, day(0), 5, seed))
        target.publish(warehouse)
    published = lake.load(NPS_DAILY)
    files = len(lake.objects(NPS_DAILY))
    assert clean(published, everything=False, now=datetime.now(UTC) + timedelta(days=6)) == 0
    assert len(lake.objects(NPS_DAILY)) == files
    removed = clean(published, everything=False, now=datetime.now(UTC) + timedelta(days=8))
    assert removed > 3
    assert len(lake.load(NPS_DAILY).snapshots()) == 1
    lake.assert_equal(warehouse, NPS_DAILY)


def test_a_branch_that_keeps_old_rows_stops_an_erasure_and_is_named(
    lake: Lake, warehouse: Warehouse
) -> None:
    target = lake.target(NPS_DAILY)
    target.publish(filled(warehouse))
    published = lake.load(NPS_DAILY)
    published.manage_snapshots().create_tag(
        published.current_snapshot().snapshot_id, "audit"
    ).commit()
    with pytest.raises(PublishTrouble, match="audit"):
        target.publish(warehouse, erase=True)


def test_a_dropped_table_leaves_no_object(lake: Lake, warehouse: Warehouse) -> None:
    lake.target(NPS_DAILY, ORDER_FEEDBACK).publish(filled(warehouse))
    published = lake.load(ORDER_FEEDBACK)
    filesystem, location = published.io.fs_by_scheme("s3", "lake"), published.location()
    assert objects(filesystem, location)
    done = lake.target(NPS_DAILY).publish(warehouse)
    assert done.dropped == ("marts__order_feedback",)
    assert objects(filesystem, location) == {}
    lake.assert_equal(warehouse, NPS_DAILY)


def test_an_empty_warehouse_does_not_empty_the_catalog(
    lake: Lake, warehouse: Warehouse, tmp_path: Path
) -> None:
    target = lake.target(NPS_DAILY)
    target.publish(filled(warehouse))
    with pytest.raises(PublishTrouble, match="has none of the published tables"):
        target.publish(Warehouse(str(tmp_path / "elsewhere")))
    lake.assert_equal(warehouse, NPS_DAILY)


def test_a_catalog_that_is_down_changes_nothing_and_the_next_publication_completes(
    lake: Lake, warehouse: Warehouse
) -> None:
    target = lake.target(ORDER_FEEDBACK, NPS_DAILY)
    target.publish(filled(warehouse))
    before = lake.rows(NPS_DAILY)
    filled(warehouse, days=5)

    class Stopping(Warehouse):
        """Stops the server while the second table is read."""

        def read_partitions(self, table, days):  # type: ignore[no-untyped-def]
            if table is NPS_DAILY and days:
                lake.server.stop()
            return super().read_partitions(table, days)

    properties = {**lake.server.properties, "s3.connect-timeout": "1", "s3.request-timeout": "2"}
    hasty = replace(target, place=replace(target.place, properties=properties))
    try:
        with pytest.raises(PublishTrouble) as raised:
            hasty.publish(Stopping(warehouse.root))
        assert raised.value.transient
        with pytest.raises(PublishTrouble, match="FEEDBACK_PUBLISH_ICEBERG_URI"):
            hasty.publish(warehouse)
    finally:
        lake.server.start()
    assert lake.rows(NPS_DAILY) == before
    target.publish(warehouse)
    lake.assert_equal(warehouse, ORDER_FEEDBACK, NPS_DAILY)


def test_a_server_that_is_no_catalog_and_a_missing_warehouse_are_explained(
    lake: Lake, warehouse: Warehouse
) -> None:
    place = lake.server.place
    for wrong, said in (
        (replace(place, uri=lake.server.endpoint), "FEEDBACK_PUBLISH_ICEBERG_URI"),
        (replace(place, warehouse="s3://nowhere"), "table bucket nowhere not found"),
        (replace(place, uri="http://127.0.0.1:9"), "Connection refused"),
    ):
        with pytest.raises(PublishTrouble, match=said):
            Iceberg(wrong, lake.namespace, (NPS_DAILY,)).publish(filled(warehouse))


def test_a_wrong_credential_is_named_and_not_shown(lake: Lake, warehouse: Warehouse) -> None:
    place = replace(lake.server.place, credential="nobody:hunter22-hunter22")
    with pytest.raises(PublishTrouble, match="FEEDBACK_PUBLISH_ICEBERG_CREDENTIAL") as raised:
        Iceberg(place, lake.namespace, (NPS_DAILY,)).publish(filled(warehouse))
    assert "hunter22" not in str(raised.value)
    assert not raised.value.transient
