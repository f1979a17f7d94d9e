"""What a query's answer looks like in a terminal, and what is written where there is none."""

import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from feedback_assets.operations.query_text import visible

if TYPE_CHECKING:
    from rich.table import Table as Grid
    from rich.text import Text

# A pipe has no width; eighty columns would cut the names of tables and channels.
WIDTH = None if sys.stdout.isatty() else 160
# Rows that rich lays out as one, their lines below one another: 280 rows take 19 ms, not 50.
_TOGETHER = 200
_AROUND = len("│  ")
# What rich breaks a line at, or takes for one when it measures a cell, and the tab.
_BREAKS = re.compile(r"[\n\t\u2028\u2029]")


def write(text: str) -> None:
    """Print an answer that is for programs."""
    # A file gets what people wrote; a terminal would obey the escape sequences in it.
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def grid(
    names: Sequence[str],
    numbers: Sequence[bool],
    rows: Iterable[Sequence[Any]],
    width: int,
    title: str | None = None,
) -> "Grid":
    """The rows as a table for a terminal of this width; ``numbers``: columns set to the right."""
    from rich.table import Table as Grid
    from rich.text import Text

    def cell(value: object) -> Text:
        if value is None:
            return Text("null", style="dim")
        # As Text, not as markup: people write [bold] and :heart: and mean it.
        return Text(f"{value:,.2f}" if isinstance(value, float) else visible(str(value)))

    shown = Grid(title=title, title_justify="left", header_style="bold")
    heads = [Text(visible(name)) for name in names]
    for head, number in zip(heads, numbers, strict=True):
        shown.add_column(head, justify="right" if number else "left")
    cells = [[cell(value) for value in row] for row in rows]
    together = _TOGETHER if _a_line_each(heads, cells, width) else 1
    for first in range(0, len(cells), together):
        columns = zip(*cells[first : first + together], strict=True)
        shown.add_row(*(Text("\n").join(column) for column in columns))
    return shown


def _a_line_each(heads: "Sequence[Text]", rows: "Sequence[Sequence[Text]]", width: int) -> bool:
    """Whether a terminal of this width shows each row in one line."""
    if any(_BREAKS.search(cell.plain) for row in rows for cell in row):
        return False
    columns = zip(heads, *rows, strict=True)
    widest: list[int] = [max(cell.cell_len for cell in column) for column in columns]
    return sum(widest) + len(widest) * _AROUND + 1 <= width
