"""Every benchmark runs and prints its ratio; the tests do not judge speed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("__")
)
_NOT_INSTALLED = "not installed"


@pytest.mark.slow
def test_every_benchmark_runs_small_and_prints_a_ratio() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small"],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=1770,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    printed = dict(part.split("\n", 1) for part in f"\n{finished.stdout}".split("\n# ")[1:])
    assert sorted(printed) == SCRIPTS
    for name, said in printed.items():
        found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert found or _NOT_INSTALLED in said, name
        assert all(finding["ratio"] > 0 for finding in found)


def test_every_benchmark_has_its_row_in_the_table() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert [name for name in SCRIPTS if f"`{name}`" not in page] == []
