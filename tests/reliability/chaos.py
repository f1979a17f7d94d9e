"""A project under chaos: its UI and daemon, two terminals with commands, and random kills.

Actions are drawn from a seed; their timing relative to each other depends on the machine."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import requests

from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES
from tests.clone import free_port
from tests.reliability.processes import ROOT, Runner
from tests.servers.supervised import wait_until
from tests.servers.webserver import Asked

_LOADED = PROVIDER_TABLES + DERIVED_TABLES
READING = " or ".join(sorted({f"group:{table.group}" for table in PROVIDER_TABLES}))
QUERIES = (
    'select count(*), sum(net_amount) from "unified"."orders"',
    'select day, sum(promoters), sum(responses) from "marts"."nps_daily" group by day order by day',
    'select * from "marts"."customer_value"',
)


@dataclass
class Diary:
    """A log of actions and their results, to analyse a failed test."""

    seed: int
    lines: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, text: str) -> None:
        with self._lock:
            self.counts[kind] += 1
            self.lines.append(f"{time.monotonic() - self._began:7.2f} {kind}: {text}")

    def __str__(self) -> str:
        return "\n".join([f"CHAOS_SEED={self.seed}", *self.lines])


@dataclass
class Ui:
    """``feedback-assets ui``, which starts webserver, daemon and code servers."""

    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def asked(self) -> Asked:
        return Asked(f"http://127.0.0.1:{self.port}")

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        command = ("feedback_assets.cli", "ui", "--no-open", "--port", str(self.port))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def children(self) -> dict[int, str]:
        """The UI's children by process id: a run, or the name of a server."""
        wanted = f"DAGSTER_HOME={self.environment['DAGSTER_HOME']}".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted not in (path / "environ").read_bytes().split(b"\0"):
                    continue
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if "tests.reliability" not in command and "feedback_assets.cli" not in command:
                    found[int(path.name)] = _kind(command)
        return {pid: kind for pid, kind in found.items() if kind}

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process is not None and self.runs:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(120)
        self.kill()

    def kill(self) -> None:
        """Kill it with all its children."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _kind(command: str) -> str:
    names = {
        "multiprocessing.spawn": "run",
        "webserver": "webserver",
        "daemon": "daemon",
        " grpc": "code server",
        "code-server": "code server",
        "dagster dev": "dagster dev",
    }
    return next((kind for name, kind in names.items() if name in command), "")


@contextmanager
def running_ui(environment: dict[str, str], log: Path) -> Iterator[Ui]:
    ui = Ui(environment, log)
    ui.start()
    try:
        yield ui
    finally:
        ui.kill()


@dataclass
class Chaos:
    """Two terminals and a UI on one project whose providers restate their data."""

    sandbox: Sandbox
    ui: Ui
    diary: Diary
    first: date
    last: date
    email: str
    moments: list[datetime]
    """The times of the providers, one after the other: what happened until then is served."""

    def run(self, terminals: tuple[Runner, Runner], seconds: float) -> None:
        """Run random actions for the given seconds, with one erasure midway."""
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._type, args=(runner, number, until), daemon=True)
            for number, runner in enumerate(terminals)
        ]
        for thread in threads:
            thread.start()
        self._disturb(until, seconds)
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive(), "a command hangs"

    def _type(self, runner: Runner, number: int, until: float) -> None:
        """Run the commands of one terminal; every third is killed."""
        chance = random.Random(f"{self.diary.seed} terminal {number}")
        midway = (time.monotonic() + until) / 2
        forgetting = number == 0
        while forgetting or time.monotonic() < until:
            if forgetting and time.monotonic() > midway:
                forgetting = False
                self._one(runner, ("forget", self.email), chance.uniform(0.5, 3))
                self._one(runner, ("forget", self.email), None)
                continue
            command = self._command(chance)
            after = chance.uniform(0.1, 6) if chance.random() < 1 / 3 else None
            self._one(runner, command, after)

    def _command(self, chance: random.Random) -> tuple[str, ...]:
        length = chance.randrange(1, (self.last - self.first).days + 2)
        first = self.first + timedelta(
            days=chance.randrange((self.last - self.first).days + 2 - length)
        )
        span = ("--from", str(first), "--to", str(first + timedelta(days=length - 1)))
        tables = chance.sample(_LOADED, 4)
        some = " or ".join(f'key:"{table.group}/{table.name}"' for table in tables)
        (command,) = chance.choices(
            [
                ("backfill", *span),
                ("backfill", *span, "--select", READING),
                ("backfill", *span, "--select", some),
                ("backfill", *span, "--missing"),
                ("replay",),
                ("query", chance.choice(QUERIES)),
            ],
            [2, 3, 3, 2, 1, 3],
        )
        return command

    def _one(self, runner: Runner, command: tuple[str, ...], after: float | None) -> None:
        if after is None:
            status, took = runner.run(*command)
        else:
            status, took = runner.run_killed(after, *command)
        kind = "killed" if status == -signal.SIGKILL else "command"
        shown = " ".join("EMAIL" if text == self.email else text for text in command)
        self.diary.add(kind, f"{shown} -> {status} after {took:.1f} s")

    def _disturb(self, until: float, seconds: float) -> None:
        """Start backfills in the UI, kill processes and change the providers' data."""
        chance = random.Random(f"{self.diary.seed} disturber")
        moments = list(self.moments)
        pause = seconds / (4 * len(moments))
        for number in range(4 * len(moments)):
            time.sleep(max(0, min(pause, until - time.monotonic())))
            if number % 4 == 0:
                moment = moments.pop(0)
                self.sandbox.set_now(moment)
                self.diary.add("restated", f"the providers are at {moment}")
            (action,) = chance.choices([self._ui_backfill, self._kill_run, self._kill], [3, 4, 1])
            action(chance)
            if not self.ui.runs:
                self.ui.start()
                self.diary.add("ui", "started again")

    def _ui_backfill(self, chance: random.Random) -> None:
        tables = [t for t in chance.sample(_LOADED, 3) if t.partitioned]
        first = self.first + timedelta(days=chance.randrange((self.last - self.first).days + 1))
        names = ", ".join(table.full_name for table in tables)
        try:
            self.ui.asked.backfill(tables, first, self.last)
        except (requests.RequestException, AssertionError) as error:
            # It was killed and has not restarted yet.
            self.diary.add("ui away", type(error).__name__)
        else:
            self.diary.add("ui backfill", f"{names} from {first}")

    def _kill_run(self, chance: random.Random) -> None:
        self._kill_one(chance, {"run"})

    def _kill(self, chance: random.Random) -> None:
        """Kill the webserver or the daemon, which ends the other processes too, or all at once.

        Never a code server alone: the UI would show an error until the location is reloaded."""
        if chance.random() < 0.5:
            self._kill_one(chance, {"webserver", "daemon"})
        else:
            self.ui.kill()
            self.diary.add("killed all of the UI", "")

    def _kill_one(self, chance: random.Random, kinds: set[str]) -> None:
        there = sorted((pid, kind) for pid, kind in self.ui.children().items() if kind in kinds)
        if there:
            pid, kind = chance.choice(there)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.diary.add(f"killed {kind}", str(pid))

    def back(self) -> None:
        """Wait until the UI responds, restarting it if necessary."""

        def answers() -> bool:
            if not self.ui.runs:
                self.ui.start()
            return self.ui.asked.shows_tables()

        wait_until(answers, 240, every=1)
