"""The warehouse in an object store: replaced, listed and read over S3 on a real server."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import s3fs

from feedback_assets.days import days_between
from feedback_assets.query.run import run_query
from feedback_assets.tables import find_table
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse import copies
from feedback_assets.warehouse.encoding import encode
from feedback_assets.warehouse.quarantine import quarantine_files
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.stored_files import NotWritten
from feedback_assets.warehouse.temporary_names import private_directory
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.servers.door import Door, Seen, running_door
from tests.servers.object_store import ObjectStore
from tests.warehouse.rows import DAY, SALES, sales
from tests.warehouse.test_replacing import start_writer, stop, versions_seen

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NPS_DAILY = find_table("marts.nps_daily")


@pytest.fixture
def warehouse(s3: ObjectStore, project: Project) -> Warehouse:
    return project.warehouse


@pytest.fixture
def door(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A proxy for all further requests of this process to the server."""
    with running_door(s3.endpoint) as door:
        monkeypatch.setenv("AWS_ENDPOINT_URL", door.url)
        yield door


def _counted(warehouse: Warehouse) -> list[Any]:
    return list(warehouse.read_arrow(SALES).column("count").to_pylist())


def test_a_written_day_is_listed_and_read(warehouse: Warehouse) -> None:
    assert warehouse.read_arrow(SALES).num_rows == 0
    written = warehouse.replace_day(SALES, DAY, sales(3))
    assert written.rows == 3
    assert warehouse.files(SALES) == [f"{warehouse.root}/shop/sales/day={DAY}/data.parquet"]
    assert warehouse.days_held(SALES) == [DAY]
    assert warehouse.read_arrow(SALES).drop_columns("day") == sales(3)
    warehouse.remove(warehouse.path(SALES, DAY))
    assert not warehouse.exists(warehouse.path(SALES, DAY))


@pytest.mark.parametrize("whole", [True, False], ids=["copied", "read by range"])
def test_readers_on_another_machine_see_the_newest_complete_version_during_writes(
    warehouse: Warehouse, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(copies, "WHOLE_BYTES", 0)
    warehouse.replace_day(SALES, DAY, sales(400, count=0))

    def by_duckdb() -> list[Any]:
        with connect(warehouse, [SALES]) as connection:
            found = ask(connection, "select count from shop.sales")
        return list(found.column("count").to_pylist())

    def by_arrow() -> list[Any]:
        return _counted(warehouse)

    # Opened again and replaced in between, five times in a row: no wrong row.
    passing = () if whole else (duckdb.Error,)
    writer = start_writer(warehouse.root)
    try:
        for read in (by_duckdb, by_arrow):
            assert versions_seen(read, 10, passing) == {0, 1}
    finally:
        stop(writer)
    # This process's cache of the store is not used for listings.
    other = "from feedback_assets.warehouse.warehouse import Warehouse; "
    other += "from tests.warehouse.rows import *; "
    other += f"Warehouse({warehouse.root!r}).replace_day(SALES, DAY, sales(7))"
    subprocess.run([sys.executable, "-c", other], cwd=ROOT, check=True)
    assert len(_counted(warehouse)) == len(by_duckdb()) == 7


KILLED = """
import sys
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES
from tests.warehouse.test_object_store import large, sales
Warehouse(sys.argv[1]).replace_day(SALES, DAY, large() if sys.argv[2] == "large" else sales(400))
"""


def large() -> pa.Table:
    """A day of more than 100 MB, which is uploaded in parts of 50 MB."""
    noise = [base64.b64encode(os.urandom(1_000_000)).decode() for _ in range(115)]
    rows = sales(len(noise))
    return rows.set_column(rows.schema.get_field_index("extra"), "extra", pa.array(noise))


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_writer_killed_during_a_put_leaves_the_old_day(
    warehouse: Warehouse, s3: ObjectStore, size: str, tmp_path: Path
) -> None:
    warehouse.replace_day(SALES, DAY, sales(3))
    with running_door(s3.endpoint) as door:
        kind = "put" if size == "small" else "part"
        door.half = lambda seen: seen.kind == kind and "partNumber=1&" not in f"{seen.query}&"
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, warehouse.root, size],
            cwd=ROOT,
            env=os.environ | {"AWS_ENDPOINT_URL": door.url},
        )
        try:
            assert door.halved.wait(60), door.counts()
        finally:
            writer.kill()
            writer.wait()
    assert warehouse.read_arrow(SALES).drop_columns("day") == sales(3)
    assert warehouse.list_files(warehouse.base) == [warehouse.path(SALES, DAY)]
    rows = large() if size == "large" else sales(400)
    warehouse.replace_day(SALES, DAY, rows)
    assert warehouse.read_arrow(SALES).drop_columns("day") == rows


