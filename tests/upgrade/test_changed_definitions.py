"""One definition changes after a warehouse was built: only its dependants are due."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

import feedback_assets
from feedback_assets.assets.defined import code_version, definition_of
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.automation.refresh_sensor import due
from feedback_assets.backfill.definitions import loaded_tables
from feedback_assets.freshness.out_of_date import CHECK, lines, numbers, out_of_date
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import (
    DERIVED_TABLES,
    PROVIDER_TABLES,
    REPORT_PAGES,
    find_table,
)
from feedback_assets.transforms.engine import sql_of
from tests.conftest import YESTERDAY, Project
from tests.upgrade.shop import serving

FIRST, LAST = date(2026, 10, 5), date(2026, 10, 7)
DERIVED = [*DERIVED_TABLES, *REPORT_PAGES]
PULSE = find_table("feedbackpulse.submissions")
SETTLE = """
import json
from pathlib import Path
from feedback_assets.runtime.instance import open_instance
from tests.conftest import Project
from tests.automation.robot import Robot

project = Project(Path())
with open_instance(project.settings) as instance:
    built = Robot(project, instance).settle()
print(json.dumps({table.full_name: sorted(map(str, days)) for table, days in built.items()}))
"""


@pytest.fixture
def built(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A warehouse of three days, built by the current definitions."""
    with serving() as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        result = project.backfill(FIRST, LAST)
        assert "failed:" not in result.stderr.replace("check failed:", ""), result.stderr
        assert "Out of date" not in result.stderr
        yield project


@pytest.fixture
def instance(built: Project) -> Iterator[dg.DagsterInstance]:
    with open_instance(built.settings) as opened:
        yield opened


