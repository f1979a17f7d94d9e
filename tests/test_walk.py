"""README.md and docs/start.md as a newcomer follows them: a fresh checkout, a new environment.

Every command runs as written. ``_Newcomer`` plays the reader: filling in ``.env``, pressing Ctrl-C,
and opening the UI (here, by querying its GraphQL)."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.settings import variables
from tests.servers.supervised import wait_until
from tests.servers.webserver import Asked

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
UI = "http://127.0.0.1:3000"
# Commands that run until Ctrl-C.
SERVERS = ("make dev", ".venv/bin/feedback-assets ui", ".venv/bin/dagster dev", ".venv/bin/dg dev")
FIRST_DAY_READ = date(2026, 10, 1)
CUSTOMER = "ana@example.com"
# DuckDB's snippet prints its rows; the others assign a data frame.
SHOW = '\nif "frame" in locals(): print(*frame["provider"])'

MATERIALIZED = """
query { assetNodeOrError(assetKey: {path: ["marts", "nps_daily"]}) {
  ... on AssetNode { partitionStats { numMaterialized } } } }
"""
SCHEDULE = """
query { scheduleOrError(scheduleSelector: {
  repositoryLocationName: "feedback_assets", repositoryName: "__repository__",
  scheduleName: "read_last_days"}) { ... on Schedule { scheduleState { status } } } }
"""

pytestmark = pytest.mark.slow


def _section(page: str, heading: str) -> str:
    found = re.search(rf"^## {heading}.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[0]


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class _Newcomer:
    """A newcomer with a fresh checkout and a shell; ``values`` go into ``.env``."""

    checkout: Path
    values: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        settings = variables()
        return {
            name: value
            for name, value in os.environ.items()
            if name not in settings and not name.startswith(("DAGSTER_", "PYTHON", "VIRTUAL_"))
        }

    def follow(self, text: str) -> str:
        """Run each shell block of ``text``; servers run until they answer, then get Ctrl-C."""
        said = []
        for block in _blocks(text, "sh"):
            lines = [line.split("  #")[0].rstrip() for line in block.splitlines()]
            servers = [line for line in lines if line in SERVERS]
            plain = "\n".join(line for line in lines if line not in SERVERS)
            # The reader fills in .env before going on.
            parts = re.split(r"(?<=cp \.env\.example \.env)\n", plain)
            said += [self.type(commands) for commands in parts if commands.strip()]
            for server in servers:
                with self.running(server):
                    pass
        return "".join(said)

    def type(self, commands: str) -> str:
        """Run the commands and return their output; fail if one fails."""
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"{commands}\n{ran.stdout}"
        if "bin/dagster " not in commands:
            # Dagster's own commands end in the middle of what a code server is doing.
            assert "leaked" not in ran.stdout, "an extension module complains at the end"
        if "cp .env.example .env" in commands:
            self.fill_in(self.values)
        return ran.stdout

    def fill_in(self, values: dict[str, str]) -> None:
        """Uncomment these lines of ``.env`` and fill them in."""
        path = self.checkout / ".env"
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            text, lines = re.subn(rf"^#? ?{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            assert lines == 1, name
        path.write_text(text, encoding="utf-8")

    @contextmanager
    def running(self, command: str) -> Iterator[Asked]:
        """The UI that ``command`` starts; Ctrl-C ends it with all its processes."""
        ui = Asked(UI)
        assert not ui.shows_tables(), f"something else listens on {UI}"
        with subprocess.Popen(
            command.split(), cwd=self.checkout, env=self.environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            try:
                wait_until(lambda: ui.shows_tables() or process.poll() is not None, 300)
                assert process.poll() is None, process.stdout and process.stdout.read()
                yield ui
            finally:
                # As a terminal does: to every process of the foreground group.
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.communicate(timeout=120)
                    wait_until(lambda: not _signalled(process.pid, 0), 120)
                finally:
                    _signalled(process.pid, signal.SIGKILL)


def _signalled(group: int, number: int) -> bool:
    """Send a signal to a process group; False if no process of it is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _days_shown(ui: Asked) -> int:
    return int(ui.ask(MATERIALIZED)["assetNodeOrError"]["partitionStats"]["numMaterialized"])


def _morning(ui: Asked) -> str:
    return str(ui.ask(SCHEDULE)["scheduleOrError"]["scheduleState"]["status"])


