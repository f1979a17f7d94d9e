"""A Postgres server for tests, on loopback, with passwords, stopped at the end.

Debian's server (`apt-get install postgresql`), started in a temporary directory on a free port. As
root it runs as the user `postgres`, because Postgres does not run as root."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

USER = "feedback"
_PATIENCE = 60.0
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 200
autovacuum_naptime = 5s
"""


def binaries() -> Path | None:
    """The directory of the newest server programs, or ``None`` if no server is installed."""

    def version(path: Path) -> float:
        return float(path.parts[-3])

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=version, reverse=True)
    if found:
        return found[0].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


@dataclass
class PostgresServer:
    """A running server; each database has its own user, all with one password."""

    programs: Path
    directory: Path
    port: int
    password: str = field(repr=False)
    owner: dict[str, Any] = field(default_factory=dict, repr=False)
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it responds."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.directory / "data"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, not the server
                **self.owner,
            )
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        ends = time.monotonic() + _PATIENCE
        while subprocess.run(ready, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > ends:
                self.stop(signal.SIGQUIT)
                raise RuntimeError((self.directory / "log").read_text())
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT closes every connection, SIGQUIT simulates a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def run_sql(self, sql: str, database: str = "postgres") -> str:
        """The unformatted output of ``psql``."""
        done = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)],
            input=sql,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@dataclass(frozen=True)
class PostgresDatabase:
    """A separate empty database on the tests' server."""

    server: PostgresServer = field(repr=False)
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def run_sql(self, sql: str) -> str:
        return self.server.run_sql(sql, self.name)


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A fresh server; skips the test where none is installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("needs Postgres: apt-get install postgresql")
    # Not below pytest's directory, which only its user may enter.
    directory = Path(tempfile.mkdtemp(prefix="feedback-postgres-"))
    password = secrets.token_urlsafe(12)
    try:
        server = PostgresServer(programs, directory, _free_port(), password, _owner(directory))
        _initialise(server)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _initialise(server: PostgresServer) -> None:
    secret = server.directory / "password"
    secret.write_text(server.password)
    subprocess.run(
        [
            server.programs / "initdb",
            "--pgdata", server.directory / "data",
            "--username", USER,
            "--pwfile", secret,
            "--auth", "scram-sha-256",
            "--encoding", "UTF8",
            "--locale", "C",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        **server.owner,
    )  # fmt: skip
    with (server.directory / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(_CONFIGURATION.format(port=server.port))


def _owner(directory: Path) -> dict[str, Any]:
    """The user that runs its programs: the current user, or the server's own if root."""
    if os.getuid() != 0:
        return {"cwd": directory}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return {"cwd": directory, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a process; a test that stops it starts it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    """A separate database for each test."""
    name = f"test_{secrets.token_hex(6)}"
    postgres_server.run_sql(f"create database {name}")
    yield PostgresDatabase(postgres_server, name)
    if postgres_server.process is None:  # a test failed while it was stopped
        postgres_server.start()
    postgres_server.run_sql(f"drop database {name} with (force)")
