"""A quota across machines: the provider never sees too many requests, whatever the clocks."""

import contextlib
import multiprocessing
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.coordination.database import Coordination
from feedback_assets.http.quota import Allowance, Quota, QuotaClosedError
from tests.servers.postgres import PostgresDatabase
from tests.servers.supervised import wait_until
from tests.taken import Taken, most_in_any_window, quick_quarter, watch

pytestmark = pytest.mark.slow
ALLOWED = Allowance(40, 4.0)
ENOUGH = 3 * ALLOWED.requests + 1


@dataclass
class Provider:
    """The provider's log: the time of sending and arrival of each request."""

    url: str = ""
    came: list[Taken] = field(default_factory=list)

    def wait_for(self, requests: int) -> None:
        wait_until(lambda: len(self.came) >= requests, 120, every=0.01)


@contextlib.contextmanager
def noting_server() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.came.append(Taken(float(self.path[1:]), time.monotonic()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 200

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def hammer(url: str, database: str, home: Path, ahead: float, start: Any, enough: Any) -> None:
    """A simulated machine with its own home, clock and three threads."""
    import time_machine

    quota = Quota("shared", ALLOWED, kept_in=Coordination(database))
    notes = watch(quota)
    home.mkdir()
    start.wait()

    def work() -> None:
        while not enough.is_set():
            quota.acquire()
            urllib.request.urlopen(f"{url}{notes.mine.asked}", timeout=60).close()

    with time_machine.travel(time.time() + ahead, tick=True):
        threads = [threading.Thread(target=work) for _ in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]


@contextlib.contextmanager
def hammering(postgres: PostgresDatabase, tmp_path: Path) -> Iterator[Provider]:
    """Two machines with clocks an hour apart, stopped after the block; yields their results."""
    context = multiprocessing.get_context("spawn")
    start, enough = context.Barrier(3), context.Event()
    with noting_server() as provider:
        machines = [
            context.Process(
                target=hammer,
                args=(provider.url, postgres.url, tmp_path / f"home{n}", ahead, start, enough),
            )
            for n, ahead in enumerate((0.0, 3600.0))
        ]
        for machine in machines:
            machine.start()
        try:
            start.wait(60)
            yield provider
        finally:
            enough.set()
            for machine in machines:
                machine.join(60)
        assert [machine.exitcode for machine in machines] == [0, 0]


def test_two_machines_use_one_quota_fully_and_never_exceed_it(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    with hammering(postgres, tmp_path) as provider:
        provider.wait_for(ENOUGH)
    assert most_in_any_window(provider.came, ALLOWED.seconds) <= ALLOWED.requests
    rate = ALLOWED.rate()
    assert quick_quarter(provider.came, rate.limit) < 1.05 * rate.interval / 1000
    # Rows that left the window do not accumulate.
    held = int(postgres.run_sql("select count(*) from feedback_quota"))
    assert held <= 3 * ALLOWED.requests < len(provider.came)


def test_a_server_crash_stops_no_caller_and_never_exceeds_the_quota(
    postgres: PostgresDatabase, tmp_path: Path
) -> None:
    with hammering(postgres, tmp_path) as provider:
        provider.wait_for(1)
        postgres.server.restart(signal.SIGQUIT)
        back = len(provider.came)
        provider.wait_for(back + ALLOWED.requests)
    assert most_in_any_window(provider.came, ALLOWED.seconds) <= ALLOWED.requests


def test_several_rate_limits_apply_at_once(postgres: PostgresDatabase) -> None:
    quota = Quota(
        "thanx", Allowance(5, 0.1), Allowance(12, 0.6), kept_in=Coordination(postgres.url)
    )
    notes = watch(quota)
    for _ in range(24):
        quota.acquire()
    assert most_in_any_window(notes.taken, 0.1) <= 5
    assert most_in_any_window(notes.taken, 0.6) <= 12


def test_each_provider_has_its_own_quota(postgres: PostgresDatabase) -> None:
    shared = Coordination(postgres.url)
    Quota("one", Allowance(1, 60), kept_in=shared).acquire()
    assert Quota("other", Allowance(1, 60), kept_in=shared).acquire() < 30


def test_closing_ends_a_wait_for_the_quota(postgres: PostgresDatabase) -> None:
    quota = Quota("closed", Allowance(1, 3600), kept_in=Coordination(postgres.url))
    quota.acquire()
    threading.Timer(0.2, quota.close).start()
    with pytest.raises(QuotaClosedError):
        quota.acquire()


def test_closing_ends_a_wait_for_the_server(postgres: PostgresDatabase) -> None:
    quota = Quota("closed", Allowance(9, 60), kept_in=Coordination(postgres.url))
    postgres.server.stop()
    threading.Timer(0.2, quota.close).start()
    with pytest.raises(QuotaClosedError):
        quota.acquire()


def test_a_server_clock_set_back_does_not_block_for_hours(
    postgres: PostgresDatabase,
) -> None:
    quota = Quota("clock", Allowance(1, 0.2), kept_in=Coordination(postgres.url))
    quota.acquire()
    postgres.run_sql("update feedback_quota set at = at + interval '3 hours'")
    assert quota.acquire() < 60
