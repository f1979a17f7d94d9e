"""Who can read stored files, and what the marts reveal about people."""

import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets import definitions
from feedback_assets.runtime.instance import open_instance
from feedback_assets.tables import MART_TABLES, find_table
from feedback_assets.warehouse.temporary_names import private_directory
from tests.conftest import YESTERDAY, Project

PERSONAL = {
    "wicked_reports.contacts": ("id", "source_id", "email", "first_name", "last_name"),
    "thanx.feedbacks": ("user_id",),
    "feedbackpulse.submissions": ("customer_name", "customer_email"),
    "fullwhere.survey_trackers": ("customer_id", "link", "new_review_link", "sent_to"),
}


@dg.asset
def one() -> int:
    return 1


@pytest.fixture
def permissive_umask() -> object:
    mask = os.umask(0o000)
    yield
    os.umask(mask)


@pytest.mark.usefixtures("permissive_umask")
def test_dagster_files_and_secrets_are_private(project: Project) -> None:
    settings = project.settings
    settings.customer_secret()
    settings.erasure_secret()
    settings.dagster_home.chmod(0o755)
    with open_instance(settings) as instance:
        assert instance.get_runs_count() == 0
    home = settings.dagster_home
    for name in ("customer_secret", "erasure_secret"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    open_to_all = {
        path.name for path in home.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077
    }
    assert open_to_all <= {"dagster.yaml"}
    kept = list(home.rglob("*.db"))
    assert kept
    for path in kept:
        assert any(stat.S_IMODE(above.stat().st_mode) == 0o700 for above in path.parents)


@pytest.mark.usefixtures("permissive_umask")
def test_a_created_home_is_private(project: Project) -> None:
    with open_instance(project.settings):
        assert stat.S_IMODE(project.settings.dagster_home.stat().st_mode) == 0o700


def open_to_others(root: Path) -> list[Path]:
    """The files below ``root`` that another user can reach and read, if ``root`` is open to all."""
    found = []
    for entry in root.iterdir():
        mode = entry.stat().st_mode
        if entry.is_dir() and mode & 0o011:
            found += open_to_others(entry)
        elif entry.is_file() and mode & 0o044:
            found.append(entry)
    return found


@pytest.mark.slow
def test_a_command_writes_private_files_with_any_umask(project: Project) -> None:
    command = [sys.executable, "-m", "feedback_assets.cli", "limits"]
    subprocess.run(command, check=True, capture_output=True, umask=0, timeout=120)
    files = [path for path in (project.home / "dagster_home").rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if path.stat().st_mode & 0o077] == []


@pytest.mark.usefixtures("permissive_umask")
def test_a_home_that_dagster_opened_first_is_private(project: Project) -> None:
    home = project.settings.dagster_home
    home.mkdir(mode=0o755)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        dg.materialize([one], instance=instance)
        assert open_to_others(home)
        definitions.defs()
        dg.materialize([one], instance=instance)
    assert len(list(home.rglob("*.db"))) > 2
    # A random number, written if no dagster.yaml disables telemetry.
    assert {path.name for path in open_to_others(home)} <= {"id.yaml"}


@pytest.mark.slow
@pytest.mark.usefixtures("permissive_umask")
def test_files_written_by_a_backfill_are_private(shop: Project) -> None:
    home = shop.settings.dagster_home
    for directory in (home, home / "history", home / "storage"):
        directory.mkdir(mode=0o777)
    filled = shop.backfill(YESTERDAY, YESTERDAY)
    assert filled.exit_code == 0, filled.output
    forgotten = shop.run("forget", "nobody@example.com")
    assert forgotten.exit_code == 0, forgotten.output
    warehouse = Path(shop.settings.warehouse)
    assert list(warehouse.rglob("*.parquet"))
    assert list(warehouse.rglob("*.html"))
    warehouse.chmod(0o755)
    assert open_to_others(warehouse) == []
    assert [path.name for path in open_to_others(home)] in ([], ["dagster.yaml"])


@pytest.mark.usefixtures("permissive_umask")
def test_temporary_files_are_in_a_private_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert stat.S_IMODE(private_directory().stat().st_mode) == 0o700


@pytest.mark.slow
def test_no_mart_or_report_reveals_an_email_name_number_or_link(shop: Project) -> None:
    first = YESTERDAY - timedelta(days=20)
    filled = shop.backfill(first, YESTERDAY)
    assert filled.exit_code == 0, filled.output
    personal = {
        text.lower()
        for name, columns in PERSONAL.items()
        for column in columns
        for text in shop.warehouse.read_arrow(find_table(name))[column].to_pylist()
        if text
    }
    assert len(personal) > 100
    for table in MART_TABLES:
        rows = shop.warehouse.read_arrow(table).to_pylist()
        assert rows, table.full_name
        values = {
            str(value).lower()
            for row in rows
            for column, value in row.items()
            if column not in {"comment", "reply"}
        }
        assert not values & personal, table.full_name
        # Also within a longer text, where that is unambiguous.
        text = json.dumps(sorted(values))
        assert not any(word in text for word in personal if "@" in word or "://" in word)
    for page in Path(shop.settings.warehouse).glob("reports/*"):
        text = page.read_text(encoding="utf-8").lower()
        assert not any(word in text for word in personal if "@" in word or "survey.example" in word)
