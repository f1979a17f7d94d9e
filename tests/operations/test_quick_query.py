"""A query answered without settings and PyArrow gives what the usual way gives, or nothing."""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from feedback_assets.operations import quick_query
from feedback_assets.operations.query import run_query
from feedback_assets.operations.quick_query import quick_answer, remember
from feedback_assets.settings import load_settings
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import find_table
from tests.conftest import Project

VALUE = find_table("marts.customer_value")
ROWS = [
    {"nps_class": "promoter", "currency": "EUR", "customers": 2, "orders": 3,
     "net_amount": Decimal("10.5000"), "net_amount_per_customer": Decimal("5.2500"),
     "repeat_rate": 0.5},
    {"nps_class": "(no answer)", "currency": "=1+1", "customers": 0, "orders": 0,
     "net_amount": Decimal("-0.1000"), "net_amount_per_customer": None, "repeat_rate": None},
]  # fmt: skip
PLAIN = [
    "select * exclude (net_amount_per_customer) from marts.customer_value order by currency",
    'with v as (from "marts"."customer_value") select nps_class, customers > 1 as many from v',
    "SELECT trimmed(' a ') AS a, 7 AS n, 'nan'::double AS d",
    "select * from marts.customer_value where false",
]
NOT_PLAIN = [
    "select sum(customers) from marts.customer_value",
    "select now()",
    "select table_name from information_schema.tables",
    "select * from query('from marts.customer_value')",
    "select count(*) from unified.orders",
    "describe select 1",
    "select 1; select 2",
    "select no_such_column from marts.customer_value",
    "select * from '/etc/passwd'",
    "from read_text('/etc/passwd')",
    "select range from range(1000000)",
    "select repeat('x', 20000000)",
    "drop table x",
]


@pytest.fixture
def known(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse with a table, as a first query leaves it."""
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    warehouse = project.warehouse
    warehouse.replace_whole(VALUE, pa.Table.from_pylist(ROWS, schema=VALUE.schema))
    assert quick_answer(PLAIN[0]) is None, "nothing is known yet"
    remember(load_settings(), warehouse)
    return warehouse


@pytest.mark.parametrize("sql", PLAIN)
def test_a_quick_answer_is_the_usual_answer(known: Warehouse, sql: str) -> None:
    answer, usual = quick_answer(sql), run_query(sql, known)
    assert answer is not None
    assert list(answer.names) == usual.column_names
    columns = [column.to_pylist() for column in usual.columns]
    assert str(answer.rows) == str(tuple(zip(*columns, strict=True)))
    kinds = [str(field.type) for field in usual.schema]
    assert list(answer.numbers) == [k.startswith(("int", "double", "decimal")) for k in kinds]


@pytest.mark.parametrize("sql", NOT_PLAIN)
def test_what_is_not_plain_has_no_quick_answer(known: Warehouse, sql: str) -> None:
    assert quick_answer(sql) is None


def test_another_setting_or_other_code_is_another_question(
    known: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sql = PLAIN[0]
    with monkeypatch.context() as changed:
        changed.setenv("FEEDBACK_MATCH_DAYS", "many")
        assert quick_answer(sql) is None
    with monkeypatch.context() as changed:
        changed.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "other"))
        assert quick_answer(sql) is None
    with monkeypatch.context() as changed:
        changed.setattr(quick_query, "_PARTS", ("", "tables"))
        assert quick_answer(sql) is None
    with monkeypatch.context() as changed:
        changed.chdir(tmp_path)
        assert quick_answer(sql) is None
    assert quick_answer(sql) is not None
    quick_query._memo().write_text("{")
    assert quick_answer(sql) is None


def test_a_table_that_is_gone_is_seen_to_be_gone(known: Warehouse) -> None:
    Path(known.path(VALUE)).unlink()
    assert quick_answer(PLAIN[0]) is None


def test_what_is_written_down_is_the_users_alone_and_holds_no_secret(
    project: Project, known: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_ACCESS_TOKEN", "a-token-of-thanx")
    remember(load_settings(), known)
    path = quick_query._memo()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert "THANX_ACCESS_TOKEN" not in text
    assert "a-token-of-thanx" not in text
    assert project.settings.customer_secret().decode() not in text


def test_the_command_prints_the_same_the_first_time_and_the_next(
    known: Warehouse, tmp_path: Path
) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path / "own")}
    quick_query._memo().unlink()

    def said(*arguments: str) -> str:
        command = [sys.executable, "-m", "feedback_assets.cli", "query", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    first = said(PLAIN[0], "--csv")
    assert quick_query._memo().is_file()
    assert said(PLAIN[0], "--csv") == first
    assert [row["currency"] for row in csv.DictReader(io.StringIO(first))] == ["'=1+1", "EUR"]
    assert json.loads(said("--json", PLAIN[0]))[1]["net_amount"] == 10.5
    assert "promoter" in said(PLAIN[0])


def test_the_next_command_is_quick_and_one_of_another_home_is_not(
    known: Warehouse, tmp_path: Path
) -> None:
    given = {"TMPDIR": str(tmp_path / "own"), "FEEDBACK_WAREHOUSE": known.base}
    # The command sets it, so what was given must be what counts.
    env = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"} | given
    quick_query._memo().unlink()

    def said(**changed: str) -> str:
        sql = "select trimmed(' a ') as a"
        command = [sys.executable, "-m", "feedback_assets.cli", "query", "--csv", sql]
        done = subprocess.run(
            command, env=env | changed, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()[1]

    assert said() == "a"
    memo = quick_query._memo()
    noted = json.loads(memo.read_text())
    noted["macros"]["trimmed"] = "create macro trimmed(t) as 'quick'"
    memo.write_text(json.dumps(noted))
    assert said() == "quick"
    assert said(HOME=str(tmp_path)) == "a", "a warehouse may be written as ~/tables"
