"""No credential is in anything that a run leaves behind, whether it succeeds or fails."""

import base64
import gzip
import json
import logging
import re
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets import cli
from feedback_assets.assets import provider_assets
from feedback_assets.backfill.definitions import table_definitions
from feedback_assets.cli import commands
from feedback_assets.http import session as http
from feedback_assets.http.masking import MASK, register
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.providers.retargeting import tables as retargeting
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.tags import range_tags
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES
from tests.conftest import YESTERDAY, Project, configure
from tests.leaks import files_of, leaks

# With characters that a URL, JSON, HTML and a shell each escape differently.
SECRETS = {
    name: f"{name.lower()}/7+f&=%'<\"{len(name)}>"
    for provider in REGISTRY
    for name in provider.needed_variables
    if not name.endswith("_URL")
} | {
    "THANX_CLIENT_ID": "client/7+f&=%'<0>",
    "FEEDBACK_CUSTOMER_SECRET": "customer+secret/91&%'<>",
    "FEEDBACK_ALERT_URLS": "json://ana:alert%2Fpassw0rd@127.0.0.1:9/hook",
}
# The last two are not sent to a provider, so a provider cannot return them.
WANTED = [*SECRETS.values(), "alert/passw0rd", "alert%2Fpassw0rd"]
URLS = [f"{provider.name.upper()}_URL" for provider in REGISTRY]

LOG_ALL = {
    "python_logs": {"managed_python_loggers": ["root"], "python_log_level": "DEBUG"},
    "telemetry": {"enabled": False},
}


def echo(request: Request) -> str:
    """Everything the provider received: address, headers, and both in base64."""
    sent = [request.url, request.query_string.decode(), *map(str, request.headers.values())]
    keys = [*request.args.values(), *(text.removeprefix("Bearer ") for text in sent)]
    return " ".join([*keys, *sent, *(base64.b64encode(k.encode()).decode() for k in keys)])


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")


ANSWERS: dict[str, Callable[[Request], Response]] = {
    "wrong key": lambda r: _json({"status": "error", "message": f"no such key: {echo(r)}"}, 401),
    "error in a 200": lambda r: _json({"status": "error", "message": echo(r)}),
    "500": lambda r: Response(f"Traceback: {echo(r)}", 500),
    "web page": lambda r: Response(f"<html>{echo(r)}</html>", 403, content_type="text/html"),
    "redirect": lambda r: Response(status=302, headers={"Location": f"http://127.0.0.1/{r.url}"}),
    "redirect with user": lambda r: Response(
        status=301, headers={"Location": f"http://u:{next(iter(r.args.values()), 'x')}@127.0.0.1/"}
    ),
    "envelope": lambda r: _json({echo(r): {"data": echo(r)}, "status": 200}),
    "list of texts": lambda r: _json([echo(r)]),
    "cut JSON": lambda r: Response('{"' + "x" * 90 + echo(r), content_type="application/json"),
}


@pytest.fixture
def logged(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose instance stores the log records of every library from DEBUG up."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    home = project.settings.dagster_home
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(LOG_ALL))
    # Waiting is not under test here.
    monkeypatch.setattr(http, "RetryPolicy", lambda: RetryPolicy(2, first_wait=0.01))
    monkeypatch.setattr(provider_assets, "RETRY", dg.RetryPolicy(max_retries=1, delay=0))
    return project


def read(project: Project, tables: Iterable[Table] = PROVIDER_TABLES) -> str:
    """The errors of reading yesterday in this process, which has the test's patches."""
    job = table_definitions(project.settings).resolve_implicit_global_asset_job_def()
    with open_instance(project.settings) as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(NO_PREFIX.key(table)) for table in tables],
            tags=range_tags(YESTERDAY, YESTERDAY),
            raise_on_error=False,
        )
    assert not result.success
    failures = [event for event in result.all_events if event.is_step_failure]
    return " ".join(str(event.step_failure_data) for event in failures)


def run_all(project: Project, caplog: pytest.LogCaptureFixture) -> list[tuple[str, bytes]]:
    """All output, logs and files of a read, a check and a contact lookup."""
    with caplog.at_level(logging.DEBUG):
        caplog.handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
        said = read(project)
        results = [project.run("check"), project.run("contact", "ana@example.com")]
    said += "".join(result.output for result in results)
    assert caplog.records
    return [
        ("output", said.encode()),
        ("log", caplog.text.encode()),
        ("records", repr([(r.msg, r.args, r.exc_info) for r in caplog.records]).encode()),
        *files_of(project.settings.dagster_home, Path(project.settings.warehouse).parent),
    ]


