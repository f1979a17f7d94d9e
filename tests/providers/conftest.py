"""Real loopback servers with scripted faults, and clients that barely wait between retries.

Each test sets its own read timeouts, so that a slow machine does not fail a test."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from feedback_assets.http.advice import Advice
from feedback_assets.http.quota import Quota
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import HttpClient
from feedback_assets.http.transport import HeaderAuth

QUICK = RetryPolicy(
    attempts=3,
    first_wait=0.01,
    longest_backoff=0.02,
    longest_wait=0.1,
    connect=20,
    read=20,
    total=60,
)
SECRET = "s3cret/key+abc-free&=0123"

Script = Callable[[socket.socket], None]


class RawServer:
    """Answers each request with the next script and repeats the last. Counts requests."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._over:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            top, _, body = head.partition(b"\r\n\r\n")
            for line in top.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    while len(body) < int(line.split(b":")[1]):
                        body += connection.recv(65536)
            self.requests.append(top + b"\r\n\r\n" + body)
            script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
            script(connection)

    def close(self) -> None:
        self._over = True
        self._listener.close()


def answer(
    body: bytes | dict[str, Any] | list[Any],
    status: str = "200 OK",
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> Script:
    """Send this response, with `length` as its Content-Length if given."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content) if length is None else length),
        "Connection": "close",
        **(headers or {}),
    }
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v)

    def script(connection: socket.socket) -> None:
        connection.sendall(head.encode() + b"\r\n" + content)

    return script


def reset(after: bytes = b"") -> Script:
    """Send these bytes, then reset the connection."""

    def script(connection: socket.socket) -> None:
        if after:
            connection.sendall(after)
            threading.Event().wait(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return script


def trickle(piece: bytes, every: float, before: bytes = b"") -> Script:
    """Send a piece at intervals, without end."""

    def script(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:
            connection.sendall(piece)
            threading.Event().wait(every)

    return script


@pytest.fixture
def raw() -> Iterator[Callable[..., RawServer]]:
    """Start raw servers that stop after the test."""
    servers: list[RawServer] = []

    def start(*scripts: Script) -> RawServer:
        servers.append(RawServer(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def client() -> Iterator[Callable[..., HttpClient]]:
    """Build clients of a server; all are closed after the test."""
    clients: list[HttpClient] = []

    def build(url: str, **changes: Any) -> HttpClient:
        given: dict[str, Any] = {
            "auth": HeaderAuth({"apikey": SECRET}),
            "quota": Quota("tested"),
            "advice": Advice(url="TESTED_URL", credentials=("TESTED_KEY",), rate="TESTED_RATE"),
            "secrets": (SECRET,),
            "retry": QUICK,
            **changes,
        }
        clients.append(HttpClient("tested", url, **given))
        return clients[-1]

    yield build
    for one in clients:
        one.close()


class Kit:
    """The scripts and constants above, for test modules."""

    answer = staticmethod(answer)
    reset = staticmethod(reset)
    trickle = staticmethod(trickle)
    quick = QUICK
    secret = SECRET


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
