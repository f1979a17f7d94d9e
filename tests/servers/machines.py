"""Machines set up as in ``deploy/``, each with its own DAGSTER_HOME, all on this host.

Follows the READMEs there and uses their files unchanged; only the environment and the proxy's ports
and passwords differ."""

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
    """Code server, webserver, daemon and proxy; ``ui`` is reached through the proxy."""

    machine: Supervised
    ui: Asked


def postgres_environment(postgres: PostgresDatabase) -> dict[str, str]:
    """The location of Dagster's storage in libpq variables."""
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
    """One server (``kind`` is ``server``) or the head of a cluster, running when the block begins.

    ``prepare`` is called with its DAGSTER_HOME before anything starts."""
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
    """A cluster machine that executes runs, with its own temporary directory."""
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
    # Not pytest's directory: a socket path has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix=f"{kind}-") as directory:
        home = Path(directory)
        home.joinpath("dagster.yaml").symlink_to(DEPLOY / kind / "dagster.yaml")
        yield home


def free_ports(count: int) -> list[int]:
    """Free loopback ports."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
