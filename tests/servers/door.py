"""A proxy in front of an HTTP server that counts requests and injects faults."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """One request: method, path and query as received."""

    method: str
    path: str
    query: str = ""

    @property
    def kind(self) -> str:
        """The kind of S3 request: ``list``, ``part``, or the method alone."""
        asked = parse_qs(self.query, keep_blank_values=True)
        if "list-type" in asked:
            return "list"
        return "part" if "partNumber" in asked else self.method.lower()


Spoil = Callable[[Seen], int | None]
"""The status to answer instead of asking the server; None lets it through."""


@dataclass
class Door:
    """Its address, the requests it received, and its fault."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    spoil: Spoil = lambda _: None
    half: Callable[[Seen], bool] = lambda _: False
    """Which bodies are let through by half, then nothing until the door is closed."""
    halved: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def counts(self) -> dict[str, int]:
        """The number of requests of each kind."""
        return dict(sorted(Counter(request.kind for request in self.seen).items()))

    def open_anew(self) -> None:
        """Forget all requests and forward everything."""
        self.seen = []
        self.spoil, self.half = lambda _: None, lambda _: False
        self.halved.clear()


@contextmanager
def running_door(server: str) -> Iterator[Door]:  # noqa: C901 - one small handler
    """A proxy in front of ``http://host:port``."""
    host, port = urlsplit(server).hostname, urlsplit(server).port

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body in one packet; otherwise each response waits 40 ms for an ACK.
        wbufsize = -1
        disable_nagle_algorithm = True

        def handle_expect_100(self) -> bool:
            going_on = super().handle_expect_100()
            self.wfile.flush()
            return going_on

        def _pass(self) -> None:
            split = urlsplit(self.path)
            request = Seen(self.command, split.path, split.query)
            door.seen.append(request)
            length = int(self.headers.get("Content-Length") or 0)
            upstream = http.client.HTTPConnection(host or "", port, timeout=60)
            try:
                if door.half(request):
                    self._pass_half(upstream, length)
                    return
                body = self.rfile.read(length)
                status = door.spoil(request)
                if status is not None:
                    self._answer(status, {}, b"")
                    return
                upstream.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                self._pass_headers(upstream)
                upstream.send(body)
                answer = upstream.getresponse()
                self._answer(answer.status, dict(answer.getheaders()), answer.read())
            except (OSError, http.client.HTTPException):
                # Like a server that dies with open connections.
                self.close_connection = True
            finally:
                upstream.close()

        def _pass_headers(self, upstream: http.client.HTTPConnection) -> None:
            for name, value in self.headers.items():
                # The body is already here, so no 100-continue is needed.
                if name.lower() != "expect":
                    upstream.putheader(name, value)
            upstream.endheaders()

        def _pass_half(self, upstream: http.client.HTTPConnection, length: int) -> None:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            self._pass_headers(upstream)
            upstream.send(self.rfile.read(length // 2))
            door.halved.set()
            door.closing.wait()
            self.close_connection = True

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as listening:
        door = Door(f"http://127.0.0.1:{listening.server_address[1]}")
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield door
        finally:
            door.closing.set()
            listening.shutdown()
