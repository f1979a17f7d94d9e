"""How a terminal shows a query result."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from feedback_assets.cli.shown import Laid, lay_out

NAMES = ["source", "nps", "said"]
NUMBERS = [False, True, False]
ROWS = [
    *((f"channel {n}", n / 8, None if n % 3 else "") for n in range(500)),
    ("[bold]喜欢[/bold] :heart:", None, "\x1b[2J"),
]


def printed(laid: Laid, width: int) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(laid.shown)
    return text.getvalue().rstrip("\n").split("\n")


def shown(rows: list[tuple[object, ...]], width: int) -> list[str]:
    return printed(lay_out(NAMES, NUMBERS, rows, width), width)


def inner(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_every_row_has_one_line_in_order_with_any_content() -> None:
    lines = shown(ROWS, 160)
    assert len({cell_len(line) for line in lines}) == 1
    rows = inner(lines[3:-1])
    assert len(rows) == len(ROWS)
    assert rows[9] == ["channel 9", "1.12", ""]
    assert rows[-1] == ["[bold]喜欢[/bold] :heart:", "null", "\\x1b[2J"]


@pytest.mark.parametrize("mark", ["\n", "\u2028", "\u2029"])
def test_a_multi_line_value_stays_on_the_line_of_its_row(mark: str) -> None:
    lines = inner(shown([(f"one{mark}two", 1, "a\tb"), ("three", 2, "b")], 80)[3:-1])
    assert lines == [["one↵two", "1", "a b"], ["three", "2", "b"]]


def test_the_widest_columns_are_cut_but_numbers_never() -> None:
    rows = [(f"a channel with a long name {n}", 1234567.5 + n, "said " * 40) for n in range(3)]
    laid = lay_out(NAMES, NUMBERS, rows, 60)
    lines = printed(laid, 60)
    assert max(map(cell_len, lines)) <= 60
    for n, (source, nps, said) in enumerate(inner(lines[3:-1])):
        assert nps == f"{1234567.5 + n:,.2f}"
        assert source.startswith("a channel")
        assert said.startswith("said")
        assert said.endswith("…")
    assert "--csv" in laid.note


def test_one_row_that_does_not_fit_is_shown_as_a_record() -> None:
    names = [f"column_{n}" for n in range(40)]
    laid = lay_out(names, [False] * 40, [[f"value {n}\nnext" for n in range(40)]], 160)
    assert laid.note == ""
    lines = [line.split() for line in printed(laid, 160)]
    for n in range(40):
        assert lines[2 * n] == [f"column_{n}", "value", str(n)]
        assert lines[2 * n + 1] == ["next"]


def test_an_empty_result_with_many_columns_shows_the_column_names() -> None:
    names = [f"column_{n}" for n in range(40)]
    (*lines,) = printed(lay_out(names, [False] * 40, [], 160), 160)
    assert " ".join(line.strip() for line in lines) == f"No rows. Columns: {', '.join(names)}"


def test_rows_with_too_many_columns_are_shown_as_records() -> None:
    names = [f"column_{n}" for n in range(40)]
    laid = lay_out(names, [False] * 40, [["a long enough value"] * 40] * 30, 160)
    lines = printed(laid, 160)
    assert [line.strip() for line in lines if line.startswith("row ")] == [
        f"row {n}" for n in range(1, 21)
    ]
    assert "…" not in "".join(lines)
    assert "The first 20 rows are shown" in laid.note


@given(
    st.lists(
        st.lists(st.text(max_size=40) | st.integers() | st.none(), min_size=4, max_size=4),
        min_size=1, max_size=4,
    ),
    st.integers(20, 170),
)  # fmt: skip
def test_nothing_is_wider_than_the_terminal(rows: list[list[object]], width: int) -> None:
    laid = lay_out(["a", "b", "c", "d"], [False] * 4, rows, width)
    lines = printed(laid, width)
    assert max(map(cell_len, lines)) <= width
    assert "…" not in "".join(lines) or laid.note or any("…" in str(c) for r in rows for c in r)


def test_an_empty_result_shows_a_header() -> None:
    assert len(shown([], 80)) == 4