def out_of_date_now(project: Project, instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """The reasons of tables whose partitions are all out of date."""
    reasons = {}
    for table in loaded_tables(project.settings):
        found = out_of_date(table, read_recorded(instance, table, NO_PREFIX), project.settings)
        assert found.unknown == ()
        assert len(found.reasons) in {0, found.partitions}
        if found.reasons:
            reasons[table.full_name] = set(found.reasons.values())
    return reasons


@pytest.mark.slow
def test_a_changed_setting_makes_only_its_dependants_due_and_reverting_makes_nothing_due(
    built: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned() -> set[str]:
        plan = due(instance, built.settings, DERIVED, YESTERDAY)
        return {build.table.full_name for build in plan.builds}

    assert out_of_date_now(built, instance) == {}
    assert planned() == set()
    wicked = {table.full_name for table in PROVIDER_TABLES if table.group == "wicked_reports"}
    with monkeypatch.context() as patch:
        patch.setenv("WICKED_REPORTS_TIMEZONE", "Europe/Paris")
        reason = "WICKED_REPORTS_TIMEZONE was UTC and is Europe/Paris"
        assert out_of_date_now(built, instance) == {name: {reason} for name in wicked}
        assert planned() == set(), "a derived day follows once its inputs were read again"
        reported = lines(instance, built.settings, PROVIDER_TABLES)
        (command,) = [shlex.split(line) for line in reported if line.startswith("  ")]
        assert command[:6] == [
            "feedback-assets", "backfill", "--from", str(FIRST), "--to", str(LAST),
        ]  # fmt: skip
        assert all(f'key:"{name.replace(".", "/")}"' in command[-1] for name in wicked)
        assert built.run(*command[1:]).exit_code == 0
        assert lines(instance, built.settings, PROVIDER_TABLES) == []
    assert set(out_of_date_now(built, instance)) == wicked
    assert built.run(*command[1:]).exit_code == 0

    with monkeypatch.context() as patch:
        patch.setenv("FEEDBACK_CUSTOMER_SECRET", "another secret of its own")
        keyed = {table.full_name for table in DERIVED_TABLES if "$inner_pad" in sql_of(table)}
        reason = "FEEDBACK_CUSTOMER_SECRET changed"
        assert out_of_date_now(built, instance) == {name: {reason} for name in keyed}
        assert planned() == {"marts.order_feedback"}, "the others wait for it"
        mart = find_table("marts.order_feedback")
        reported = numbers(mart, read_recorded(instance, mart, NO_PREFIX), built.settings)
        assert reported["out_of_date"] == reported["partitions"] == 3
        assert reported["days"] == f"{FIRST} to {LAST}"
    with monkeypatch.context() as patch:
        patch.setenv("FEEDBACK_MATCH_DAYS", "60")
        matching = {
            table.full_name
            for table in DERIVED_TABLES
            if "$match_days" in sql_of(table)
            or "match" in {depends.span for depends in table.depends.values()}
        }
        reason = "FEEDBACK_MATCH_DAYS was 90 and is 60"
        assert out_of_date_now(built, instance) == {name: {reason} for name in matching}
        assert "unified.feedback" in planned()
    assert out_of_date_now(built, instance) == {}
    assert planned() == set()


@dataclass(frozen=True)
class Copy:
    """A copy of the package in which something is declared differently."""

    source: Path

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        file = self.source / "feedback_assets" / path
        text = file.read_text(encoding="utf-8")
        assert change(text) != text
        file.write_text(change(text), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        root = Path(feedback_assets.__file__).parents[1]
        environ = {**os.environ, "PYTHONPATH": f"{self.source}{os.pathsep}{root}"}
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True, text=True, env=environ, cwd=self.source, check=False,
        )  # fmt: skip

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "feedback_assets.cli", *arguments)

    def settle(self) -> dict[str, list[str]]:
        done = self.run("-c", SETTLE)
        assert done.returncode == 0, done.stderr
        found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    source = tmp_path / "upgraded"
    package = Path(feedback_assets.__file__).parent
    shutil.copytree(
        package, source / "feedback_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    return Copy(source)


@pytest.mark.slow
def test_a_changed_formula_or_column_rebuilds_only_its_dependants(
    built: Project, copy: Copy
) -> None:
    assert copy.settle() == {}
    copy.edit("transforms/sql/marts/nps_daily.sql", lambda sql: f"-- Said otherwise.\n{sql}")
    assert copy.settle() == {}

    copy.edit(
        "transforms/sql/marts/nps_daily.sql",
        lambda sql: f"select * replace (nps + 1e0 as nps) from (\n{sql}\n)",
    )
    copy.edit(
        "providers/feedbackpulse/tables.py",
        lambda text: text.replace(
            '    key=("id",),', '    Column("asked_in", TEXT, "Where"),\n    key=("id",),'
        ),
    )
    days = [str(day) for day in (date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7))]
    assert copy.settle() == {"marts.nps_daily": days, "reports.nps": ["None"]}
    assert copy.settle() == {}

    # One day is reread under the new declaration, the others are as old as before.
    day = ["--from", days[0], "--to", days[0]]
    done = copy.command("backfill", *day, "--select", 'key:"feedbackpulse/submissions"')
    assert done.returncode == 0, done.stderr
    reported = done.stderr.splitlines()
    named = [line for line in reported if line.startswith("Out of date: ")]
    why = "its declaration or the code that fills it changed"
    assert named == [f"Out of date: {PULSE.full_name}, {days[1]} to {days[2]}: {why}"]
    assert CHECK in done.stderr
    select = 'select count(*) as n, count(asked_in) as asked from "feedbackpulse"."submissions"'
    asked = copy.command("query", select, "--json")
    assert json.loads(asked.stdout)[0]["asked"] == 0

    (line,) = [line for line in reported if line.startswith("  ") and " backfill " in line]
    command = shlex.split(line)
    done = copy.command(*command[command.index("backfill") :])
    assert done.returncode == 0, done.stderr
    assert "Out of date: " not in done.stderr
    # Dependants are rebuilt; their content is unchanged, and nothing further is due.
    assert set(copy.settle()) <= {"unified.feedback"}
    assert copy.settle() == {}


def test_loading_definitions_generates_no_secret_and_code_versions_need_none(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def versions() -> dict[str, str | None]:
        specs = project.defs.resolve_all_asset_specs()
        return {".".join(spec.key.path): spec.code_version for spec in specs}

    before = versions()
    for table in (*loaded_tables(project.settings), *REPORT_PAGES):
        assert before[table.full_name] == code_version(table, project.settings)
        assert before[table.full_name]
    assert not project.settings.customer_secret_file.exists()
    assert not project.settings.erasure_secret_file.exists()

    def definitions() -> dict[Table, str]:
        return {table: definition_of(table, project.settings).text for table in DERIVED_TABLES}

    without = definitions()
    project.settings.customer_secret()
    kept = definitions()
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "another secret of its own")
    assert versions() == before
    keyed = {table for table in DERIVED_TABLES if "$inner_pad" in sql_of(table)}
    assert {table for table in DERIVED_TABLES if definitions()[table] != kept[table]} == keyed
    assert {table for table in DERIVED_TABLES if without[table] != kept[table]} == keyed
    assert not any("another secret" in text for text in definitions().values())
