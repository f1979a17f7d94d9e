"""What the commands share: the app they register with, settings, consoles and errors."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.cli.shown import WIDTH, grid
from feedback_assets.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which campaign brings people who come back and recommend.",
)
out = Console(highlight=False, width=WIDTH)
err = Console(stderr=True, highlight=False)


def settings_or_exit() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error), code=2)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home.absolute())
    return settings


def fail(message: str, code: int = 1) -> NoReturn:
    from feedback_assets.operations.query_text import visible

    err.print(Text(visible(message)), soft_wrap=True)
    raise typer.Exit(code)


def grid_of(rows: "pa.Table", title: str | None = None) -> Grid:
    from feedback_assets.operations.query import values

    numbers = [str(field.type).startswith(("int", "double", "decimal")) for field in rows.schema]
    columns = (values(column) for column in rows.columns)
    return grid(rows.column_names, numbers, zip(*columns, strict=True), out.width, title)


@contextmanager
def quiet_dagster() -> Iterator[None]:
    """Dagster speaks of every event; the progress bar and the summary say what matters."""
    for name in ("dagster", "dagster.builtin", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
