"""The commands as users type them."""

import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pytest
import requests
from typer.testing import Result

from feedback_assets.ad_spend.days import read_spend
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project

DAY = YESTERDAY - timedelta(days=3)


def test_check_reports_every_provider_as_ok(shop: Project) -> None:
    result = shop.run("check")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    # The warehouse comes after the providers.
    assert len(lines) == len(REGISTRY) + 1 + 2
    assert all("configured, reachable, authorised" in line for line in lines[: len(REGISTRY)])


def last_line(result: Result) -> list[str]:
    """The words of the last line without the program name, ready to run."""
    program, *arguments = shlex.split(result.output.splitlines()[-1])
    assert shutil.which(program), result.output
    assert Path(program).name == "feedback-assets"
    return arguments


def test_check_ends_with_a_backfill_command_to_paste(shop: Project) -> None:
    command = last_line(shop.run("check"))
    assert command[0] == "backfill"
    first, last = command[2], command[4]
    assert date.fromisoformat(last) == YESTERDAY
    assert (YESTERDAY - date.fromisoformat(first)).days + 1 == shop.settings.feedback_refresh_days
    done = shop.run(*command, "--select", "thanx/feedbacks")
    assert done.exit_code == 0, done.output


def test_check_with_nothing_configured_explains_where_to_find_each_value(
    project: Project,
) -> None:
    result = project.run("check")
    for line, provider in zip(result.stdout.splitlines()[: len(REGISTRY)], REGISTRY, strict=True):
        assert line.startswith(f"– {provider.name}: ")
        assert provider.found in line
    line = result.stdout.splitlines()[len(REGISTRY) + 1]
    assert str(project.home / ".env") in line
    for provider in REGISTRY:
        assert " ".join(f"{name}=…" for name in provider.needed_variables) in line
    assert last_line(result) == ["check"]


def test_check_names_the_line_of_the_dotenv_to_fix(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The environment wins, so one of the two wrong keys has to be fixed there.
    monkeypatch.delenv("RETARGETING_REST_KEY")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    path = shop.home / ".env"
    path.write_text(
        "# mine\n\nTHANX_ACCESS_TOKEN=good-enough\n\nexport RETARGETING_REST_KEY='wrong-one'\n"
    )
    os.environ["THANX_ACCESS_TOKEN"] = "wrong-too"
    result = shop.run("check")
    assert result.exit_code == 1
    line = result.stdout.splitlines()[len(REGISTRY) + 1]
    assert last_line(result) == ["check"]
    assert f"RETARGETING_REST_KEY in line 5 of {path}" in line
    assert "THANX_ACCESS_TOKEN in the environment" in line
    assert "wrong-" not in result.output
    for failed in (line for line in result.stdout.splitlines() if line.startswith("✗")):
        assert any(provider.found in failed for provider in REGISTRY)


@pytest.mark.slow
def test_check_advises_waiting_if_no_setting_is_wrong(shop: Project, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"fullwhere"})))
    result = shop.run("check")
    assert result.exit_code == 1
    line = result.stdout.splitlines()[len(REGISTRY) + 1]
    assert line == "Next: fullwhere cannot be reached at the moment; check again later:"
    assert last_line(result) == ["check"]


