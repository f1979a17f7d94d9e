"""The daily, monthly and incident commands of docs/operations.md work."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = ("The day", "The month", "The incident")
CUSTOMER = "ana@example.com"


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def _commands(text: str) -> list[str]:
    """Each command of the code blocks, with its continuation lines, and each in a table cell."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = [
        command.strip()
        for block in blocks
        for command in re.split(
            r"^(?=\.venv/bin/)",
            re.sub(r"^#.*\n", "", block, flags=re.MULTILINE),
            flags=re.MULTILINE,
        )
    ]
    cells = re.findall(
        r"`(\.venv/bin/[^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    return [command for command in [*found, *cells] if command]


COMMANDS = list(
    dict.fromkeys(command for title in SECTIONS for command in _commands(_section(title)))
)


MORE = ("Forgetting a person", "Replaying the quarantine", "Backfills", "The page")
DAYS = {"2026-01-01": YESTERDAY, "2026-02-01": YESTERDAY}
DAYS |= {"2026-01-31": YESTERDAY, "2026-05-31": YESTERDAY}


def test_each_section_has_only_commands_of_the_project() -> None:
    for title in SECTIONS:
        assert _commands(_section(title)), title
    assert all(command.startswith(".venv/bin/feedback-assets ") for command in COMMANDS)


@pytest.mark.slow
def test_every_documented_operator_command_works_as_written(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = shop.backfill(YESTERDAY, YESTERDAY, "--select", "not key:marts/survey_funnel")
    assert done.exit_code == 0, done.output
    orders = shop.warehouse.read_arrow(find_table("unified.orders"))
    email = orders["customer_email"].drop_null()[0].as_py()
    for name in ("DAY", "FIRST", "LAST"):
        monkeypatch.setenv(name, str(YESTERDAY))
    more = [command for title in MORE for command in _commands(_section(title))]
    assert len(more) >= 8
    # Several are the same for one day.
    for command in dict.fromkeys(_as_typed(command, email) for command in [*COMMANDS, *more]):
        program, *words = shlex.split(command, comments=True)
        status, said = _run(shop, Path(program).name, words)
        assert status == 0, f"{command}\n{said}"
        assert said.strip(), command


def _as_typed(command: str, email: str) -> str:
    """The command with an existing customer, for yesterday."""
    typed = command.replace(CUSTOMER, email)
    for written, day in DAYS.items():
        typed = typed.replace(written, str(day))
    return os.path.expandvars(typed)


def _run(shop: Project, program: str, words: list[str]) -> tuple[int, str]:
    """Run the project's own command in this process, where all modules are loaded."""
    if program == "feedback-assets":
        done = shop.run(*words)
        return done.exit_code, done.output
    ran = subprocess.run(
        [Path(sys.executable).with_name(program), *words], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stdout
