"""The commands on one person's data: ``forget`` and ``export``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from feedback_assets.cli.common import DATA, Account, app, err, fail, out, settings_or_exit
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.runtime.quiet import quiet_dagster
from feedback_assets.warehouse.customer_secret import OtherSecret
from feedback_assets.warehouse.erased import ErasureKeyMissing

AtMost = Annotated[
    int | None,
    typer.Option(help="Maximum number of contact ids for the e-mail; default 20.", min=1),
]


@app.command(rich_help_panel=DATA)
def forget(
    email: Annotated[str, typer.Argument(help="E-mail of the person to erase.")],
    at_most: AtMost = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be rewritten; change nothing.")
    ] = False,
    spelled_out: Annotated[
        bool,
        typer.Option(
            "--spelled-out",
            help='Also erase texts that may refer to this person, such as "name (at) example.com".',
        ),
    ] = False,
    account: Account = "",
) -> None:
    """Erase a person from tables, quarantine, page and run history."""
    from feedback_assets.backfill.definitions import table_definitions
    from feedback_assets.privacy import forget as operation
    from feedback_assets.privacy.forgotten import lines

    settings = settings_or_exit(account)
    with quiet_dagster(), _steps() as progress:
        try:
            done = operation.forget(
                settings,
                table_definitions(settings),
                email,
                at_most=at_most or operation.AT_MOST,
                dry_run=dry_run,
                spelled_out=spelled_out,
                progress=progress,
            )
        except (
            operation.NotForgotten,
            ErasureKeyMissing,
            OtherSecret,
            CoordinationUnavailable,
        ) as error:
            fail(str(error))
    for line in lines(done, dry_run=dry_run):
        out.print(escape(line), soft_wrap=True)
    if not (dry_run or done.complete):
        raise typer.Exit(1)


@app.command(rich_help_panel=DATA)
def export(
    email: Annotated[str, typer.Argument(help="E-mail of the person.")],
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to create; default person-export-<date> in the current folder."),
    ] = None,
    at_most: AtMost = None,
    account: Account = "",
) -> None:
    """Write everything stored about a person to one folder."""
    from feedback_assets.privacy import export as operation
    from feedback_assets.privacy.forget import AT_MOST, NotForgotten

    settings = settings_or_exit(account)
    directory = to or Path(f"person-export-{datetime.now(UTC):%Y-%m-%d}")
    with quiet_dagster(), _steps() as progress:
        try:
            done = operation.export(
                settings, email, directory, at_most=at_most or AT_MOST, progress=progress
            )
        except (operation.NotExported, NotForgotten, OtherSecret) as error:
            fail(str(error))
    for line in operation.lines(done):
        out.print(escape(line), soft_wrap=True)


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar with the current step; not drawn if output is piped."""
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=escape(what), completed=done, total=total)

        yield progress
