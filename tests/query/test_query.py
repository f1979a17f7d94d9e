"""SQL can only read the tables, not affect the machine it runs on."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from feedback_assets.query.run import QueryError, open_answer, run_query
from feedback_assets.query.text import visible
from feedback_assets.tables import find_table
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.servers.supervised import wait_until

SUBMISSIONS = find_table("feedbackpulse.submissions")
DAY = date(2026, 11, 1)
SHUT = "Cannot access|disabled by configuration|not in the catalog|locked|does not exist|one SELECT"


def put(warehouse: Warehouse, comment: str = "hello") -> Warehouse:
    row = {"id": 1, "text_feedback": comment, "created_at": datetime(2026, 11, 1, 9, tzinfo=UTC)}
    warehouse.replace_day(SUBMISSIONS, DAY, pa.Table.from_pylist([row], schema=SUBMISSIONS.schema))
    return warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = put(Warehouse(str(tmp_path / "warehouse")))
    (tmp_path / "outside.csv").write_text("a\nTREASURE\n")
    (tmp_path / "warehouse-2").mkdir()
    (tmp_path / "warehouse-2" / "x.csv").write_text("a\nTREASURE\n")
    (tmp_path / "warehouse" / "reports").mkdir()
    (tmp_path / "warehouse" / "reports" / "list.csv").write_text("a\nTREASURE\n")
    (tmp_path / "warehouse" / "marts" / "nps_daily").mkdir(parents=True)
    link = tmp_path / "warehouse" / "marts" / "nps_daily" / "link.csv"
    link.symlink_to(tmp_path / "outside.csv")
    return warehouse


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('{tmp}/outside.csv')",
        "from read_text('{tmp}/outside.csv')",
        "from read_blob('{tmp}/outside.csv')",
        "from '{tmp}/outside.csv'",
        "from sniff_csv('{tmp}/outside.csv')",
        "from read_csv('{tmp}/warehouse/../outside.csv')",
        "from read_csv('{tmp}/warehouse/marts/nps_daily/../../../outside.csv')",
        "from read_csv('{tmp}/warehouse/marts/nps_daily/link.csv')",
        "from read_csv('{tmp}/warehouse/reports/list.csv')",
        "from read_csv('{tmp}/warehouse-2/x.csv')",
        "from glob('{tmp}/*')",
        "from glob('{tmp}/warehouse/reports/*')",
        "from parquet_metadata('/etc/passwd')",
        "from read_text('/proc/self/environ')",
        "from read_parquet('https://127.0.0.1/x.parquet')",
        "from read_parquet('s3://bucket/x.parquet')",
        "from sqlite_scan('{tmp}/x.db', 't')",
        "from read_xlsx('{tmp}/x.xlsx')",
        "from duckdb_secrets()",
        "select getenv('HOME')",
        "from query('copy (select 1) to ''{tmp}/out.csv''')",
        "copy (select 1) to '{tmp}/out.csv'",
        "export database '{tmp}/out'",
        "attach '{tmp}/out.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "reset lock_configuration",
        "pragma enable_profiling",
        "from enable_logging()",
        "create macro f() as 1",
        "create secret (type s3)",
        "create temp table t as select 1",
        "insert into feedbackpulse.submissions select 1",
        "call pragma_version()",
        "from PROVIDER_TABLES",
        "from statements",
        "select 1; drop view unified.feedback",
        "begin",
    ],
)
def test_a_query_reaches_no_other_file_network_setting_or_variable(
    warehouse: Warehouse, tmp_path: Path, sql: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(QueryError) as caught:
        run_query(sql.format(tmp=tmp_path), warehouse)
    assert not isinstance(caught.value.__cause__, Exception)
    assert "TREASURE" not in str(caught.value)
    # Rejected for its purpose, not for a syntax error in this test.
    assert any(words in str(caught.value) for words in (*SHUT.split("|"), "single SELECT"))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("root", ["memory://bucket/wh", "memory://wh/", "local://{tmp}", "{tmp}"])
def test_any_spelling_of_the_root_reads_the_warehouse_and_nothing_outside_it(
    tmp_path: Path, root: str
) -> None:
    warehouse = put(Warehouse(root.format(tmp=tmp_path / "wh")))
    set_aside(warehouse, SUBMISSIONS, [SetAside(DAY, "bad", "{}")], datetime.now(UTC))
    fsspec.filesystem("memory").pipe_file("/other.txt", b"TREASURE")
    try:
        sql = (
            "select (select count(*) from feedbackpulse.submissions) a, "
            '(select count(*) from quarantine."feedbackpulse.submissions") b'
        )
        assert run_query(sql, warehouse).to_pylist() == [{"a": 1, "b": 1}]
        with pytest.raises(QueryError, match="Cannot access"):
            run_query("from read_text('memory:///other.txt')", warehouse)
    finally:
        fsspec.filesystem("memory").store.clear()


def test_a_result_that_would_exhaust_memory_is_rejected(warehouse: Warehouse) -> None:
    with pytest.raises(QueryError, match="larger than 1 MiB"):
        run_query("select range from range(100000000000)", warehouse, largest=1024**2)


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2, 3])
def test_ctrl_c_stops_an_endless_query(project: Project, presses: int) -> None:
    sql = "select count(*) from range(10000000) a, range(1000000) b where a.range * b.range % 7 = 3"
    command = [sys.executable, "-m", "feedback_assets.cli", "query", sql]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        try:
            # More CPU time than imports take: the query is running.
            usage = Path(f"/proc/{process.pid}/stat")
            wait_until(lambda: int(usage.read_text().split()[13]) > 400, 240)
            assert process.poll() is None
            began = time.monotonic()
            while process.poll() is None and time.monotonic() < began + 60:
                for _ in range(presses):
                    process.send_signal(signal.SIGINT)
                    time.sleep(0.03)
                time.sleep(1)
            assert process.poll() is not None
        finally:
            process.kill()
        printed = "".join(process.communicate())
    # During interpreter shutdown, a further Ctrl-C ends the process as usual.
    assert process.returncode in (130, -signal.SIGINT)
    assert printed.strip() in ("", "Aborted.")


def answered(warehouse: Warehouse, sql: str, first: int | None = None) -> list[tuple[object, ...]]:
    with open_answer(sql, warehouse, first=first) as answer:
        return [row for rows in answer.batches for row in rows]


def test_values_that_python_cannot_represent_are_printed_as_duckdb_prints_them(
    warehouse: Warehouse,
) -> None:
    sql = """
        select unnest(['infinity'::timestamp, '2026-01-01'::timestamp]) t,
            date '290000-01-01' d, [date '290000-01-01'] l, interval 14 month i,
            '2026-01-01 00:00:00.000000001'::timestamp_ns n, '\\xAA'::blob b
    """
    rows = [tuple(map(str, row)) for row in answered(warehouse, sql)]
    assert rows == [
        ("infinity", "290000-01-01", "[290000-01-01]", "1 year 2 months",
         "2026-01-01 00:00:00.000000001", "\\xAA"),
        ("2026-01-01 00:00:00", "290000-01-01", "[290000-01-01]", "1 year 2 months",
         "2026-01-01 00:00:00.000000001", "\\xAA"),
    ]  # fmt: skip
    with open_answer("select 'nan'::double a, ['inf'::double] b", warehouse) as answer:
        assert json.loads("".join(answer.json())) == [{"a": None, "b": [None]}]


MEASURED = """
import resource, sys
from feedback_assets import cli
sys.argv = ["feedback-assets", *sys.argv[1:]]
try:
    cli.main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def peak_megabytes(*arguments: str) -> int:
    command = [sys.executable, "-c", MEASURED, "query", *arguments]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.8])
