"""A copy of the checkout in a directory of its own, for what starts from a project root."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from feedback_assets.settings import variables
from tests.servers.supervised import wait_until
from tests.servers.webserver import Asked

ROOT = Path(__file__).parents[1]
_FILES = ("pyproject.toml", "workspace.yaml", "dagster.yaml", "dagster_home/dagster.yaml")


@dataclass(frozen=True)
class Clone:
    """The copy; ``given`` is set in the environment of what is started, beside no other setting."""

    root: Path
    given: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        ours = variables()
        plain = {name: value for name, value in os.environ.items() if name not in ours}
        # A console script imports from here, too, before the package that is installed.
        return plain | {"PYTHONPATH": str(self.root)} | dict(self.given)

    def with_environment(self, **given: str) -> "Clone":
        return Clone(self.root, given)

    def write_dotenv(self, settings: Mapping[str, str]) -> None:
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.root / ".env").write_text(text)

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A program of this environment from the copy's root, to its end."""
        return subprocess.run(
            self.command(*command), cwd=self.root, env=self.environment, check=check, text=True,
            capture_output=True, timeout=240,
        )  # fmt: skip

    def command(self, name: str, *arguments: str) -> list[str]:
        if name == "feedback-assets":
            return [sys.executable, "-m", "feedback_assets.cli", *arguments]
        return [str(Path(sys.executable).with_name(name)), *arguments]

    @contextmanager
    def started(
        self, *command: str, ignoring_interrupt: bool = False
    ) -> "Iterator[subprocess.Popen[str]]":
        """A program from the copy's root, its output in ``log``; at the end nothing is left of it.

        ``ignoring_interrupt``: as a shell starts what runs in the background.
        """

        shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"] if ignoring_interrupt else []
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [*shell, *self.command(*command)], cwd=self.root, env=self.environment,
                stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.poll()
                for left in self.processes():
                    os.kill(left, signal.SIGKILL)
                process.wait(30)

    @property
    def log(self) -> Path:
        return self.root.parent / "log.txt"

    def processes(self) -> set[int]:
        """All that was started from the copy and still runs."""
        wanted = f"PYTHONPATH={self.root}".encode()
        found = set()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                variables = path.read_bytes().split(b"\0")
            except OSError:  # it ended, or is another's
                continue
            if wanted in variables:
                found.add(int(path.parent.name))
        return found

    @contextmanager
    def serving(self, *command: str) -> Iterator[Asked]:
        """``dagster dev`` or one like it on a free port, once it answers and shows the tables."""
        port = free_port()
        with self.started(*command, "--port", str(port)) as process:
            served = Asked(f"http://127.0.0.1:{port}")
            wait_until(lambda: served.shows_tables() or process.poll() is not None, 240, every=1)
            assert process.poll() is None, self.log.read_text()
            yield served
            process.send_signal(signal.SIGINT)
            process.wait(120)


def clone(directory: Path) -> Clone:
    """A copy in ``directory``, with no ``.env`` and no data."""
    root = directory / "clone"
    shutil.copytree(
        ROOT / "feedback_assets",
        root / "feedback_assets",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in _FILES:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return Clone(root, {})


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
