"""A Redis of its own for tests: Debian's (`apt-get install redis-server`), on a free port."""

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_PATIENCE = 60.0


@dataclass
class Redis:
    """A server that keeps its data when it is killed and started again."""

    program: str
    directory: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--bind", "127.0.0.1", "--port", str(self.port),
             "--requirepass", self.password, "--dir", str(self.directory), "--appendonly", "yes"],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        ends = time.monotonic() + _PATIENCE
        while not _answers(self.port):
            if self.process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("Redis did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(_PATIENCE)


@contextmanager
def redis_server(directory: Path) -> Iterator[Redis]:
    """A running server; skips the test where none is installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs Redis: apt-get install redis-server")
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Redis(program, directory, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_redis(directory: Path) -> Iterator[str]:
    """The URL, with a password, of a server."""
    with redis_server(directory) as server:
        yield server.url


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
