"""A supervisord set up as in ``deploy/``: start, query, kill and stop it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

Found = TypeVar("Found")
TELEMETRY_OFF = "DAGSTER_DISABLE_TELEMETRY"


@dataclass(frozen=True)
class Supervised:
    """A running supervisord and its programs; ``home`` is its DAGSTER_HOME."""

    home: Path
    process: "subprocess.Popen[bytes]"

    def _ask(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.home}/supervisor.sock")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def programs(self) -> dict[str, tuple[str, int]]:
        """State and process id of each program; empty while it does not respond."""
        with suppress(OSError, Fault):
            return {
                str(found["name"]): (str(found["statename"]), int(found["pid"]))
                for found in self._ask().getAllProcessInfo()
            }
        return {}

    def pid(self, program: str) -> int:
        """The process id of a running program, else 0."""
        return self.programs().get(program, ("", 0))[1]

    def kill(self, program: str) -> int:
        """``kill -9`` a program and its children; return its process id."""
        pid = self.pid(program)
        os.killpg(pid, signal.SIGKILL)
        return pid

    def stop(self, seconds: float = 180) -> int:
        """Stop it like a machine that shuts down; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def lost(self) -> None:
        """Simulate the loss of the machine: kill everything without a shutdown."""
        pids = [pid for _, pid in self.programs().values() if pid]
        self.process.kill()
        self.process.wait()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def logs(self) -> str:
        """The tails of all logs, to analyse a failed test."""
        found = sorted((self.home / "process_logs").glob("*"))
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in found)


@contextmanager
def supervised(conf: Path, environment: Mapping[str, str]) -> Iterator[Supervised]:
    """A supervisord with this file and extra environment; everything is stopped at the end."""
    home = Path(environment["DAGSTER_HOME"])
    (home / "process_logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [str(Path(sys.executable).with_name("supervisord")), "-c", str(conf)]
    # The deployment has to set the variable; that of the tests would hide that it does not.
    inherited = {name: os.environ[name] for name in os.environ if name != TELEMETRY_OFF}
    process = subprocess.Popen(
        command, env={**inherited, **environment}, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    running = Supervised(home, process)
    try:
        yield running
    except BaseException:
        print(running.logs(), file=sys.stderr)  # noqa: T201
        raise
    finally:
        if process.poll() is None:
            running.lost()


def wait_until(what: Callable[[], Found], seconds: float, every: float = 0.5) -> Found:
    """Wait for a truthy result and return it; fail after this many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing after {seconds} s")
        time.sleep(every)
    return found
