"""The Postgres of several machines: restarts are waited for, and every error has a remedy."""

import contextlib
import logging
import multiprocessing
import os
import pickle
import threading
import time
from typing import Any

import pytest

from feedback_assets.coordination.database import Coordination, CoordinationUnavailable
from tests.servers.postgres import PostgresDatabase
from tests.servers.supervised import wait_until

slow = pytest.mark.slow


def backend(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


def report_backend(coordination: Coordination, pipe: Any) -> None:
    pipe.send(coordination.run(backend))


@slow
def test_one_connection_is_reused_for_consecutive_work(postgres: PostgresDatabase) -> None:
    coordination = Coordination(postgres.url)
    first = coordination.run(backend)
    assert {coordination.run(backend) for _ in range(5)} == {first}
    assert pickle.loads(pickle.dumps(coordination)).run(backend) == first


@slow
def test_a_forked_child_opens_its_own_connection_and_the_parent_keeps_its_connection(
    postgres: PostgresDatabase,
) -> None:
    coordination = Coordination(postgres.url)
    mine = coordination.run(backend)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(
        target=report_backend, args=(coordination, there)
    )
    child.start()
    assert here.recv() != mine
    child.join(10)
    assert coordination.run(backend) == mine


@slow
def test_a_restarting_server_is_waited_for(
    postgres: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    coordination = Coordination(postgres.url)
    before = coordination.run(backend)
    postgres.server.stop()

    def start_once_waited_for() -> None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: "waiting for it" in caplog.text, 120, every=0.05)
        postgres.server.start()

    starting = threading.Thread(target=start_once_waited_for)
    with caplog.at_level(logging.WARNING):
        starting.start()
        assert coordination.run(backend) != before
    starting.join()
    assert "waiting for it" in caplog.text
    assert postgres.server.password not in caplog.text


@slow
def test_a_server_that_stays_down_is_an_error_with_a_remedy(postgres: PostgresDatabase) -> None:
    coordination = Coordination(postgres.url, patience=0.5)
    coordination.run(backend)
    postgres.server.stop()
    with pytest.raises(CoordinationUnavailable) as caught:
        coordination.run(backend)
    said = str(caught.value)
    assert f"127.0.0.1:{postgres.server.port}/{postgres.name}" in said
    assert "did not answer for 0.5 s" in said
    assert "start it, or fix the URL, then run it again" in said
    assert postgres.server.password not in said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@slow
def test_closing_ends_the_wait(postgres: PostgresDatabase) -> None:
    coordination = Coordination(postgres.url)
    postgres.server.stop()
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(CoordinationUnavailable):
        coordination.run(backend, stop)
    assert time.monotonic() - began < 60  # not the full two minutes of patience


@slow
@pytest.mark.parametrize("wrong", ["password", "database"])
def test_permanent_errors_fail_at_once(postgres: PostgresDatabase, wrong: str) -> None:
    url = {
        "password": postgres.url.replace(postgres.server.password, "wrong"),
        "database": postgres.server.url("nowhere"),
    }[wrong]
    # Waiting would use up the test's two minutes.
    with pytest.raises(CoordinationUnavailable, match=r"refuses: .*; fix user, password"):
        Coordination(url, patience=3600).run(backend)


def test_without_the_driver_the_error_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("feedback_assets.coordination.database.find_spec", lambda name: None)
    with pytest.raises(CoordinationUnavailable, match=r"pip install 'feedback-assets\[server\]'"):
        Coordination("postgresql://u:p@127.0.0.1/none").run(os.getpid)  # type: ignore[arg-type]