@pytest.fixture(scope="module")
def provider() -> Iterator[Sandbox]:
    """The newcomer's own providers, with data from before the days that the pages load."""
    days = (datetime.now(UTC).date() - FIRST_DAY_READ).days + 5
    with running_sandbox(seed=11, days=days, customers=150, faults=Faults(quotas=False)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory, provider: Sandbox) -> _Newcomer:
    """A fresh checkout of what git tracks here, without an environment or data."""
    checkout = tmp_path_factory.mktemp("newcomer") / "feedback_assets"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    environment = provider.environment()
    own = {name: environment[name] for name in ("FEEDBACKPULSE_URL", "FEEDBACKPULSE_API_KEY")}
    return _Newcomer(checkout, own)


def test_the_readme_leads_to_the_demo_and_then_to_own_data(
    newcomer: _Newcomer, provider: Sandbox
) -> None:
    two_commands = _section(README, "Two commands")
    assert "make test" in _blocks(two_commands, "sh")[0]
    said = newcomer.type("make demo")
    page = newcomer.checkout / "data" / "demo" / "warehouse" / "reports" / "nps.html"
    assert str(page) in said
    assert page.is_file()
    assert not (newcomer.checkout / "data" / "warehouse").exists()
    assert not list((newcomer.checkout / "dagster_home").glob("[!.d]*"))
    with newcomer.running("make dev") as ui:
        assert _days_shown(ui) >= 60

    newcomer.follow(_section(README, "With your own credentials"))
    rows = newcomer.type(
        '.venv/bin/feedback-assets query --csv "select distinct provider from unified.feedback"'
    )
    assert rows.split() == ["provider", "feedbackpulse"]
    own = newcomer.checkout / "data" / "warehouse" / "reports" / "nps.html"
    assert own.is_file()

    snippets = _blocks(_section(README, "Read the tables"), "python")
    assert len(snippets) == 3
    for snippet in snippets:
        ran = subprocess.run(
            [newcomer.checkout / ".venv/bin/python", "-c", snippet + SHOW],
            cwd=newcomer.checkout, env=newcomer.environment,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert "feedbackpulse" in ran.stdout
    paths = re.findall(r"`(data/warehouse/[^`]+)`", _section(README, "Read the tables"))
    assert len(paths) == 2
    for path in paths:
        pattern = re.sub(r"<\w+>|YYYY-MM-DD", "*", path)
        assert list(newcomer.checkout.glob(pattern)), path


def test_the_start_page_leads_from_one_key_to_a_running_schedule_and_the_next_provider(
    newcomer: _Newcomer, provider: Sandbox
) -> None:
    newcomer.follow(_section(START, "1\\."))
    newcomer.follow(_section(START, "2\\."))
    (start_date,) = re.findall(r"^FEEDBACK_START_DATE=(.+)$", START, re.MULTILINE)
    newcomer.fill_in({"FEEDBACK_START_DATE": start_date})

    verdicts = _blocks(_section(START, "3\\."), "text")[0].splitlines()
    said = newcomer.follow(_section(START, "3\\.")).splitlines()
    for line, shown in zip(said, verdicts, strict=False):
        assert line.startswith(shown.removesuffix("…").rstrip()), line
    next_command = said[-1]
    assert " backfill --from " in next_command
    newcomer.type(next_command)

    assert "feedbackpulse.submissions" in newcomer.follow(_section(START, "4\\."))
    assert "feedbackpulse" in newcomer.follow(_section(START, "5\\."))

    step = _section(START, "6\\.")
    with newcomer.running(".venv/bin/feedback-assets ui") as ui:
        assert _days_shown(ui) >= 30
        blocks = [block for block in _blocks(step, "sh") if "automation" in block]
        assert len(blocks) == 1
        newcomer.type(blocks[0])
        assert _morning(ui) == "RUNNING"
    for command in (".venv/bin/dagster dev", ".venv/bin/dg dev"):
        with newcomer.running(command) as ui:
            assert _days_shown(ui) >= 30
            assert _morning(ui) == "RUNNING"
    (exported,) = [block for block in _blocks(step, "sh") if "export DAGSTER_HOME" in block]
    assert "read_last_days [RUNNING]" in newcomer.type(exported)

    newcomer.fill_in(provider.environment() | newcomer.values)
    newcomer.follow(_section(START, "7\\."))
    matched = newcomer.type(
        ".venv/bin/feedback-assets query --csv "
        '"select count(*) > 0 from marts.order_feedback where order_id is not null"'
    )
    assert matched.split()[-1] == "True"
    email = newcomer.type(
        '.venv/bin/feedback-assets query --csv "select max(customer_email) from unified.orders"'
    ).split()[-1]
    newcomer.follow(_section(START, "Three commands for later").replace(CUSTOMER, email))
