"""The commands as users type them."""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pytest
import requests

from feedback_assets.providers.registry import REGISTRY
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project

DAY = YESTERDAY - timedelta(days=3)


def test_check_says_of_each_provider_that_all_is_well(shop: Project) -> None:
    result = shop.run("check")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert all("configured, reachable, authorised" in line for line in lines)


def test_check_ends_with_a_backfill_that_can_be_run_as_it_stands(shop: Project) -> None:
    (line,) = shop.run("check").stderr.splitlines()
    command = shlex.split(line.removeprefix("Next: run: "))
    assert command[:2] == ["feedback-assets", "backfill"]
    first, last = command[3], command[5]
    assert date.fromisoformat(last) == YESTERDAY
    assert (YESTERDAY - date.fromisoformat(first)).days + 1 == shop.settings.feedback_refresh_days
    done = shop.run(*command[1:], "--select", "thanx/feedbacks")
    assert done.exit_code == 0, done.output


def test_check_with_nothing_configured_says_where_each_value_is_found_and_what_to_write(
    project: Project,
) -> None:
    result = project.run("check")
    for line, provider in zip(result.stdout.splitlines(), REGISTRY, strict=True):
        assert line.startswith(f"– {provider.name}: ")
        assert provider.found in line
    (line,) = result.stderr.splitlines()
    assert str(project.home / ".env") in line
    for provider in REGISTRY:
        assert " ".join(f"{name}=…" for name in provider.needed_variables) in line
    assert line.endswith("feedback-assets check")


def test_check_names_the_line_of_the_dotenv_to_mend(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The environment wins, so of the two keys that are wrong one has to be mended there.
    monkeypatch.delenv("RETARGETING_REST_KEY")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    path = shop.home / ".env"
    path.write_text(
        "# mine\n\nTHANX_ACCESS_TOKEN=good-enough\n\nexport RETARGETING_REST_KEY='wrong-one'\n"
    )
    os.environ["THANX_ACCESS_TOKEN"] = "wrong-too"
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert f"RETARGETING_REST_KEY in line 5 of {path}" in line
    assert "THANX_ACCESS_TOKEN in the environment" in line
    assert "wrong-" not in result.output
    for failed in (line for line in result.stdout.splitlines() if line.startswith("✗")):
        assert any(provider.found in failed for provider in REGISTRY)


def test_check_says_to_wait_where_no_setting_is_wrong(shop: Project, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"fullwhere"})))
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line == "Next: wait until fullwhere can be reached, then run: feedback-assets check"


def test_check_with_nothing_configured_names_every_variable_and_succeeds(project: Project) -> None:
    result = project.run("check")
    assert result.exit_code == 0
    for variable in ("WICKED_REPORTS_API_KEY", "THANX_ACCESS_TOKEN", "FULLWHERE_API_SECRET"):
        assert variable in result.stdout
    assert len(result.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("variable", "provider"),
    [
        ("WICKED_REPORTS_API_KEY", "wicked_reports"),
        ("THANX_ACCESS_TOKEN", "thanx"),
        ("FULLWHERE_API_SECRET", "fullwhere"),
        ("FEEDBACKPULSE_API_KEY", "feedbackpulse"),
        ("RETARGETING_REST_KEY", "retargeting"),
    ],
)
def test_check_with_a_wrong_key_fails_and_says_which_variable_to_mend(
    shop: Project, monkeypatch: pytest.MonkeyPatch, variable: str, provider: str
) -> None:
    monkeypatch.setenv(variable, "wrong-and-secret")
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("✗")]
    assert provider in line
    assert variable in line
    assert "wrong-and-secret" not in result.output


def test_a_setting_that_cannot_be_used_is_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_MATCH_DAYS", "many")
    for command in (
        ["check"],
        ["query", "select 1"],
        ["backfill", "--from", str(DAY), "--to", str(DAY)],
    ):
        result = project.run(*command)
        assert result.exit_code == 2
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("FEEDBACK_MATCH_DAYS='many'")


def _put(project: Project, comment: str) -> None:
    table = find_table("feedbackpulse.submissions")
    given = datetime.combine(DAY, time(9), UTC)
    row = {"id": 1, "nps_score": 0, "text_feedback": comment, "created_at": given}
    project.warehouse.replace_day(table, DAY, pa.Table.from_pylist([row], schema=table.schema))