@pytest.mark.parametrize("answer", [
    pytest.param(name, marks=[] if name == "wrong key" else pytest.mark.slow) for name in ANSWERS
])  # fmt: skip
def test_a_provider_that_echoes_the_request_leaks_no_credential(
    logged: Project,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: str,
) -> None:
    seen: list[str] = []

    def handle(request: Request) -> Response:
        seen.append(echo(request))
        return ANSWERS[answer](request)

    httpserver.expect_request(re.compile(".*")).respond_with_handler(handle)
    for name in URLS:
        monkeypatch.setenv(name, httpserver.url_for("").rstrip("/"))
    places = run_all(logged, caplog)
    # Every credential was sent, so every one could have come back.
    sent = "".join(seen)
    for name, secret in SECRETS.items():
        assert (secret in sent) != name.startswith("FEEDBACK_"), name
    assert leaks(WANTED, places) == []
    if answer == "wrong key":
        assert MASK.encode() in places[0][1]
        printed = logged.backfill(YESTERDAY, YESTERDAY).output
        assert "failed" in printed
        assert leaks(WANTED, [("output", printed.encode())]) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connection_and_tls_errors_leak_no_credential(
    logged: Project,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    scheme: str,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        # Bound but not listening: refused. The other does not speak TLS.
        port = closed.getsockname()[1] if scheme == "http" else httpserver.port
        for name in URLS:
            monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{port}")
        assert leaks(WANTED, run_all(logged, caplog)) == []


def test_an_unexpected_error_is_stored_without_secrets(
    logged: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A bug in a client, with the exception chain of a library.
    def buggy(*_: object, **__: object) -> None:
        secrets = [value for name, value in SECRETS.items() if not name.startswith("FEEDBACK_")]
        try:
            {}[" ".join(secrets)]
        except KeyError as error:
            raise RuntimeError(f"cannot reach /x?k={secrets}") from error

    monkeypatch.setattr(http.HttpClient, "_attempt", buggy)
    with caplog.at_level(logging.DEBUG):
        said = read(logged, retargeting.TABLES)
    assert "cannot reach /x" in said
    places = [("output", said.encode()), ("log", caplog.text.encode())]
    assert leaks(WANTED, [*places, *files_of(logged.settings.dagster_home)]) == []


def test_a_crashing_command_shows_a_traceback_without_secrets(
    logged: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        register(*SECRETS.values())
        raise RuntimeError(f"cannot reach {list(SECRETS.values())}")

    monkeypatch.setattr(commands, "app", broken)
    with pytest.raises(RuntimeError, match="cannot reach") as caught:
        cli.main()
    sys.excepthook(caught.type, caught.value, caught.tb)
    shown = capsys.readouterr().err
    assert "cannot reach" in shown
    assert leaks(WANTED, [("traceback", shown.encode())]) == []


@pytest.mark.slow
def test_a_successful_run_leaves_no_credential(
    logged: Project,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(monkeypatch, sandbox)
    with caplog.at_level(logging.DEBUG):
        result = logged.backfill(YESTERDAY, YESTERDAY)
    assert result.exit_code == 0, result.output
    secrets = [v for name, v in sandbox.environment().items() if name in SECRETS]
    assert len(secrets) == len(SECRETS) - 2
    places = [
        ("output", result.output.encode()),
        ("log", caplog.text.encode()),
        *files_of(logged.settings.dagster_home, Path(logged.settings.warehouse)),
    ]
    assert any(b"k=***" in content for _, content in places), "urllib3 logged no address at all"
    assert leaks([*WANTED, *secrets], places) == []


@pytest.mark.slow
def test_a_generated_customer_secret_is_only_in_its_own_file(
    shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert shop.backfill(YESTERDAY, YESTERDAY).exit_code == 0
    secret = (shop.settings.dagster_home / "customer_secret").read_text()
    places = files_of(shop.settings.dagster_home, Path(shop.settings.warehouse))
    assert leaks([secret], [("log", caplog.text.encode()), *places]) == []


def test_the_search_finds_a_secret_in_every_encoding(tmp_path: Path) -> None:
    secret = "needle/7+f&=%"
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table t (x text)")
        # Across the end of a page of 4,096 bytes, wherever that is.
        connection.execute("insert into t values (?)", ["".join([secret, "-"] * 2000)])
    pq.write_table(pa.table({"x": [[{"y": secret}]]}), tmp_path / "b.parquet", compression="zstd")
    (tmp_path / "c.gz").write_bytes(gzip.compress(secret.encode()))
    for index, before in enumerate(("", "u:", "us:", "user:")):
        basic = base64.b64encode(f"{before}{secret}".encode())
        (tmp_path / f"d{index}").write_bytes(b"Basic " + basic)
    (tmp_path / "e").write_text("k=needle%2F7%2Bf%26%3D%25")
    (tmp_path / "customer_secret").write_text(secret)
    found = {
        line.partition(":")[0].partition(" ")[0] for line in leaks([secret], files_of(tmp_path))
    }
    assert found == {"a.db", "b.parquet", "c.gz", "d0", "d1", "d2", "d3", "e"}
