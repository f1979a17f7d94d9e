"""Every benchmark runs and prints its ratio; the tests do not judge speed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__init__"
)
_NOT_INSTALLED = "not installed"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_benchmark_runs_small_and_prints_a_ratio(name: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--small"],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]
    if not found and _NOT_INSTALLED in finished.stdout:
        pytest.skip(finished.stdout.strip())
    assert found
    assert all(finding["ratio"] > 0 for finding in found)


def test_every_benchmark_has_its_row_in_the_table() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert [name for name in SCRIPTS if f"`{name}`" not in page] == []