def test_query_answers_as_table_csv_and_json(project: Project) -> None:
    _put(project, "schön")
    sql = 'select id, text_feedback, day from "feedbackpulse"."submissions"'
    assert "schön" in project.run("query", sql).stdout
    (row,) = csv.DictReader(io.StringIO(project.run("query", sql, "--csv").stdout))
    assert row == {"id": "1", "text_feedback": "schön", "day": str(DAY)}
    assert json.loads(project.run("query", sql, "--json").stdout) == [
        {"id": 1, "text_feedback": "schön", "day": str(DAY)}
    ]


def test_query_knows_every_table_and_the_quarantine_before_anything_is_there(
    project: Project,
) -> None:
    for name in (
        "marts.nps_by_channel",
        "marts.order_feedback",
        "unified.orders",
        'quarantine."thanx.feedbacks"',
    ):
        result = project.run("query", f"select count(*) as n from {name}", "--csv")
        assert result.stdout == "n\n0\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_csv_gives_a_spreadsheet_nothing_to_run(project: Project, text: str) -> None:
    _put(project, text)
    sql = "select text_feedback from feedbackpulse.submissions"
    rows = list(csv.reader(io.StringIO(project.run("query", sql, "--csv").stdout)))
    assert rows == [["text_feedback"], [f"'{text}"]]


@pytest.mark.parametrize(
    "sql",
    [
        "create table t as select 1",
        "copy (select 1) to '/tmp/out.csv'",
        "select 1; select 2",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "install httpfs",
        "attach '/tmp/x.db'",
        "set enable_external_access = true",
        "select * from nowhere",
        "selec 1",
        "",
    ],
)
def test_query_reads_the_tables_and_does_nothing_else(project: Project, sql: str) -> None:
    result = project.run("query", sql)
    assert result.exit_code == 1
    assert result.stderr.strip()
    assert "Traceback" not in result.output
    assert "root:" not in result.output


def test_backfill_refuses_days_that_cannot_be(shop: Project) -> None:
    for first, last, words in (
        (YESTERDAY, DAY, "lies after"),
        (DAY, YESTERDAY + timedelta(days=1), "last whole day"),
        (DAY - timedelta(days=4000), DAY, "FEEDBACK_START_DATE"),
    ):
        result = shop.backfill(first, last)
        assert result.exit_code == 2
        assert words in result.stderr
    for selection in ("no_such_table", "status:FAILED", "code_location:x", "((", "a\nb", ""):
        result = shop.backfill(DAY, DAY, "--select", selection)
        assert result.exit_code == 2
        assert f"--select {selection!r}" in result.stderr


def test_backfill_with_nothing_configured_fails_and_names_the_missing_variables(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = project.backfill(DAY, DAY, "--select", "group:fullwhere or group:thanx")
    assert result.exit_code == 1
    for variable in ("FULLWHERE_API_KEY", "FULLWHERE_API_SECRET", "THANX_ACCESS_TOKEN"):
        assert variable in result.stderr


def test_the_sandbox_prints_the_settings_that_point_at_it(project: Project) -> None:
    command = [
        sys.executable,
        "-m",
        "feedback_assets.cli",
        "sandbox",
        "--port",
        "0",
        "--days",
        "30",
        "--customers",
        "50",
        "--seed",
        "2",
        "--sloppy",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        printed = {}
        while "RETARGETING_CUSTOMER_ID" not in printed:
            name, _, value = process.stdout.readline().strip().partition("=")
            assert re.fullmatch(r"[A-Z_]+", name)
            printed[name] = value
        answer = requests.get(
            f"{printed['FEEDBACKPULSE_URL']}/api/v2/submissions",
            headers={"Authorization": f"Bearer {printed['FEEDBACKPULSE_API_KEY']}"},
            timeout=10,
        )
        process.terminate()
    assert answer.json()["meta"]["total"] > 0
    assert {type(row["id"]) for row in answer.json()["data"]} == {int, str}


def test_a_provider_that_is_down_is_said_to_be_down(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_URL", "http://127.0.0.1:9")
    sandbox.set_faults(Faults(quotas=False))
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("✗")]
    assert "thanx" in line


def test_check_leaves_alone_the_providers_that_are_not_to_be_loaded(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "thanx")
    monkeypatch.setenv("FULLWHERE_API_SECRET", "wrong-and-secret")
    result = shop.run("check")
    assert result.exit_code == 0, result.output
    assert "– fullwhere: not loaded: FEEDBACK_PROVIDERS is thanx" in result.stdout
    assert {provider for provider, _ in sandbox.requests} == {"thanx"}
