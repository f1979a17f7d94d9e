"""Measures whole processes alternately, through the operating system, and gives the ratios."""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Usage:
    """A finished command: wall seconds, and of all its processes the CPU seconds.

    ``peak``: memory of the largest of its processes, in bytes.
    """

    wall: float
    cpu: float
    peak: int
    output: str


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Usage:
    """Run a command to completion; raises ``SystemExit`` with its output if it fails.

    Also waits for the processes that it leaves behind, such as the server that forks a backfill's
    workers, and counts their use.
    """
    _adopt_orphans()
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            # Otherwise every process recompiles its modules, and this project has more of them.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(env or {})},
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A process group of its own, by which its orphans are found.
            process_group=0,
        )
        _, status, own = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        usages = [own]
        with suppress(ChildProcessError):
            while True:
                usages.append(os.wait4(-process.pid, 0)[2])
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{said[-4000:]}")
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Usage(wall, seconds, max(usage.ru_maxrss for usage in usages) * 1024, said)


@cache
def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants, as init would; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of this project."""
    return [sys.executable, "-m", name, *(str(argument) for argument in arguments)]


def script(text: str, *arguments: object) -> list[str]:
    """The command that runs a few lines of Python."""
    return [sys.executable, "-c", text, *(str(argument) for argument in arguments)]


@dataclass(frozen=True)
class Compared:
    """Alternating runs of two commands, A B A B …, so that a slow minute affects both."""

    ours: list[Usage]
    theirs: list[Usage]

    def ratio(self, figure: Callable[[Usage], float]) -> float:
        """The median of the ratios, pair by pair."""
        return statistics.median(
            figure(a) / figure(b) for a, b in zip(self.ours, self.theirs, strict=True)
        )

    def medians(self, figure: Callable[[Usage], float]) -> tuple[float, float]:
        return (
            statistics.median(map(figure, self.ours)),
            statistics.median(map(figure, self.theirs)),
        )


def compare(
    ours: Callable[[], Usage],
    theirs: Callable[[], Usage],
    chosen: "Options",
    *,
    warm: bool = True,
) -> Compared:
    """Run both alternately, ``chosen.times`` times each, after one uncounted run of each.

    No such run if ``warm`` is false, since it makes no difference for a command that takes a
    minute, nor if the benchmark runs small.
    """
    if warm and not chosen.small:
        ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(chosen.times)]
    return Compared([a for a, _ in pairs], [b for _, b in pairs])


def wall(usage: Usage) -> float:
    return usage.wall


def cpu(usage: Usage) -> float:
    return usage.cpu


def peak(usage: Usage) -> float:
    return usage.peak


def say(claim: str, ratio: float, reach: str, detail: str) -> None:
    """One finding: a line for people, then the same as JSON."""
    print(f"{claim}: {ratio:.2f} (reach {reach}); {detail}")
    print(json.dumps({"claim": claim, "ratio": round(ratio, 4), "reach": reach}), flush=True)


@dataclass(frozen=True)
class Options:
    """The options of a benchmark: repetitions, whether small, and its size."""

    small: bool
    times: int
    size: int


def options(description: str | None, *, size: int, small: int, times: int = 3) -> Options:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--small", action="store_true", help="seconds; figures mean nothing")
    parser.add_argument("--times", type=int, help=f"runs that count, {times} unless --small")
    parser.add_argument("--size", type=int, help=f"{size:,} unless --small")
    given = parser.parse_args()
    return Options(
        given.small,
        given.times or (1 if given.small else times),
        given.size or (small if given.small else size),
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary directory, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="feedback-assets-benchmark-") as directory:
        yield Path(directory)


def clean_environment(home: Path, warehouse: Path) -> dict[str, str]:
    """An environment in which only the output directories are configured."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "DAGSTER_HOME": str(home),
        "FEEDBACK_WAREHOUSE": str(warehouse),
        "FEEDBACK_CUSTOMER_SECRET": "a secret for benchmarks",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PYTHONWARNINGS": "ignore",
    }
