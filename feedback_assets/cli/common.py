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


Account = Annotated[
    str,
    typer.Option(
        "--account",
        help="key_prefix of an account in the Dagster project of the current directory.",
        show_default=False,
    ),
]


def settings_or_exit(account: str = "") -> Settings:
    """The settings of this project, or those of the chosen or only account of another."""
    found = all_settings_or_exit(account)
    if len(found) > 1:
        names = ", ".join(settings.names.prefix for settings in found)
        fail(f"this project has several accounts; choose one with --account: {names}", code=2)
    return found[0]


def all_settings_or_exit(account: str = "") -> list[Settings]:
    """The settings of this project, or those of the chosen account or all accounts of another."""
    try:
        found = _accounts(account) or [load_settings()]
    except SettingsError as error:
        fail(str(error), code=2)
    os.environ["DAGSTER_HOME"] = str(found[0].dagster_home)
    return found


def _accounts(account: str) -> list[Settings]:
    """The accounts of the project around the current directory; empty if it has none."""
    from feedback_assets.service.location import dg_project

    here = Path.cwd()
    if not account and all(dg_project(place) is None for place in (here, *here.parents)):
        return []
    # Imported for other projects only, since it loads all definitions.
    from feedback_assets.host_project import accounts_of, find_host

    root = find_host(here)
    found = {} if root is None else accounts_of(root)
    if account and account not in found:
        there = (
            f"{root} has {', '.join(found) or 'none'}" if root else f"{here} is in no such project"
        )
        raise SettingsError(
            f"--account {account}: there is no such account; {there}. Run the command in the "
            "Dagster project whose defs.yaml has this key_prefix"
        )
    return [found[account]] if account else list(found.values())


def fail(message: str, code: int = 1) -> NoReturn:
    from feedback_assets.query.text import visible

    err.print(Text(visible(message)), soft_wrap=True)
    raise typer.Exit(code)


def grid_of(rows: "pa.Table", title: str | None = None) -> "RenderableType":
    """A result held in memory, as a terminal table."""
    from feedback_assets.query.run import is_number, plain_rows

    numbers = [is_number(field.type) for field in rows.schema]
    return lay_out(rows.column_names, numbers, plain_rows(rows), out.width, title).shown


def command(*arguments: str, account: str = "") -> str:
    """The command line of this program with these arguments, for pasting into the current shell."""
    arguments = (*arguments, "--account", account) if account else arguments
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
