"""What a backfill's process does with Dagster's databases leaves in them what Dagster would."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import dagster as dg
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage

from feedback_assets.runtime.instance import open_instance
from tests.conftest import Project


def versions(home: Path) -> dict[str, str]:
    """The revision of its tables that each of Dagster's databases says it has."""
    found = {}
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            for (revision,) in database.execute("select version_num from alembic_version"):
                found[path.name] = revision
    return found


def test_databases_made_by_a_backfill_are_at_the_revision_that_dagster_has_last(
    project: Project,
) -> None:
    @dg.asset
    def something() -> None: ...

    with open_instance(project.settings) as instance:
        home = Path(instance.root_directory)
        run = dg.materialize([something], instance=instance).dagster_run
    scripts = Path(dg.__file__).parent / "_core" / "storage" / "alembic"
    last = ScriptDirectory(str(scripts)).get_current_head()
    made = versions(home)
    assert {f"{run.run_id}.db", "index.db", "runs.db", "schedules.db"} <= made.keys()
    assert set(made.values()) == {last}


def test_the_revisions_are_read_once_however_many_databases_are_opened() -> None:
    script = """
from dagster._core.storage.sql import get_alembic_config
from alembic.script import ScriptDirectory
import dagster._core.storage.event_log.sqlite.sqlite_event_log as events
import dagster._core.storage.runs.sqlite.sqlite_run_storage as runs
from feedback_assets.runtime.event_log import read_revisions_once
read_revisions_once()
read_revisions_once()
read = [ScriptDirectory.from_config(get_alembic_config(module.__file__))
        for module in (events, events, runs)]
print(read[0] is read[1], read[0] is read[2], len({one.as_revision_number("head") for one in read}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "1"]


def test_a_table_that_comes_later_is_found(project: Project) -> None:
    with open_instance(project.settings) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        assert storage.has_table("asset_event_tags")
        assert not storage.has_table("later")
        with closing(sqlite3.connect(storage.path_for_shard("index"))) as database:
            database.execute("create table later (x)")
        assert storage.has_table("later")
