"""``DAGSTER_HOME``: opened by several processes at once, and unusable ones."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_assets.files.unusable import Unusable
from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import load_settings

# Forks, so that all six start at the same moment and Dagster is imported once.
_SIX_AT_ONCE = """
import os, sys
from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import load_settings

def opened(number):
    with open_instance(load_settings()) as instance:
        instance.add_dynamic_partitions("openers", [str(number)])
        instance.get_runs_count()
        instance.all_asset_keys()

for round in range(3):
    os.environ["DAGSTER_HOME"] = f"{sys.argv[1]}/{round}"
    children = []
    for number in range(6):
        child = os.fork()
        if not child:
            status = 1
            try:
                opened(number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children), round
    with open_instance(load_settings()) as instance:
        assert len(instance.get_dynamic_partitions("openers")) == 6
"""


@pytest.mark.slow
def test_six_processes_can_open_an_empty_home_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SIX_AT_ONCE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def test_a_new_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    before = os.umask(0)
    try:
        open_instance(load_settings({"DAGSTER_HOME": str(home)})).dispose()
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "dagster.yaml").stat().st_mode) == 0o600
    assert (home / "dagster.yaml").read_text() == (
        Path(__file__).parents[2] / "dagster_home" / "dagster.yaml"
    ).read_text()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    open_instance(load_settings({"DAGSTER_HOME": str(path)})).dispose()
    return path


def line_of_opening(home: Path) -> str:
    with pytest.raises(Unusable) as caught:
        open_instance(load_settings({"DAGSTER_HOME": str(home)}))
    line = str(caught.value)
    assert "\n" not in line
    assert str(home) in line
    assert "DAGSTER_HOME" in line
    return line


def test_a_damaged_database_is_reported_in_one_line_naming_the_home(home: Path) -> None:
    for database in (home / "history").glob("runs.db*"):
        database.write_bytes(b"not a database, but longer than a header of SQLite" * 100)
    assert "restore it from a backup" in line_of_opening(home)


@pytest.mark.slow
def test_a_locked_database_is_reported_in_one_line(home: Path) -> None:
    databases = [home / "schedules" / "schedules.db", home / "history" / "runs.db"]
    held = [sqlite3.connect(database, isolation_level=None) for database in databases]
    try:
        for connection in held:
            connection.execute("pragma journal_mode=delete")
            connection.execute("begin exclusive")
        assert "wait for the process that holds it" in line_of_opening(home)
    finally:
        for connection in held:
            connection.close()


def test_a_home_on_a_read_only_file_system_is_reported_in_one_line() -> None:
    assert "cannot be opened" in line_of_opening(Path("/proc/feedback-assets/home"))
