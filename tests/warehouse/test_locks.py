"""Who writes when, on one machine."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import fsspec
import pytest

from feedback_assets.coordination.shared_locks import LockTaken
from feedback_assets.files.unusable import Unusable
from feedback_assets.warehouse.locks import MachineLocks
from feedback_assets.warehouse.quarantine import read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse
from tests.warehouse.rows import DAY, SALES, sales


def test_who_must_be_alone_gets_in_between_writers_that_overlap_all_the_time(
    tmp_path: Path,
) -> None:
    locks = MachineLocks(tmp_path, "warehouse")
    stop = threading.Event()
    inside: list[int] = []

    def write() -> None:
        while not stop.is_set():
            with locks.changing(alone=False):
                inside.append(1)
                time.sleep(0.02)
                inside.pop()

    writers = [threading.Thread(target=write) for _ in range(4)]
    alone = threading.Event()
    seen: list[int] = []

    def forget() -> None:
        with locks.changing(alone=True):
            seen.append(len(inside))
            alone.set()

    for writer in writers:
        writer.start()
        time.sleep(0.005)
    waiting = threading.Thread(target=forget, daemon=True)
    waiting.start()
    got_in = alone.wait(20)
    stop.set()
    for thread in (*writers, waiting):
        thread.join(20)
    assert got_in, "writers went past it"
    assert seen == [0]


_SET_ASIDE = """
import sys
from datetime import UTC, datetime
from feedback_assets.warehouse.warehouse import Warehouse
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from tests.warehouse.rows import DAY, SALES

for number in range(30):
    record = SetAside(DAY, "bad", f"{sys.argv[2]} {number}")
    set_aside(Warehouse(sys.argv[1]), SALES, [record], datetime.now(UTC))
"""


def test_processes_with_other_temporary_directories_and_homes_lose_no_record(
    tmp_path: Path,
) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "w")
    roots = (str(tmp_path / "w"), f"file://{tmp_path}/w/", str(tmp_path / "link"))
    running = []
    for name, root in zip("abc", roots, strict=True):
        own = tmp_path / name
        own.mkdir()
        environ = {**os.environ, "TMPDIR": str(own), "DAGSTER_HOME": str(own / "home")}
        running.append(
            subprocess.Popen([sys.executable, "-c", _SET_ASIDE, root, name], env=environ)
        )
    assert [process.wait(120) for process in running] == [0, 0, 0]
    warehouse = Warehouse(str(tmp_path / "w"))
    path = f"{warehouse.base}/quarantine/{SALES.full_name}/{DAY}.parquet"
    assert read_quarantine_file(warehouse, path).num_rows == 90
    assert [list(tmp_path.glob(f"{name}/*")) for name in "abc"] == [[], [], []]


def test_whoever_must_be_alone_is_so_whatever_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    with Warehouse(str(tmp_path / "w")).locks.alone_with("a run"):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "other"))
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other home"))
        again = Warehouse(str(tmp_path / "w")).locks
        with pytest.raises(LockTaken), again.alone_with("a run", wait=False):
            pass
        with again.alone_with("another run", wait=False):
            pass


def test_lock_files_are_private_and_are_not_read_as_tables(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        warehouse = Warehouse(str(tmp_path / "w"))
        warehouse.replace_day(SALES, DAY, sales(3, DAY))
    finally:
        os.umask(before)
    locks = tmp_path / "w" / ".locks"
    assert stat.S_IMODE(locks.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in locks.iterdir()} == {0o600}
    found = list((tmp_path / "w").rglob("*.parquet"))
    assert found == [Path(warehouse.path(SALES, DAY))]


def test_the_locks_of_a_remote_warehouse_lie_in_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        warehouse = Warehouse("memory://locked", home=home)
        warehouse.replace_day(SALES, DAY, sales(3, DAY))
        assert len(list((home / "locks").iterdir())) == 2
        (path,) = warehouse.list_files(warehouse.base)
        assert path == warehouse.path(SALES, DAY)
    finally:
        fsspec.filesystem("memory").rm("/locked", recursive=True)


@pytest.mark.parametrize(
    ("root", "variable"), [("w", "FEEDBACK_WAREHOUSE"), ("memory://none", "DAGSTER_HOME")]
)
def test_a_file_system_without_locks_is_one_line_with_path_and_variable(
    root: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    warehouse = Warehouse(str(tmp_path / root) if root == "w" else root, home=tmp_path)
    with pytest.raises(Unusable) as caught:
        warehouse.replace_day(SALES, DAY, sales(3, DAY))
    line = str(caught.value)
    assert str(tmp_path) in line
    assert f"Set {variable} to a directory on one that does" in line
    assert line.isprintable()


def test_a_lock_that_cannot_be_made_is_one_line() -> None:
    with pytest.raises(Unusable, match=r"^/proc/nothing/\.locks/.*FEEDBACK_WAREHOUSE"):
        Warehouse("/proc/nothing").replace_day(SALES, DAY, sales(3, DAY))
