"""Terminal layout of command output, and its plain form without a terminal."""

import codecs
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feedback_assets.query.text import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Grid

# A pipe has no width; eighty columns would truncate table and channel names.
WIDTH = None if sys.stdout.isatty() else 160
MOST_ROWS = 1_000
"""Maximum rows shown in a terminal; ``--csv`` and ``--json`` have no limit."""
_MOST_RECORDS = 20
_NARROWEST = 12
_BETWEEN = len("│ ") + 1
# Replacements for characters that the output's encoding lacks.
_PLAIN = {
    "✓": "ok",
    "✗": "FAILED",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "·": "-",
    "●": "o",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "↵": "\\n",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\u00a0": " ",
    **dict.fromkeys("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "*"),
    **dict.fromkeys("─━═╌╍┄┅┈┉╸╺╴╶╼╾", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋╷╵╹╻", "|"),
}


def plain_where_needed() -> None:
    """Make the standard streams replace characters that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in lacking), error.end


codecs.register_error("plain", _plain)


def _escaped(letter: str) -> str:
    # ASCII for box drawing; an escape for all other characters, so nothing is lost.
    if "\u2500" <= letter <= "\u257f":
        return "+"
    return letter.encode("ascii", "backslashreplace").decode()


def writes(text: str) -> bool:
    """Whether standard output can encode this text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write(pieces: Iterable[str]) -> None:
    """Print a result meant for programs."""
    # A file gets the original text; a terminal would interpret escape sequences in it.
    terminal = sys.stdout.isatty()
    for text in pieces:
        sys.stdout.write(visible(text) if terminal else text)


@dataclass(frozen=True)
class Laid:
    """Rows laid out for a terminal; ``note`` reports omitted or truncated content."""

    shown: "RenderableType"
    note: str = ""


def lay_out(
    names: Sequence[str],
    numbers: Sequence[bool],
    rows: Sequence[Sequence[Any]],
    width: int,
    title: str | None = None,
) -> Laid:
    """The rows for a terminal of this width.

    If they fit, a table with one line per row. Otherwise a single row becomes a record with one
    line per column, and several rows a table whose widest text columns are truncated, or records
    if that is not enough. Without rows, only the column names.
    """
    cells = [[_text(value) for value in row] for row in rows]
    lines = [[_one_line(text) for text in row] for row in cells]
    heads = [_one_line(visible(name)) for name in names]
    natural = [_widest(column) for column in zip(heads, *lines, strict=True)]
    room = width - _BETWEEN * len(heads) - 1
    if sum(natural) <= room:
        return Laid(_table(heads, numbers, lines, rows, title))
    if not rows:
        from rich.text import Text

        return Laid(Text(f"No rows. Columns: {', '.join(heads)}"))
    if len(rows) > 1:
        # A truncated number would be a different number.
        floors = [
            size if number else min(size, _NARROWEST)
            for size, number in zip(natural, numbers, strict=True)
        ]
        if sum(floors) <= room:
            sizes = _shrunk(natural, floors, room)
            cut = [
                [_cut(text, size) for text, size in zip(row, sizes, strict=True)]
                for row in (heads, *lines)
            ]
            note = "Long values are cut to fit; --csv or --json prints them in full."
            return Laid(_table(cut[0], numbers, cut[1:], rows, title), note)
    shown = cells[:_MOST_RECORDS]
    note = ""
    if len(rows) > 1:
        note = (
            f"{len(heads)} columns do not fit in {width} characters, "
            "so each row is shown as a record."
        )
        if len(rows) > len(shown):
            note += f" The first {len(shown)} rows are shown."
        note += " Select fewer columns for a table; --csv or --json prints everything."
    return Laid(_records(heads, shown, rows, width, title), note)


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        shown = f"{value:,.2f}"
        # A small share or chance would be shown as 0.
        return shown if abs(value) >= 1 or float(shown) == value else f"{value:.3g}"
    encoding = sys.stdout.encoding or "utf-8"
    return visible(str(value)).encode(encoding, "plain").decode(encoding)


def _one_line(text: str) -> str:
    # Line breaks, and characters of arbitrary width.
    return text.translate({10: "↵", 9: " ", 0x2028: "↵", 0x2029: "↵"})


def _widest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(cell_len(text) for text in texts)


def _shrunk(sizes: Sequence[int], floors: Sequence[int], room: int) -> list[int]:
    """The sizes with the widest reduced to a common width, none below its floor."""
    low, high = 0, max(sizes)
    while low < high:
        common = (low + high + 1) // 2
        if (
            sum(max(min(size, common), floor) for size, floor in zip(sizes, floors, strict=True))
            <= room
        ):
            low = common
        else:
            high = common - 1
    return [max(min(size, low), floor) for size, floor in zip(sizes, floors, strict=True)]


def _cut(text: str, size: int) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= size:
        return text
    mark = "…" if writes("…") else "..."
    return set_cell_size(text, size - len(mark)).rstrip() + mark


def _table(
    heads: Sequence[str],
    numbers: Sequence[bool],
    lines: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Any]],
    title: str | None,
) -> "Grid":
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=title, title_justify="left", header_style="bold")
    for head, number in zip(heads, numbers, strict=True):
        grid.add_column(Text(head), justify="right" if number else "left", no_wrap=True)
    for line, row in zip(lines, rows, strict=True):
        # As Text, not markup: [bold] and :heart: in comments are literal.
        grid.add_row(*(
            Text(text, style="dim" if value is None else "")
            for text, value in zip(line, row, strict=True)
        ))  # fmt: skip
    return grid


def _records(
    heads: Sequence[str],
    cells: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Any]],
    width: int,
    title: str | None,
) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    names = [_cut(head, max(_NARROWEST, width // 2)) for head in heads]
    parts: list[RenderableType] = [Text(title, style="italic")] if title else []
    for number, (texts, row) in enumerate(zip(cells, rows, strict=False), 1):
        if len(cells) > 1:
            parts.append(Text(f"row {number}", style="bold"))
        grid = Grid.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for name, text, value in zip(names, texts, row, strict=True):
            grid.add_row(Text(name), Text(text, style="dim" if value is None else ""))
        parts.append(grid)
    return Group(*parts)
