"""Terminal layout of the channel scorecard and of what to do, in 80 columns."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.query.text import visible
from feedback_assets.summary.channels import Channels, Column
from feedback_assets.summary.findings import Sentences

_WIDTH = 80
_BETWEEN = (0, 2, 0, 0)


def laid_channels(channels: Channels) -> RenderableType:
    """What the channels brought, and whether their customers recommend the shop."""
    if not channels.names:
        return Text("No orders and no answers yet.")
    return Group(
        Text(channels.title, style="italic"),
        _grid(channels.names, channels.money),
        Text(),
        _grid(channels.names, channels.answers),
        *(Text(note, style="dim") for note in channels.notes),
    )


def laid_findings(said: Sentences) -> RenderableType:
    """What to do, as a numbered list."""
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.width = _WIDTH
    for number, sentence in enumerate(said.findings, 1):
        grid.add_row(Text(f"{number}."), Text(visible(sentence)))
    return Group(
        Text("What to do", style="bold"),
        grid,
        *(Text(caveat, style="dim") for caveat in said.caveats),
    )


def _grid(names: Sequence[str], columns: Sequence[Column]) -> Grid:
    grid = Grid(box=None, padding=_BETWEEN, pad_edge=False, header_style="bold")
    # Only the names are folded where the width does not suffice; a number never is.
    grid.add_column("channel", overflow="fold", vertical="bottom")
    for column in columns:
        grid.add_column(
            # A heading may take two lines, which a column that is not wrapped cannot.
            Text(column.name.replace("per ", "per\n").replace(" chance", "\nchance")),
            justify="right" if column.is_number else "left",
            no_wrap=True,
        )
    for name, *texts in zip(names, *(column.texts for column in columns), strict=True):
        grid.add_row(Text(visible(name)), *map(Text, texts))
    return grid
