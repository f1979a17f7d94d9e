"""Two machines that write one warehouse, each with its own temporary directory and mount."""

import threading
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.coordination.database import Coordination
from feedback_assets.providers.wicked_reports.tables import CONTACTS
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.erased import Addition, Erased
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.quarantine import (
    SetAside,
    quarantine_files,
    read_quarantine_file,
    set_aside,
)
from feedback_assets.warehouse.warehouse import Warehouse
from tests.coordination.machines import KEY, SlowWarehouse, machine, mounted, overlaps
from tests.servers.postgres import PostgresDatabase
from tests.warehouse.rows import DAY, SALES, sales

pytestmark = pytest.mark.slow
DAYS = [DAY + timedelta(days=offset) for offset in range(3)]
ROUNDS = 25
AT = datetime(2024, 3, 1, 9, tzinfo=UTC)
EMAIL = "ana@example.com"


def version(day: date, number: int) -> pa.Table:
    return sales(200, day, count=number)


def write_days(warehouse: SlowWarehouse, pipe: Connection, number: int) -> Any:
    versions = {day: version(day, number) for day in DAYS}
    pipe.send("ready")
    pipe.recv()
    rounds = 0
    # Until the other has had as many rounds too, or they may never meet.
    while rounds < ROUNDS or not pipe.poll():
        recorded = {day: warehouse.replace_day(SALES, day, versions[day]) for day in DAYS}
        rounds += 1
        if rounds == ROUNDS:
            pipe.send("enough")
    return warehouse.__dict__["written"], {d: w.content_hash for d, w in recorded.items()}


@pytest.mark.parametrize("coordinated", [True, False])
def test_a_day_that_two_write_at_once_is_whole_and_one_of_the_two(
    postgres: PostgresDatabase, tmp_path: Path, coordinated: bool
) -> None:
    url = postgres.url if coordinated else None
    held = Warehouse(str(mounted(tmp_path, 0)))
    hashes = {day: {content_hash(version(day, number)) for number in (1, 2)} for day in DAYS}
    with (
        machine(write_days, tmp_path, 1, url, 1) as one,
        machine(write_days, tmp_path, 2, url, 2) as other,
    ):
        for pipe in (one, other):
            assert pipe.recv() == "ready"
        for pipe in (one, other):
            pipe.send("go")
        looked = 0
        while looked <= ROUNDS or not (one.poll() and other.poll()):
            for day in held.days_held(SALES):
                counts = held.read_arrow(SALES, day, day).column("count").to_pylist()
                assert (len(counts), len(set(counts))) == (200, 1)
                looked += 1
        for pipe in (one, other):
            assert pipe.recv() == "enough"
            pipe.send("stop")
        (written, recorded), (written_too, recorded_too) = one.recv(), other.recv()
    for day in DAYS:
        last = content_hash(held.read_arrow(SALES, day, day).drop_columns("day"))
        assert last in hashes[day]
        assert last in {recorded[day], recorded_too[day]}
    if coordinated:
        assert overlaps(written, written_too) == []
    else:
        assert overlaps(written, written_too), "they never met: nothing was tested"


def anas() -> pa.Table:
    row = {"id": "AB-1", "email": EMAIL, "first_name": "Ana", "create_date": AT}
    return pa.Table.from_pylist([row], schema=CONTACTS.schema)


def forget_ana(warehouse: Warehouse) -> None:
    """The list, then every partition held, as ``forget`` does it."""
    empty = Erased(KEY)
    person = empty.hash_of("email", EMAIL)
    erased = warehouse.add_erased(Addition(person, frozenset({person})))

    def change(rows: pa.Table) -> pa.Table | None:
        done = erase_rows(CONTACTS, rows, erased)
        return done.rows if done.changed else None

    for day in warehouse.days_held(CONTACTS):
        warehouse.change_partition(CONTACTS, day, change)


def test_whoever_writes_on_another_machine_does_not_bring_an_erased_person_back(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    here = Warehouse(str(mounted(tmp_path, 1)), lambda: KEY, Coordination(postgres.url))
    knows_the_list, forgotten = threading.Event(), threading.Event()

    class Interrupted(Warehouse):
        def write_parquet(self, path: str, rows: pa.Table, table: Table | None = None) -> None:
            knows_the_list.set()
            forgotten.wait(20)
            super().write_parquet(path, rows, table)

    there = Interrupted(str(mounted(tmp_path, 2)), lambda: KEY, Coordination(postgres.url))
    writer = threading.Thread(target=there.replace_day, args=(CONTACTS, DAY, anas()))
    forgetter = threading.Thread(target=forget_ana, args=(here,))
    writer.start()
    assert knows_the_list.wait(20)
    forgetter.start()
    forgetter.join(0.5)
    assert forgetter.is_alive(), "somebody was forgotten while a partition was being written"
    forgotten.set()
    writer.join(20)
    forgetter.join(20)
    rows = here.read_arrow(CONTACTS)
    assert rows.num_rows == 1
    assert EMAIL not in str(rows.to_pylist())


def test_a_partition_whose_lock_was_lost_is_written_again_without_who_was_erased_meanwhile(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    other = Warehouse(str(mounted(tmp_path, 2)), lambda: KEY, Coordination(postgres.url))
    written = []

    class Interrupted(Warehouse):
        def write_parquet(self, path: str, rows: pa.Table, table: Table | None = None) -> None:
            if not written:
                # The server restarts between the look at the list and the writing.
                postgres.server.restart()
                forget_ana(other)
            written.append(path)
            super().write_parquet(path, rows, table)

    here = Interrupted(str(mounted(tmp_path, 1)), lambda: KEY, Coordination(postgres.url))
    done = here.replace_day(CONTACTS, DAY, anas())
    assert len(written) == 2
    rows = here.read_arrow(CONTACTS).drop_columns("day")
    assert EMAIL not in str(rows.to_pylist())
    assert done.content_hash == content_hash(rows)


def put_aside(warehouse: SlowWarehouse, pipe: Connection, number: int) -> Any:
    pipe.send("ready")
    pipe.recv()
    for turn in range(10):
        record = SetAside(DAY, "id: missing", f'{{"of": {number}, "turn": {turn}}}')
        set_aside(warehouse, CONTACTS, [record], AT)
    return None


def test_no_record_that_two_machines_set_aside_at_once_is_lost(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    with (
        machine(put_aside, tmp_path, 1, postgres.url, 1) as one,
        machine(put_aside, tmp_path, 2, postgres.url, 2) as other,
    ):
        for pipe in (one, other):
            assert pipe.recv() == "ready"
        for pipe in (one, other):
            pipe.send("go")
        assert one.recv() is other.recv() is None
    held = Warehouse(str(mounted(tmp_path, 0)))
    (path,) = quarantine_files(held, CONTACTS)
    assert read_quarantine_file(held, path).num_rows == 20


def test_a_writing_alone_is_counted_once_where_its_lock_was_lost(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    here = Warehouse(str(mounted(tmp_path, 1)), lambda: KEY, Coordination(postgres.url))
    here.replace_day(SALES, DAY, sales(3))
    turns = []

    def change(rows: pa.Table) -> pa.Table | None:
        turns.append(rows.num_rows)
        if len(turns) == 1:
            postgres.server.restart()
        return rows.slice(0, 1) if rows.num_rows > 1 else None

    written = here.change_partition(SALES, DAY, change)
    assert turns == [3, 1]
    assert written is not None
    assert written.rows == 1
    assert written.content_hash == content_hash(sales(1))
