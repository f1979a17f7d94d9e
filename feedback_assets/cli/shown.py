"""What a query's answer looks like in a terminal, and what is written where there is none."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from feedback_assets.operations.query_text import visible

if TYPE_CHECKING:
    from rich.table import Table as Grid

# A pipe has no width; eighty columns would cut the names of tables and channels.
WIDTH = None if sys.stdout.isatty() else 160


def write(text: str) -> None:
    """Print an answer that is for programs."""
    # A file gets what people wrote; a terminal would obey the escape sequences in it.
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def grid(
    names: Sequence[str],
    numbers: Sequence[bool],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
) -> "Grid":
    """The rows as a table; ``numbers``: which columns are set to the right."""
    from rich.table import Table as Grid
    from rich.text import Text

    def cell(value: object) -> Text:
        if value is None:
            return Text("null", style="dim")
        # As Text, not as markup: people write [bold] and :heart: and mean it.
        return Text(f"{value:,.2f}" if isinstance(value, float) else visible(str(value)))

    shown = Grid(title=title, title_justify="left", header_style="bold")
    for name, number in zip(names, numbers, strict=True):
        shown.add_column(Text(visible(name)), justify="right" if number else "left")
    for row in rows:
        shown.add_row(*(cell(value) for value in row))
    return shown
