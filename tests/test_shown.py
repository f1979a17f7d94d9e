"""What a terminal shows of an answer."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from feedback_assets.cli.shown import grid

ROWS = [
    *((f"channel {n}", n / 8, None if n % 3 else "") for n in range(500)),
    ("[bold]喜欢[/bold] :heart:", None, "\x1b[2J"),
]


def shown(rows: list[tuple[object, ...]], width: int) -> list[str]:
    text = io.StringIO()
    table = grid(["source", "nps", "said"], [False, True, False], rows, width)
    Console(file=text, width=width, highlight=False).print(table)
    return text.getvalue().rstrip("\n").split("\n")


def inner(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_every_row_has_its_line_in_order_whatever_is_in_it() -> None:
    lines = shown(ROWS, 160)
    assert len({cell_len(line) for line in lines}) == 1
    one_by_one = [line for row in ROWS for line in shown([row], 160)[3:-1]]
    assert inner(lines[3:-1]) == inner(one_by_one)
    assert inner(lines[3:-1])[9] == ["channel 9", "1.12", ""]
    assert inner(lines[3:-1])[-1] == ["[bold]喜欢[/bold] :heart:", "null", "\\x1b[2J"]


@pytest.mark.parametrize("width", range(24, 48, 2))
def test_a_narrow_terminal_keeps_what_belongs_to_a_row_together(width: int) -> None:
    rows = [(f"a name of {n} words", n / 7, "x" * (n % 5)) for n in range(8)]
    lines = inner(shown(rows, width)[3:-1])
    # A row begins where its number stands; its text may go on in the lines below it.
    starts = [at for at, (_, number, _) in enumerate(lines) if number]
    assert len(starts) == len(rows)
    for n, (at, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True)):
        name = "".join(line[0] for line in lines[at:end]).replace(" ", "")
        assert name == f"anameof{n}words"
        assert "".join(line[2] for line in lines[at:end]) == "x" * (n % 5)


def test_a_value_of_several_lines_stays_beside_its_row() -> None:
    lines = inner(shown([("one\ntwo", 1, "a"), ("three", 2, "b")], 80)[3:-1])
    assert lines == [["one", "1", "a"], ["two", "", ""], ["three", "2", "b"]]


@pytest.mark.parametrize("mark", ["\n", "\t", "\u2028", "\u2029"])
def test_a_value_that_rich_breaks_moves_no_other_to_another_row(mark: str) -> None:
    rows = [(f"x{mark}longer text", 1, "a"), ("y", 2, "b"), ("z", 3, "c")]
    lines = inner(shown(rows, 80)[3:-1])
    assert [line for line in lines if line[1]][1:] == [["y", "2", "b"], ["z", "3", "c"]]


def test_nothing_found_is_a_header() -> None:
    assert len(shown([], 80)) == 4