def test_ctrl_c_during_startup_shows_no_traceback(project: Project, seconds: float) -> None:
    program = Path(sys.executable).with_name("feedback-assets")
    with subprocess.Popen(
        [program, "query", "select 1"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(
            lambda: b"feedback-assets" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), 60
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    # Before ``main`` runs, Python itself ends with the signal.
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert process.returncode == -signal.SIGINT or said == ""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_of_a_result(project: Project) -> None:
    little = peak_megabytes("select true from range(1)", "--csv")
    # As Python values and one string, these took 140 and 90 MB more.
    assert peak_megabytes("select true from range(2000000)", "--csv") < little + 60
    wide = "select true a, true b, true c, true d from range(300000)"
    assert peak_megabytes(wide, "--json") < little + 60
    assert peak_megabytes("select range from range(100000000000)") < little + 60


def test_a_terminal_shows_the_first_rows_and_the_number_of_others(project: Project) -> None:
    result = project.run("query", "select range as n from range(100000)")
    assert result.stdout.splitlines()[3].strip("│ ") == "0"
    assert result.stdout.splitlines()[-2].strip("│ ") == "999"
    assert result.stderr == "The first 1,000 rows are shown; --csv or --json prints all.\n"
    assert answered(project.warehouse, "select range from range(9)", first=3) == [(0,), (1,), (2,)]


def test_a_result_that_fails_in_its_last_row_prints_no_row(project: Project) -> None:
    sql = "select cast(if(range < 99999, '1', 'x') as int) from range(100000)"
    result = project.run("query", sql, "--csv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Could not convert" in result.stderr


HOSTILE = "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07 [bold]:heart:\x9b31m \u202egnp.exe"


def test_stored_text_does_not_control_a_terminal(project: Project) -> None:
    put(project.warehouse, HOSTILE)
    sql = 'select text_feedback as "\x1b[31m[red]" from feedbackpulse.submissions'
    shown = project.run("query", sql).stdout
    error = project.run("query", "select cast(text_feedback as int) from feedbackpulse.submissions")
    for text in (shown, error.stderr):
        assert not any(letter in text for letter in "\x1b\x07\x9b\u202e")
        assert r"\x1b]8;;http://evil.example" in text
        assert "[bold]:heart:" in text
    assert r"\x1b[31m[red]" in shown
    family = "👩‍👩‍👧 می‌خواهم\n\tnext"
    assert visible(family) == family


def test_json_has_all_digits_of_a_decimal_and_of_a_large_integer(project: Project) -> None:
    sql = (
        "select 99999999999999.9999::decimal(18,4) as money, [1.10::decimal(18,4)] as several, "
        "170141183460469231731687303715884105727::hugeint as large, 'é' as text, "
        "timestamptz '2024-03-01 10:00:00+00' as at, 'nan'::double as missing"
    )
    shown = project.run("query", sql, "--json").stdout
    assert '"money": 99999999999999.9999' in shown
    assert '"several": [1.1000]' in shown
    assert '"large": 170141183460469231731687303715884105727' in shown
    assert '"text": "é"' in shown
    assert '"at": "2024-03-01T10:00:00+00:00"' in shown
    assert '"missing": null' in shown


def test_describe_and_show_after_a_comment_list_the_tables(project: Project) -> None:
    listed = project.run("query", "show tables", "--csv").stdout
    assert "marts.nps_by_channel" in listed
    for sql in ("/* all */ SHOW TABLES;", "-- all\nshow tables", "describe", "show"):
        assert project.run("query", "--csv", "--", sql).stdout == listed


def test_a_small_share_is_not_shown_as_zero(project: Project) -> None:
    shown = project.run("query", "select 0.004::double, -0.0012::double, 0.5::double, 1234.567")
    assert "0.004" in shown.stdout
    assert "-0.0012" in shown.stdout
    assert "0.50" in shown.stdout