def test_check_reports_a_start_date_that_has_not_ended(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = YESTERDAY + timedelta(days=1)
    monkeypatch.setenv("FEEDBACK_START_DATE", str(today))
    result = shop.run("check")
    assert f"FEEDBACK_START_DATE is {today}" in result.stdout
    assert last_line(result) == ["check"]


def test_the_command_to_paste_works_from_any_directory(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = Path(sys.executable).parent
    for directory, program in (
        (installed.parent, f"{installed.name}/feedback-assets"),
        (tmp_path, str(installed / "feedback-assets")),
    ):
        monkeypatch.chdir(directory)
        assert project.run("check").output.splitlines()[-1] == f"{program} check"
    monkeypatch.setenv("PATH", str(installed))
    assert project.run("check").output.splitlines()[-1] == "feedback-assets check"


def test_check_with_nothing_configured_names_every_variable_and_succeeds(project: Project) -> None:
    result = project.run("check")
    assert result.exit_code == 0
    for variable in ("WICKED_REPORTS_API_KEY", "THANX_ACCESS_TOKEN", "FULLWHERE_API_SECRET"):
        assert variable in result.stdout


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
def test_check_with_a_wrong_key_fails_and_names_the_variable_to_fix(
    shop: Project, monkeypatch: pytest.MonkeyPatch, variable: str, provider: str
) -> None:
    monkeypatch.setenv(variable, "wrong-and-secret")
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("✗")]
    assert provider in line
    assert variable in line
    assert "wrong-and-secret" not in result.output


def test_an_invalid_setting_is_reported_in_one_line(
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


def test_query_prints_table_csv_and_json(project: Project) -> None:
    _put(project, "schön")
    sql = 'select id, text_feedback, day from "feedbackpulse"."submissions"'
    assert "schön" in project.run("query", sql).stdout
    (row,) = csv.DictReader(io.StringIO(project.run("query", sql, "--csv").stdout))
    assert row == {"id": "1", "text_feedback": "schön", "day": str(DAY)}
    assert json.loads(project.run("query", sql, "--json").stdout) == [
        {"id": 1, "text_feedback": "schön", "day": str(DAY)}
    ]


def test_query_lists_every_table_and_the_quarantine_before_any_data_exists(
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


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_csv_has_no_formula_for_a_spreadsheet_to_run(project: Project, text: str) -> None:
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
        "summarize '/etc/passwd'",
        "describe '/etc/passwd'",
    ],
)
def test_query_only_reads_tables(project: Project, sql: str) -> None:
    result = project.run("query", sql)
    assert result.exit_code == 1
    assert result.stderr.strip()
    assert "Traceback" not in result.output
    assert "root:" not in result.output


def test_backfill_rejects_invalid_days(shop: Project) -> None:
    for first, last, words in (
        (YESTERDAY, DAY, "is after"),
        (DAY, YESTERDAY + timedelta(days=1), "last complete day"),
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
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    for variable in ("FULLWHERE_API_KEY", "FULLWHERE_API_SECRET", "THANX_ACCESS_TOKEN"):
        assert variable in result.stderr


def test_the_sandbox_prints_the_settings_to_use_it(project: Project) -> None:
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
        "--no-effects",
        "--ad-spend",
        str(project.home / "what it cost"),
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
    spend = read_spend(printed["FEEDBACK_AD_SPEND"])
    assert (min(spend.days), max(spend.days)) == (YESTERDAY - timedelta(days=29), YESTERDAY)
    assert {type(row["id"]) for row in answer.json()["data"]} == {int, str}


@pytest.mark.slow
def test_a_provider_that_is_down_is_reported_as_down(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_URL", "http://127.0.0.1:9")
    sandbox.set_faults(Faults(quotas=False))
    result = shop.run("check")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("✗")]
    assert "thanx" in line


def test_check_skips_providers_that_are_not_loaded(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "thanx")
    monkeypatch.setenv("FULLWHERE_API_SECRET", "wrong-and-secret")
    result = shop.run("check")
    assert result.exit_code == 0, result.output
    assert "– fullwhere: not loaded: FEEDBACK_PROVIDERS is thanx" in result.stdout
    assert {provider for provider, _ in sandbox.requests} == {"thanx"}


def test_version_prints_the_package_version(project: Project) -> None:
    assert project.run("--version").stdout == f"feedback-assets {version('feedback-assets')}\n"


def test_every_command_has_a_one_line_help(project: Project) -> None:
    lines = [line for line in project.run("--help").stdout.splitlines() if line.startswith("│")]
    options = [line for line in lines if line.startswith("│ --")]
    commands = [line for line in lines if re.match(r"│ [a-z]", line)]
    assert len(options) + len(commands) == len(lines)
    names = [line.split()[1] for line in commands]
    first = [name for name in names if name in {"check", "backfill", "ui", "query"}]
    assert first == [name for name in ("check", "backfill", "ui", "query") if name in names]
    assert names.index("query") < names.index("contact") < names.index("sandbox")


def _in_ascii(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "feedback_assets.cli", *arguments]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    return subprocess.run(
        command, env=env, capture_output=True, check=False, encoding="ascii", timeout=240
    )


@pytest.mark.slow
def test_output_without_unicode_is_plain_ascii(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_ACCESS_TOKEN", "token")
    monkeypatch.setenv("THANX_URL", "http://127.0.0.1:9")
    checked = _in_ascii("check")
    assert checked.returncode == 1
    assert checked.stdout.startswith("- wicked_reports: not configured")
    assert "\nFAILED thanx: " in checked.stdout
    _put(project, "schön …\n✓")
    sql = "select text_feedback as t from feedbackpulse.submissions"
    assert "| sch\\xf6n ...\\nok |" in _in_ascii("query", sql).stdout
    assert json.loads(_in_ascii("query", sql, "--json").stdout) == [{"t": "schön …\n✓"}]
    assert "sch\\xf6n" in _in_ascii("query", sql, "--csv").stdout
    assert _in_ascii("--help").returncode == 0


@pytest.mark.slow
def test_a_backfill_without_unicode_prints_plain_ascii(shop: Project) -> None:
    done = _in_ascii(
        "backfill", "--from", str(DAY), "--to", str(DAY), "--select", "thanx/feedbacks"
    )
    assert done.returncode == 0, done.stderr
    assert "thanx.feedbacks" in done.stdout


def test_an_argument_that_is_not_utf8_is_reported_in_one_line(project: Project) -> None:
    command = [
        os.fsencode(sys.executable),
        b"-m",
        b"feedback_assets.cli",
        b"query",
        b"select '\xff'",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "argument 2 is not valid UTF-8: \"select '\\udcff'\"\n"


def test_a_closed_pipe_shows_no_traceback() -> None:
    sql = "select range from range(100000)"
    command = f"{sys.executable} -m feedback_assets.cli query --csv '{sql}' | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "range\n"
    assert done.stderr == ""
