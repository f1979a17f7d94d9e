"""The commands about one person's data: ``forget``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape

from feedback_assets.cli.common import app, err, fail, out, quiet_dagster, settings_or_exit
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.store.erased import ErasureKeyMissing


@app.command()
def forget(
    email: Annotated[str, typer.Argument(help="E-mail of the person to erase.")],
    at_most: Annotated[
        int | None, typer.Option(help="Ids of contacts that it may lead to; default 20.", min=1)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be rewritten, and change nothing.")
    ] = False,
) -> None:
    """Erase a person from every table, the quarantine and the records of runs, for good."""
    from feedback_assets.operations import forget as operation
    from feedback_assets.operations.table_definitions import table_definitions

    settings = settings_or_exit()
    with quiet_dagster(), _steps() as progress:
        try:
            done = operation.forget(
                settings,
                table_definitions(settings),
                email,
                at_most=at_most or operation.AT_MOST,
                dry_run=dry_run,
                progress=progress,
            )
        except (operation.NotForgotten, ErasureKeyMissing, CoordinationUnavailable) as error:
            fail(str(error))
    for line in operation.lines(done, dry_run=dry_run):
        out.print(escape(line), soft_wrap=True)
    if not done.complete:
        raise typer.Exit(1)


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that says what is being done; on a pipe nothing is drawn."""
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=escape(what), completed=done, total=total)

        yield progress
