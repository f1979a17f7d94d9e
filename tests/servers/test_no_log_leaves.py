"""No file leaves the machine: deployments run with a sink in place of the telemetry server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.conftest import Project
from tests.servers.machines import DEPLOY, free_ports, head, postgres_environment, worker
from tests.servers.postgres import PostgresDatabase
from tests.servers.redis import running_redis
from tests.servers.supervised import TELEMETRY_OFF, Supervised, wait_until

pytestmark = pytest.mark.slow

BINARIES = Path(sys.executable).parent
CONF = "server/supervisord.conf"


@pytest.fixture
def uploaded(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The uploads; the tests do not disable telemetry, so the deployment has to."""
    bodies: list[bytes] = []

    def take(request: Request) -> Response:
        bodies.append(request.get_data())
        return Response()

    httpserver.expect_request("/actions").respond_with_handler(take)
    monkeypatch.delenv(TELEMETRY_OFF)
    monkeypatch.setenv("DAGSTER_TELEMETRY_URL", httpserver.url_for("/actions"))
    return bodies


def own_log(home: Path) -> None:
    (home / "logs").mkdir(mode=0o700)
    (home / "logs" / "mine.log").write_text("of my own")


def nothing_left(home: Path, uploaded: list[bytes]) -> None:
    assert uploaded == []
    assert (home / "logs" / "mine.log").read_text() == "of my own"
    assert [path.name for path in (home / "logs").iterdir()] == ["mine.log"]


def said(conf: str, machine: Supervised, program: str) -> bytes:
    """The first line of ``supervisorctl tail -f``, as in the README."""
    environment = dict(line.split("=", 1) for line in _variables(conf))
    with subprocess.Popen(
        [BINARIES / "supervisorctl", "-c", DEPLOY / conf, "tail", "-f", program],
        env={**os.environ, **environment, "DAGSTER_HOME": str(machine.home)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        try:
            heading, line = tail.stdout.readline(), tail.stdout.readline()
        finally:
            tail.terminate()
    assert heading.startswith(b"==>"), heading
    return line


def _variables(conf: str) -> Iterator[str]:
    # The values of the file apply: supervisorctl needs only DAGSTER_HOME.
    for kind in {"server", Path(conf).parts[0]}:
        text = (DEPLOY / kind / "feedback-assets.env").read_text()
        yield from (line for line in text.splitlines() if line and line[0] != "#")


def test_without_the_variable_a_webserver_uploads_and_deletes_logs(
    tmp_path: Path, uploaded: list[bytes]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    own_log(home)
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [BINARIES / "dagster-webserver", "--empty-workspace", "--port", str(port)],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: uploaded, 300)
        assert not (home / "logs" / "mine.log").exists()
    finally:
        process.terminate()
        process.wait(60)


def test_one_server_keeps_its_logs_local_and_shows_process_output(
    shop: Project, postgres: PostgresDatabase, uploaded: list[bytes]
) -> None:
    with head("server", postgres_environment(postgres), own_log) as server:
        home = server.machine.home
        for program in ("code", "webserver", "daemon"):
            assert wait_until(lambda name=program: said(CONF, server.machine, name), 300)
            assert list((home / "process_logs").glob(f"{program}-stdout*"))
        nothing_left(home, uploaded)
        assert server.machine.stop() == 0
        nothing_left(home, uploaded)


def test_the_machines_of_a_cluster_keep_their_logs_local(
    shop: Project, postgres: PostgresDatabase, uploaded: list[bytes]
) -> None:
    with running_redis(shop.home / "redis") as broker:
        shared = {
            **postgres_environment(postgres),
            "FEEDBACK_COORDINATION_URL": postgres.url,
            "CELERY_BROKER_URL": broker,
        }
        with (
            head("cluster", shared, own_log) as first,
            worker("one@here", shared, own_log) as second,
        ):
            assert wait_until(lambda: said(CONF, first.machine, "webserver"), 300)
            assert wait_until(lambda: said("cluster/worker.conf", second, "worker"), 300)
            for machine in (first.machine, second):
                nothing_left(machine.home, uploaded)


def test_a_command_disables_telemetry_for_its_child_processes(uploaded: list[bytes]) -> None:
    script = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: print(os.environ.get({TELEMETRY_OFF!r})))\n"
        "sys.argv = ['feedback-assets', '--help']\n"
        "from feedback_assets.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "yes"
