"""docs/reliability.md has one row for each tested fault, and no other."""

import ast
import re
from pathlib import Path

import pytest

from feedback_assets.ingest.sources import SOURCES
from tests.reliability.faults import FAULTS, TRANSIENT, Fault

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for line in re.findall(r"^\| (.+) \|$", PAGE, re.MULTILINE)
    for cells in [line.split(" | ")]
    if len(cells) == 5
}


def reads(fault: Fault) -> int:
    """The number of reads with the fault: once lasting, and once transient if tried so."""
    lists = [s for s in SOURCES if any(table.full_name in fault.tables for table in s.tables)]
    return len(lists) * (1 + (fault in TRANSIENT))


def outcomes(fault: Fault) -> tuple[str, str]:
    """The page's outcomes of a transient and of a lasting fault."""
    if not fault.says:
        return "", "the right rows" if fault.same else "all rows, U+FFFD for what is lost"
    if fault.passes:
        return "the right rows", "an error after all tries"
    return "", "an error at once" if fault.tries == 1 else "an error after a second read"


def test_the_page_has_one_row_for_each_fault() -> None:
    tried = [fault.name for fault in FAULTS]
    assert len(tried) == len(set(tried))
    assert [name for name in ROWS if name in tried] == tried
    assert set(ROWS) - set(tried) == {"fault"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_row_gives_the_number_of_trials_and_the_outcome_of_a_fault(fault: Fault) -> None:
    assert ROWS[fault.name] == [str(reads(fault)), *outcomes(fault), "0"]


def test_the_page_names_every_reliability_test_and_every_named_test_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE))
    there = set()
    for path in {ROOT / file for file, _ in named} | set(Path(__file__).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        there |= {(str(path.relative_to(ROOT)), name) for name in found}
    assert named <= there
    own = {
        (file, name)
        for file, name in there
        if name.startswith("test_") and file.startswith("tests/reliability/")
    }
    assert own - named <= {
        (file, name) for file, name in own if file == "tests/reliability/test_page.py"
    }
