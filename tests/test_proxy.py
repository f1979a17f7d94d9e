"""The UI behind nginx, as set up by deploy/proxy: who gets access, and to what."""

import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import load_settings
from tests.servers.machines import free_ports
from tests.servers.proxy import DOORS, PASSWORD, lay_out_proxy, nginx

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
RELOAD = "mutation { reloadWorkspace { __typename } }"
VERSION = {"query": "{ version }"}


@dataclass(frozen=True)
class Door:
    """One address of the proxy, and its credentials."""

    port: int
    user: str
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def ask(
        self, method: str = "post", path: str = "/graphql", **options: Any
    ) -> requests.Response:
        known: dict[str, Any] = {"auth": (self.user, PASSWORD), "timeout": 60}
        return requests.request(
            method, self.url + path, verify=str(self.certificate), **known | options
        )

    def subscribe(self, *, password: str = PASSWORD, origin: str | None = None) -> str:
        """The first message of the server on a websocket."""
        key = base64.b64encode(f"{self.user}:{password}".encode()).decode()
        with connect(
            f"wss://localhost:{self.port}/graphql",
            ssl=ssl.create_default_context(cafile=self.certificate),
            subprotocols=[Subprotocol("graphql-ws")],
            additional_headers={"Authorization": f"Basic {key}"},
            origin=origin,  # type: ignore[arg-type]
        ) as channel:
            channel.send('{"type": "connection_init", "payload": {}}')
            return str(channel.recv(timeout=30))


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, env=dict(os.environ),
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Door]]:
    """Both webservers and the proxy, set up as in docs/security.md."""
    program = nginx()
    home = tmp_path_factory.mktemp("proxy")
    operators, viewers, full, read_only = free_ports(4)
    lay_out_proxy(home, {"8443": operators, "8444": viewers, "3000": full, "3001": read_only})
    webserver = str(Path(sys.executable).with_name("dagster-webserver"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("DAGSTER_HOME", str(home / "dagster_home"))
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        open_instance(load_settings()).dispose()
        for port, more in ((full, []), (read_only, ["--read-only"])):
            log = home / f"{port}.log"
            command = [webserver, "-h", "127.0.0.1", "-p", str(port), *more]
            stack.enter_context(running(command, log))
        for port in (full, read_only):
            wait_for(port, home / f"{port}.log")
        command = [program, "-p", str(home), "-c", str(home / "nginx.conf"), "-g", "daemon off;"]
        stack.enter_context(running(command, home / "nginx.log"))
        wait_for(operators, home / "nginx.log")
        certificate = home / "certificate.pem"
        yield Door(operators, "operators", certificate), Door(viewers, "viewers", certificate)


def test_each_endpoint_requires_its_own_password(doors: tuple[Door, Door]) -> None:
    operators, viewers = doors
    for door in doors:
        for path in ("/", "/graphql", "/server_info", "/logs", "/no/such"):
            assert door.ask("get", path, auth=None).status_code == 401, path
        assert door.ask(json=VERSION, auth=(door.user, "wrong")).status_code == 401
        assert door.ask(json=VERSION).json()["data"]["version"]
    for door, user in ((operators, "viewers"), (viewers, "operators")):
        assert door.ask(json=VERSION, auth=(user, PASSWORD)).status_code == 401


def test_a_subscription_needs_the_password_too(doors: tuple[Door, Door]) -> None:
    for door in doors:
        assert "connection_ack" in door.subscribe()
        with pytest.raises(InvalidStatus, match="401"):
            door.subscribe(password="wrong")


def test_only_operators_can_change_anything(doors: tuple[Door, Door]) -> None:
    answers = [
        door.ask(json={"query": RELOAD}).json()["data"]["reloadWorkspace"]["__typename"]
        for door in doors
    ]
    assert answers == ["Workspace", "UnauthorizedError"]


def test_another_site_cannot_use_the_stored_browser_password(
    doors: tuple[Door, Door],
) -> None:
    for door in doors:
        for origin in ("https://evil.example", "null", f"{door.url}.evil.example"):
            # A browser sends a form without the other site's permission.
            refused = door.ask(data={"query": RELOAD}, headers={"Origin": origin})
            assert refused.status_code == 403, origin
            with pytest.raises(InvalidStatus, match="403"):
                door.subscribe(origin=origin)
        own = door.ask(json=VERSION, headers={"Origin": door.url})
        assert own.status_code == 200
        assert "Access-Control-Allow-Origin" not in own.headers
        assert "connection_ack" in door.subscribe(origin=door.url)
        assert door.ask("get", "/", headers={"Host": "rebound.example"}).status_code == 421


def test_responses_have_security_headers(doors: tuple[Door, Door]) -> None:
    for door in doors:
        page = door.ask("get", "/")
        assert page.status_code == 200
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Strict-Transport-Security"].startswith("max-age=")
        assert page.headers["Server"] == "nginx"


def test_a_request_that_is_too_large_is_rejected(doors: tuple[Door, Door]) -> None:
    for door in doors:
        assert door.ask(data=b"x" * 2_000_000).status_code == 413


def test_both_listen_only_on_loopback() -> None:
    listens = [
        line.split()[1] for line in (DOORS / "nginx.conf").read_text().splitlines()
        if line.split()[:1] in (["listen"], ["proxy_pass"])
    ]  # fmt: skip
    assert len(listens) == 6
    assert all(part.removeprefix("http://").startswith("127.0.0.1:") for part in listens)
