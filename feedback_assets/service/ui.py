"""Starts and stops Dagster's webserver and daemon for this project."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

import requests

from feedback_assets.runtime.instance import open_instance
from feedback_assets.service.location import carry_over
from feedback_assets.service.programs import place
from feedback_assets.settings import Settings

_TICK_SECONDS = 0.5
# Seconds that Dagster gives its webserver and daemon to exit before it kills them.
_END_SECONDS = 60


class NotStarted(RuntimeError):
    """The UI, or something it needs, cannot start; includes the reason."""


def run_ui(
    settings: Settings,
    given: Mapping[str, str],
    *,
    host: str,
    port: int,
    on_ready: Callable[[], None],
) -> int:
    """Run the UI and the daemon until they end; returns the exit status, 0 after an interrupt.

    ``given`` is the environment as it was before the settings were read. ``on_ready`` is called
    once the UI answers. Call it within ``interruptible``.
    """
    refuse_taken(host, port)
    with open_instance(settings) as instance:
        if settings.account.root is None:
            carry_over(instance)
    with place(settings, given) as there:
        command = there.command(
            "dagster", "dev", "-w", there.workspace, "--host", host, "--port", str(port)
        )
        # In its own session, Ctrl-C does not reach webserver, daemon and code servers all at once:
        # it is passed on to the process that stops the others in order.
        with subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=there.directory, env=dict(there.environment), start_new_session=True
        ) as process:
            try:
                while process.poll() is None and not _answers(host, port):
                    time.sleep(_TICK_SECONDS)
                if process.poll() is None:
                    _skip_welcome(host, port)
                    on_ready()
                return process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                return 0
            finally:
                # Processes still running after that, or at a second Ctrl-C, are killed.
                with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                    process.wait(_END_SECONDS)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def url_of(host: str, port: int) -> str:
    """The address of the UI for a browser on this machine."""
    host = _reachable_host(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refuse_taken(host: str, port: int) -> None:
    """Raise ``NotStarted`` if the port is already in use."""
    with suppress(OSError):
        socket.create_connection((_reachable_host(host), port), timeout=1).close()
        raise NotStarted(
            f"port {port} is in use: stop the process that uses it, or choose another with --port"
        )


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise ``KeyboardInterrupt``.

    SIGINT too: a shell makes its background processes ignore it.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reachable_host(host: str) -> str:
    """The address at which this machine reaches a server on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _answers(host: str, port: int) -> bool:
    with suppress(requests.RequestException), _session() as session:
        return session.get(f"{url_of(host, port)}/server_info", timeout=5).ok
    return False


def _skip_welcome(host: str, port: int) -> None:
    """Dismiss Dagster's welcome dialog, for homes whose dagster.yaml enables it."""
    with suppress(requests.RequestException), _session() as session:
        query = {"query": "mutation { setNuxSeen }"}
        session.post(f"{url_of(host, port)}/graphql", json=query, timeout=30)


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy for a local address
    return session