def test_the_error_for_wrong_credentials_names_the_variables_to_fix(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.replace_day(SALES, DAY, sales(3))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    s3fs.S3FileSystem.clear_instance_cache()
    refused = Warehouse(warehouse.root)
    for attempt in (
        lambda: refused.files(SALES),
        lambda: refused.read_arrow(SALES),
        lambda: refused.replace_day(SALES, DAY, sales(4)),
        lambda: refused.write_bytes(refused.path(SALES, DAY), b""),
        lambda: run_query("select * from marts.nps_daily", refused),
    ):
        with pytest.raises(StoreTrouble, match=r"refused the credentials.*AWS_SECRET_ACCESS_KEY"):
            attempt()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreTrouble, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
        Warehouse(warehouse.root).files(SALES)
    assert warehouse.read_arrow(SALES).num_rows == 3


def test_a_missing_bucket_is_reported_and_not_created(s3: ObjectStore) -> None:
    missing = Warehouse("s3://nowhere-at-all/warehouse")
    for attempt in (
        lambda: missing.files(SALES),
        lambda: missing.replace_day(SALES, DAY, sales(1)),
        lambda: missing.write_bytes(missing.path(SALES, DAY), b"rows"),
        lambda: run_query("select * from marts.nps_daily", missing),
    ):
        with pytest.raises(StoreTrouble, match=r"no such bucket.*FEEDBACK_WAREHOUSE"):
            attempt()


def test_a_command_ends_with_one_line_if_the_store_refuses(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    command = [sys.executable, "-m", "feedback_assets.cli", "query", "from marts.nps_daily"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_dying_server_is_a_transient_error_and_confirmed_writes_stay(
    own_s3: ObjectStore, project: Project
) -> None:
    warehouse = project.warehouse
    warehouse.replace_day(SALES, DAY, sales(3))
    own_s3.stop()
    with pytest.raises(StoreTrouble, match=r"did not answer.*AWS_ENDPOINT_URL") as reading:
        warehouse.read_arrow(SALES)
    with pytest.raises(NotWritten, match="The existing file is unchanged") as writing:
        warehouse.write_bytes(warehouse.path(SALES, DAY), b"rows")
    assert reading.value.transient
    assert writing.value.transient
    own_s3.start()
    assert warehouse.read_arrow(SALES).num_rows == 3
    warehouse.replace_day(SALES, DAY, sales(4))
    assert warehouse.read_arrow(SALES).num_rows == 4


def test_a_briefly_busy_store_is_retried(s3: ObjectStore, door: Door, project: Project) -> None:
    warehouse = project.warehouse
    refused: list[Seen] = []

    def once_each(seen: Seen) -> int | None:
        if any(one.kind == seen.kind for one in refused):
            return None
        refused.append(seen)
        return 503

    door.spoil = once_each
    warehouse.replace_day(SALES, DAY, sales(3))
    assert warehouse.read_arrow(SALES).num_rows == 3
    assert {seen.kind for seen in refused} >= {"list", "put", "get"}


YEARS = days_between(date(2023, 11, 21), date(2026, 11, 20))


def test_store_requests_grow_only_with_the_days_read(
    s3: ObjectStore, door: Door, project: Project
) -> None:
    warehouse = project.warehouse
    direct = s3fs.S3FileSystem(endpoint_url=s3.endpoint)
    sink = pa.BufferOutputStream()
    encode(NPS_DAILY.schema.empty_table(), sink, NPS_DAILY)
    content = sink.getvalue().to_pybytes()
    direct.pipe({warehouse.path(NPS_DAILY, day): content for day in YEARS})
    last, month = YEARS[-1], YEARS[-30]

    def asked(what: Callable[[], object]) -> dict[str, int]:
        door.reset_door()
        what()
        return door.counts()

    # 1,096 days are two lists of a thousand keys.
    assert asked(lambda: warehouse.files(NPS_DAILY, last, last)) == {"list": 2}
    assert asked(lambda: warehouse.days_held(NPS_DAILY)) == {"list": 2}
    # The empty list of erased people, the day, and the mark of its new file.
    rows = NPS_DAILY.schema.empty_table()
    assert asked(lambda: warehouse.replace_day(NPS_DAILY, last, rows)) == {
        "head": 2, "list": 2, "put": 1,
    }  # fmt: skip
    assert asked(lambda: warehouse.read_arrow(NPS_DAILY, month, last)) == {"get": 30, "list": 2}
    assert asked(lambda: run_query("from marts.nps_daily", warehouse)) == {
        "get": len(YEARS), "list": 2,
    }  # fmt: skip
    with_days = {NPS_DAILY.full_name: (last - timedelta(days=6), last)}

    def a_week() -> None:
        with connect(warehouse, [NPS_DAILY], days=with_days) as connection:
            assert ask(connection, "from marts.nps_daily").num_rows == 0

    assert asked(a_week) == {"get": 7, "list": 2}


def test_copies_made_for_a_query_are_private_and_removed_after_it(warehouse: Warehouse) -> None:
    warehouse.replace_day(NPS_DAILY, DAY, NPS_DAILY.schema.empty_table())
    before = set(private_directory().glob(f"feedback-assets.*.{os.getpid()}.*"))
    with connect(warehouse, [NPS_DAILY]) as connection:
        (copies,) = set(private_directory().glob(f"feedback-assets.*.{os.getpid()}.*")) - before
        assert copies.stat().st_mode & 0o077 == 0
        assert [path.name for path in copies.rglob("*.parquet")] == ["data.parquet"]
    del connection
    run_query("from marts.nps_daily", warehouse)
    assert set(private_directory().glob(f"feedback-assets.*.{os.getpid()}.*")) == before
    assert quarantine_files(warehouse, find_table("thanx.feedbacks")) == []
