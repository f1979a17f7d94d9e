"""A server between project and sandbox that forwards responses or damages them as scripted."""

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_DROPPED = {"content-length", "transfer-encoding", "connection"}


@dataclass
class Exchange:
    """One request and the sandbox's good response to it, not yet sent."""

    connection: socket.socket
    number: int
    """Counts the requests to this path, from 1."""
    path: str
    target: str
    headers: dict[str, str]
    body: bytes
    upstream: str
    over: threading.Event

    def ask(self, target: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """The sandbox's response to this request, or to another target."""
        host = urlsplit(self.upstream)
        upstream = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
        with contextlib.closing(upstream):
            method = self.headers[":method"]
            sent = {k: v for k, v in self.headers.items() if k not in (":method", "connection")}
            upstream.request(method, target or self.target, self.body or None, sent)
            answer = upstream.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _DROPPED}
            return answer.status, kept, answer.read()

    def head(
        self, status: int | str = 200, headers: Mapping[str, str] | None = None, length: int = -1
    ) -> bytes:
        """A status line and headers; a negative length sends no Content-Length."""
        fields = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
        if length >= 0:
            fields["Content-Length"] = str(length)
        line = f"HTTP/1.1 {status if isinstance(status, str) else f'{status} Status'}\r\n"
        return (line + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n").encode()

    def send(
        self, body: bytes, status: int | str = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.raw(self.head(status, headers, len(body)) + body)

    def raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def good(self) -> bytes:
        """The body of the good response."""
        return self.ask()[2]

    def reset(self) -> None:
        """Reset the connection like a crashed server, after the sent bytes have left."""
        time.sleep(0.02)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def stall(self) -> None:
        """Stall for as long as the server lives."""
        self.over.wait(30)

    def trickle(self, pieces: Iterator[bytes] | bytes, every: float = 0.02) -> None:
        """Send a little at intervals, without end."""
        while not self.over.wait(every):
            self.raw(pieces if isinstance(pieces, bytes) else next(pieces))


Spoil = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    status, headers, body = exchange.ask()
    exchange.send(body, status, headers)


@dataclass
class Wire:
    """The running server: its fault for each path, and the requests it received."""

    upstream: str
    spoil: Spoil = pass_on
    first: int | None = None
    """Spoil only so many requests of each path; None: all."""
    asked: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The sandbox's settings, pointing to this server."""
        return {name: text.replace(self.upstream, self.url) for name, text in settings.items()}

    def set(self, spoil: Spoil, first: int | None = None) -> None:
        """Start over with another fault."""
        with self.lock:
            self.spoil, self.first = spoil, first
            self.asked.clear()

    def answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            head, body = _request(connection)
            if not head:
                return
            line, *fields = head.decode("latin-1").split("\r\n")
            method, target, _ = line.split(" ", 2)
            headers = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields)}
            headers[":method"] = method
            path = target.partition("?")[0]
            with self.lock:
                self.asked[path] += 1
                number = self.asked[path]
            spoiled = self.first is None or number <= self.first
            exchange = Exchange(
                connection, number, path, target, headers, body, self.upstream, self.over
            )
            (self.spoil if spoiled else pass_on)(exchange)


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b"", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head, body


@contextmanager
def running_wire(
    upstream: str,
    spoil: Spoil = pass_on,
    first: int | None = None,
    wrap: Callable[[socket.socket], socket.socket] | None = None,
) -> Iterator[Wire]:
    """The server on a free loopback port; ``wrap`` adds TLS to a connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    scheme = "https" if wrap else "http"
    wire = Wire(upstream, spoil, first)
    wire.url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            wire.answer(wrap(connection) if wrap else connection)
        with contextlib.suppress(OSError):
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield wire
    finally:
        wire.over.set()
        # A blocked accept does not notice that its socket is closed.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)


def edited(exchange: Exchange, edit: Callable[[Any], Any], target: str | None = None) -> None:
    """Send the good response with its JSON modified."""
    status, headers, body = exchange.ask(target)
    exchange.send(json.dumps(edit(json.loads(body))).encode(), status, headers)


def gzipped(size: int, piece: bytes = b" " * (1 << 20)) -> bytes:
    """A gzip stream of this many bytes of white space, compressed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(piece) for _ in range(size // len(piece))]
    return b"".join([*packed, packer.flush()])
