"""CSV that no spreadsheet executes, with any separator."""

import csv
import io
import json
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback_assets.reports.csv_text import SIGNS, csv_of, harmless

PADDING = " \u00a0\u3000\u200b\ufeff\x00\x1f\"'“`«"
LETTERS = st.sampled_from([*SIGNS, *PADDING, *";,\t\n\r\v\f\u2028\x85", "a", "1"])


def starts_a_formula(cell: str) -> bool:
    """Whether a spreadsheet that ignores padding before a sign would execute this cell."""
    # After an apostrophe everything is text.
    return cell.lstrip(PADDING.replace("'", ""))[:1] in {*SIGNS}


def test_the_signs_include_all_characters_that_normalise_to_a_sign() -> None:
    found = {
        chr(n) for n in range(0x110000) if unicodedata.normalize("NFKC", chr(n)) in set("=+-@")
    }
    assert set(SIGNS) == found


@given(st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=3))
@example(["a;=cmd"])
@example(["a\n=cmd"])
@example(["a\n\n  =cmd"])
@example(['";""=cmd'])
@example(["\t=1"])
def test_no_cell_starts_a_formula_with_any_separator(texts: list[str]) -> None:
    written = csv_of(texts, [texts])
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=delimiter):
            for cell in row:
                assert not starts_a_formula(cell), (delimiter, cell)
    # Readers that do not support quotes around a semicolon or line break.
    for cell in re.split(r"[;\t\n\r\v\f\u2028\x85]", written.replace('""', '"')):
        assert not starts_a_formula(cell), cell


@given(st.text(max_size=40))
def test_only_apostrophes_are_added(text: str) -> None:
    assert harmless(text).replace("'", "") == text.replace("'", "")
    written = csv_of(["a", "b"], [[text, "b"]])
    assert list(csv.reader(io.StringIO(written, newline="")))[1:] == [[harmless(text), "b"]]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("＝1", "'＝1"), ("﹣1", "'﹣1"),
        ("  =1", "'  =1"), ('"=1"', "'\"=1\""), ("\t=1", "'\t'=1"), ("\nx", "'\nx"),
        ("a;=1", "a;'=1"), ("a; -1", "a;' -1"), ("a\n+1", "a\n'+1"), ("a\r\n=1", "a\r\n'=1"),
        ("good - fast", "good - fast"), ("a, -1", "a, -1"), ("a;b", "a;b"), ("", ""),
    ],
)  # fmt: skip
def test_an_apostrophe_precedes_text_that_would_start_a_formula(text: str, written: str) -> None:
    assert harmless(text) == written


def test_numbers_stay_numbers_and_nested_values_are_json() -> None:
    row = [-1, -1.5, Decimal("-2.50"), None, True, datetime(2026, 1, 1, tzinfo=UTC), {"a": ";=1"}]
    (cells,) = csv.reader(io.StringIO(csv_of(["x"], [row], header=False)))
    assert cells[:6] == ["-1", "-1.5", "-2.50", "", "True", "2026-01-01T00:00:00+00:00"]
    assert json.loads(cells[6]) == {"a": ";'=1"}
    assert csv_of(["=x"], []) == "'=x\n"
