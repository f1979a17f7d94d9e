"""Machines as ``deploy/`` sets them up, each with a DAGSTER_HOME of its own, all on this one.

By the steps of the READMEs there, and with the files there as they are: what differs is the
environment, and the ports and passwords of the proxy.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.postgres import USER, PostgresDatabase
from tests.servers.proxy import PASSWORD, ROOT, lay_out_proxy, nginx
from tests.servers.supervised import Supervised, supervised, wait_until
from tests.servers.webserver import Asked

DEPLOY = ROOT / "deploy"
RUNS_A_WORKER = 2


@dataclass(frozen=True)
class Head:
    """The machine with code server, webserver, daemon and proxy; ``ui`` is asked through these."""

    machine: Supervised
    ui: Asked


def postgres_environment(postgres: PostgresDatabase) -> dict[str, str]:
    """Where Dagster's storage is, as libpq names it."""
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.server.port),
        "PGUSER": USER,
        "PGPASSWORD": postgres.server.password,
        "PGDATABASE": postgres.name,
    }


@contextmanager
def head(
    kind: str, shared: Mapping[str, str], prepare: Callable[[Path], object] = lambda home: None
) -> Iterator[Head]:
    """One server (``kind`` is ``server``), or the head of a cluster; up when the block begins.

    ``prepare`` is given its DAGSTER_HOME before anything starts.
    """
    with _home(kind) as home:
        prepare(home)
        door, viewers, port = free_ports(3)
        lay_out_proxy(home / "proxy", {"8443": door, "8444": viewers, "3000": port})
        environment = {
            **shared,
            "DAGSTER_HOME": str(home),
            "CODE_SERVER_SOCKET": str(home / "code.sock"),
            "WEBSERVER_PORT": str(port),
            "NGINX": nginx(),
        }
        limits = [str(Path(sys.executable).with_name("feedback-assets")), "limits"]
        subprocess.run(
            limits, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL
        )
        ui = Asked(
            f"https://localhost:{door}",
            {"auth": ("operators", PASSWORD), "verify": str(home / "proxy" / "certificate.pem")},
        )
        with supervised(DEPLOY / "server" / "supervisord.conf", environment) as machine:
            wait_until(ui.shows_tables, 300)
            yield Head(machine, ui)


@contextmanager
def worker(
    name: str, shared: Mapping[str, str], prepare: Callable[[Path], object] = lambda home: None
) -> Iterator[Supervised]:
    """A machine of a cluster that takes runs, with a temporary directory of its own."""
    with _home("cluster") as home:
        prepare(home)
        (home / "tmp").mkdir(mode=0o700)
        environment = {
            **shared,
            "DAGSTER_HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "WORKER_NAME": name,
            "WORKER_RUNS": str(RUNS_A_WORKER),
        }
        with supervised(DEPLOY / "cluster" / "worker.conf", environment) as machine:
            yield machine


@contextmanager
def _home(kind: str) -> Iterator[Path]:
    # Not pytest's own directory: a socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix=f"{kind}-") as directory:
        home = Path(directory)
        home.joinpath("dagster.yaml").symlink_to(DEPLOY / kind / "dagster.yaml")
        yield home


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
