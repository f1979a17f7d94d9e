"""Shared by the commands: the typer app, settings, consoles and errors."""

import os
import shlex
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from feedback_assets.cli.shown import WIDTH, lay_out
from feedback_assets.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

# The panels of --help, in the order in which a new user needs them.
START = "Start here"
DATA = "Data"
OPERATIONS = "Operations"
DEVELOPMENT = "Development"
_ORDER = (
    *("demo", "check", "backfill", "ui", "query"),
    *("contact", "forget", "export", "replay", "publish", "rekey"),
    *("automation", "limits", "alert-test"),
    *("sandbox", "dev"),
)


class _InOrder(TyperGroup):
    """Lists commands in the order in which they are needed, whichever module defines them."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        return sorted(self.commands, key=lambda name: _ORDER.index(name) if name in _ORDER else 99)


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=_InOrder,
    help="Which campaign brings customers who come back and recommend you.",
)
out = Console(highlight=False, width=WIDTH)
err = Console(stderr=True, highlight=False)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"feedback-assets {version('feedback-assets')}")
        raise typer.Exit


@app.callback()
def _options(
    _asked: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def settings_or_exit() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error), code=2)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    return settings


def fail(message: str, code: int = 1) -> NoReturn:
    from feedback_assets.query.text import visible

    err.print(Text(visible(message)), soft_wrap=True)
    raise typer.Exit(code)


def grid_of(rows: "pa.Table", title: str | None = None) -> "RenderableType":
    """A result held in memory, as a terminal table."""
    from feedback_assets.query.run import is_number, plain_rows

    numbers = [is_number(field.type) for field in rows.schema]
    return lay_out(rows.column_names, numbers, plain_rows(rows), out.width, title).shown


def command(*arguments: str) -> str:
    """The command line of this program with these arguments, for pasting into the current shell."""
    script = Path(sys.executable).with_name("feedback-assets")
    found = shutil.which(script.name)
    if found and Path(found) == script:
        program = [script.name]
    elif not script.is_file():
        program = [sys.executable, "-m", "feedback_assets.cli"]
    elif script.is_relative_to(Path.cwd()):
        program = [str(script.relative_to(Path.cwd()))]
    else:
        program = [str(script)]
    return shlex.join([*program, *arguments])
