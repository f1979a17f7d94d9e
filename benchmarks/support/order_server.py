"""Wicked Reports' list of orders on loopback, of any length, at low cost.

The records are 20,000 of the sandbox's, repeated with unique ids, source ids and dates, spread
evenly over the days. Pages of up to a million orders are built before the first request, so that
only the reader is measured: 1 GB of memory. ``python -m benchmarks.support.order_server`` serves.
"""

import argparse
import json
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import numpy as np

from benchmarks.support.measuring import ROOT

FIRST = date(2025, 1, 1)
DAYS = 28
PAGE = 1000
_POOL = 20_000
_KEPT = 1_000_000


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    orders: int
    first: date
    last: date

    def environment(self) -> dict[str, str]:
        """The project settings for reading from it."""
        return {
            "FEEDBACK_PROVIDERS": "wicked_reports",
            "FEEDBACK_START_DATE": self.first.isoformat(),
            "WICKED_REPORTS_URL": self.url,
            "WICKED_REPORTS_API_KEY": "benchmark-key",
            "WICKED_REPORTS_REQUESTS_PER_MINUTE": "1000000",
        }


@contextmanager
def serving(orders: int, *, bad: bool = False) -> Iterator[Served]:
    """A server of that many orders over ``DAYS`` days, in a child process."""
    command = [sys.executable, "-m", "benchmarks.support.order_server", str(orders)]
    process = subprocess.Popen(
        [*command, *(["--bad"] if bad else [])], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit("the server of orders did not start")
        yield Served(url, orders, FIRST, FIRST + timedelta(days=DAYS - 1))
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _templates() -> list[bytes]:
    from feedback_assets.sandbox import wicked_records
    from feedback_assets.sandbox.faults import Faults
    from feedback_assets.sandbox.view import View
    from feedback_assets.sandbox.world import World

    world = World(1, 400, 12_000, date(2025, 2, 1))
    view = View(world, world.since_origin(world.start_of_today.timestamp()), Faults())
    count = min(_POOL, len(world.orders.time))
    records = wicked_records.orders(view, np.arange(count), with_contact=True)
    made = []
    for record in records:
        named = {**record, "id": "\0", "sourceId": "\0", "date": "\0"}
        text = json.dumps(named, separators=(",", ":")).replace("%", "%%")
        made.append(text.replace('"\\u0000"', '"%s"').encode())
    return made


class _Orders:
    def __init__(self, count: int, *, bad: bool) -> None:
        self.count = count
        self._bad = bad
        self._templates = _templates()
        self._start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        self._apart = timedelta(days=DAYS) / count
        self._kept: dict[int, bytes] = {}
        if count <= _KEPT:
            self._kept = {at: self._records(at) for at in range(0, count, PAGE)}

    def position(self, day: date) -> int:
        """The number of orders before a day."""
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        gone = -((self._start - moment) // self._apart)
        return min(max(gone, 0), self.count)

    def records(self, start: int, stop: int) -> bytes:
        kept = self._kept.get(start) if stop == min(start + PAGE, self.count) else None
        return kept or self._records(start, stop)

    def _records(self, start: int, stop: int | None = None) -> bytes:
        stop = min(start + PAGE, self.count) if stop is None else stop
        records = []
        for number in range(start, stop):
            date_of = self._start + number * self._apart
            # Rejected by Arrow: an amount that is a word.
            template = self._templates[number % len(self._templates)]
            if self._bad and number % PAGE == PAGE // 2:
                template = template.replace(b'"amount":', b'"amount":"many","was":', 1)
            stamp = date_of.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            records.append(template % (b"WR-%09d" % number, b"shop-%09d" % number, stamp.encode()))
        return b",".join(records)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    orders: _Orders

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        start = self.orders.position(date.fromisoformat(query["from"]))
        stop = self.orders.position(date.fromisoformat(query["to"]) + timedelta(days=1))
        offset = int(query.get("next", "k0")[1:], 16)
        limit = min(int(query.get("limit", "100")), PAGE)
        at, end = start + offset, min(start + offset + limit, stop)
        total = stop - start
        body = b'{"status":"success","results":[%s],"page":%d,"totalPages":%d,"total":%d,%s}' % (
            self.orders.records(at, end) if at < end else b"",
            offset // limit + 1,
            -(-total // limit),
            total,
            b'"next":"k%031x"' % (offset + limit) if offset + limit < total else b'"next":null',
        )
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("orders", type=int)
    parser.add_argument("--bad", action="store_true")
    given = parser.parse_args()
    _Handler.orders = _Orders(given.orders, bad=given.bad)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
