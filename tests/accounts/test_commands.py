"""``--account``: commands for an account of another project, run in that project."""

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from feedback_assets.cli import app
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.accounts.projects import add_account, importable, make_project

NUMBERS = itertools.count()
NPS = find_table("marts.nps_daily")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with two accounts, as the current directory."""
    root = tmp_path / "host"
    defs = make_project(root, f"commanded_{next(NUMBERS)}")
    for number, brand in enumerate(("brand_a", "brand_b"), start=1):
        add_account(defs, brand)
        row = dict.fromkeys((column.name for column in NPS.columns), 0)
        rows = [row | {"provider": brand, "responses": number}]
        day = pa.Table.from_pylist(rows, schema=NPS.schema)
        Warehouse(str(root / "data" / brand)).replace_day(NPS, date(2026, 11, 1), day)
    monkeypatch.chdir(root)
    with importable(root):
        yield root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_an_account_is_chosen_by_its_prefix(root: Path) -> None:
    for number, brand in enumerate(("brand_a", "brand_b"), start=1):
        sql = "select sum(responses) as n from marts.nps_daily"
        assert run("query", "--csv", sql, "--account", brand).stdout.split() == ["n", str(number)]


def test_a_query_without_an_account_sees_all_of_them(root: Path) -> None:
    sql = """
        select a.provider as one, b.provider as other
        from brand_a.marts.nps_daily as a, brand_b.marts.nps_daily as b
    """
    assert run("query", "--csv", sql).stdout.split() == ["one,other", "brand_a,brand_b"]


def test_other_commands_require_a_choice_of_account(root: Path) -> None:
    done = run("check")
    assert done.exit_code == 2
    assert "choose one with --account: brand_a, brand_b" in done.output


def test_an_unknown_account_is_refused_with_those_that_exist(root: Path) -> None:
    done = run("check", "--account", "brand_c")
    assert done.exit_code == 2
    assert "brand_a, brand_b" in done.output


def test_the_only_account_of_a_project_needs_no_option(root: Path) -> None:
    (file,) = root.glob("src/*/defs/brand_b/defs.yaml")
    file.unlink()
    assert "BRAND_A_THANX_ACCESS_TOKEN" in run("check").output


def test_commands_work_below_the_root_of_the_project(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (defs,) = root.glob("src/*/defs")
    monkeypatch.chdir(defs)
    assert run("query", "--csv", "select 1 as one from brand_a.marts.nps_daily").exit_code == 0


def test_check_names_the_accounts_own_variables_and_files(root: Path) -> None:
    done = run("check", "--account", "brand_b")
    assert "set BRAND_B_THANX_ACCESS_TOKEN in the environment or in .env" in done.output
    assert f"in {root}/.env (BRAND_B_" in done.output
    assert done.output.rstrip().endswith("check --account brand_b")
    assert str(root / "data" / "brand_b") in done.output


def test_settings_come_from_the_dotenv_of_the_project(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set first, so that pytest removes it afterwards.
    monkeypatch.setenv("BRAND_A_FEEDBACK_MATCH_DAYS", "30")
    monkeypatch.delenv("BRAND_A_FEEDBACK_MATCH_DAYS")
    (root / ".env").write_text("BRAND_A_FEEDBACK_MATCH_DAYS=soon\n")
    done = run("check", "--account", "brand_a")
    assert done.exit_code == 2
    assert "BRAND_A_FEEDBACK_MATCH_DAYS='soon': Input should be a valid integer" in done.output


def test_a_backfill_names_keys_with_the_prefix(root: Path) -> None:
    days = ("--from", "2026-11-01", "--to", "2026-11-01", "--account", "brand_a")
    done = run("backfill", *days, "--select", "marts/nps_daily")
    assert done.exit_code == 2
    assert '["brand_a", "marts", "nps_daily"]' in done.output, "Dagster suggests the right key"
    done = run("backfill", *days)
    assert "set BRAND_A_WICKED_REPORTS_API_KEY or" in done.output


def test_a_project_that_does_not_load_is_reported_in_one_line(root: Path) -> None:
    (file,) = root.glob("src/*/defs/brand_b/defs.yaml")
    file.write_text(file.read_text().replace("warehouse:", "warehouses:"))
    done = run("check", "--account", "brand_a")
    assert done.exit_code == 2
    assert f"{root} cannot be loaded" in done.output
    assert "run: dg check defs" in done.output


def test_an_invalid_setting_of_an_account_is_named(root: Path) -> None:
    (file,) = root.glob("src/*/defs/brand_b/defs.yaml")
    file.write_text(f"{file.read_text()}  settings:\n    WICKED_REPORTS_TIMEZONE: Europe/Parris\n")
    done = run("query", "select 1")
    assert done.exit_code == 2
    assert "WICKED_REPORTS_TIMEZONE='Europe/Parris'" in done.output
    assert "├" not in done.output


def test_outside_a_project_an_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("check", "--account", "brand_a")
    assert done.exit_code == 2
    assert "there is no such account" in done.output


def test_a_project_without_this_package_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defs = make_project(tmp_path / "other", "other")
    (defs / "broken.py").write_text("raise RuntimeError\n")
    monkeypatch.chdir(tmp_path / "other")
    assert "THANX_ACCESS_TOKEN" in run("check").output
