"""Start, kill and wait for the processes of these tests."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _send(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


@dataclass
class Reader:
    """The findings of ``reader.py``, available once it has ended."""

    rounds: int = 0
    again: int = 0
    """Queries that DuckDB gave up because a file was replaced under it."""
    trouble: list[str] = field(default_factory=list)


@contextmanager
def reading(root: Path, expected: dict[str, Any], place: Path) -> Iterator[Reader]:
    """A process that reads the warehouse continuously."""
    file = place / "expected.json"
    file.write_text(json.dumps(expected))
    seen = Reader()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.reader", str(root), str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert _line(process) == "reading"
        yield seen
        said = json.loads(process.communicate(timeout=300)[0])
        seen.rounds, seen.again, seen.trouble = said["rounds"], said["again"], said["trouble"]
    finally:
        process.kill()
        process.wait()


@dataclass
class Runner:
    """Starts commands in children that can be killed at any moment."""

    process: "subprocess.Popen[str]"
    environment: dict[str, str]
    log: Path

    def start(self, *arguments: str, **changes: str) -> int:
        """The process id of a child that runs ``feedback-assets`` with these arguments."""
        order = {
            "arguments": list(arguments),
            "environment": self.environment | changes,
            "log": str(self.log),
        }
        _send(self.process, json.dumps(order))
        return int(_line(self.process))

    def status(self) -> int:
        """Wait for the child; return its status, negative for a signal."""
        return int(_line(self.process))

    def run(self, *arguments: str, **changes: str) -> tuple[int, float]:
        """Wait for a child to end; return its status and the seconds it took."""
        began = time.monotonic()
        self.start(*arguments, **changes)
        return self.status(), time.monotonic() - began

    def run_killed(self, after: float, *arguments: str, **changes: str) -> tuple[int, float]:
        """Kill a child this many seconds after its start if it still runs; return as ``run``."""
        began = time.monotonic()
        child = self.start(*arguments, **changes)
        # The runner waits for it, so its id is not reused before its status is read.
        with contextlib.suppress(ProcessLookupError):
            ended = os.pidfd_open(child)
            with os.fdopen(ended):
                if not select.select([ended], [], [], after)[0]:
                    # Including the processes that execute its runs.
                    os.killpg(child, signal.SIGKILL)
        return self.status(), time.monotonic() - began


@contextmanager
def running_runner(environment: dict[str, str], log: Path) -> Iterator[Runner]:
    """A ``Runner`` whose children see this environment on top of the test's own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.runner"],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert _line(process) == "ready"
        yield Runner(process, environment, log)
    finally:
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
