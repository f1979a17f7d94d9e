"""The commands that fill the tables: ``backfill`` and ``replay``."""

import os
import shlex
import time
from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape

from feedback_assets.cli import look_for_garbage
from feedback_assets.cli.common import app, err, fail, out, quiet_dagster, settings_or_exit
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.settings import Settings
from feedback_assets.store.erased import ErasureKeyMissing


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
    select: Annotated[
        str, typer.Option(help="Tables, in Dagster's asset selection syntax; default all.")
    ] = "*",
    missing: Annotated[
        bool, typer.Option("--missing", help="Leave out partitions already there.")
    ] = False,
) -> None:
    """Materialise tables for the days --from to --to, both included, in this process."""
    settings = settings_or_exit()
    if not run_backfill(settings, first.date(), last.date(), select, missing=missing):
        raise typer.Exit(1)


def run_backfill(
    settings: Settings, first: date, last: date, select: str, *, missing: bool = False
) -> bool:
    from feedback_assets.operations import backfill as operation
    from feedback_assets.operations.backfill_view import progress_of, summary
    from feedback_assets.operations.table_definitions import table_definitions

    started = time.monotonic()
    with quiet_dagster():
        try:
            request = operation.prepare(
                settings, table_definitions(settings), first, last, select, missing=missing
            )
        except ValueError as error:
            fail(str(error), code=2)
        look_for_garbage()
        try:
            with progress_of(request.plan, err) as progress:
                results = operation.run_plan(request, progress)
        except operation.Canceled as canceled:
            again = ["backfill", "--from", str(first), "--to", str(last), "--missing"]
            again += [] if select == "*" else ["--select", select]
            err.print(
                "canceled: what was read stays. To go on where it stopped: "
                + escape(shlex.join(["feedback-assets", *again])),
                soft_wrap=True,
            )
            if canceled.abandoned:
                os._exit(canceled.status)
            raise typer.Exit(canceled.status) from None
    out.print(summary(results, first, last, time.monotonic() - started))
    failed = {table: result.error for table, result in results.items() if result.error}
    for table, reason in failed.items():
        err.print(f"[red]failed:[/] {table.full_name}: {escape(reason)}", soft_wrap=True)
    checks = [check for result in results.values() for check in result.failed_checks]
    for check in checks:
        kind = "[yellow]warning:[/]" if check.warns else "[red]check failed:[/]"
        err.print(f"{kind} {check.table} {check.name}: {escape(check.numbers)}", soft_wrap=True)
    return not failed and all(check.warns for check in checks)


@app.command()
def replay(
    table: Annotated[str, typer.Option(help="One provider table, group.table; default all.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would land, and change nothing.")
    ] = False,
) -> None:
    """Type the quarantine again, and land the records that can be typed by now."""
    from feedback_assets.operations import replay as operation

    try:
        tables = operation.tables_named(table)
    except ValueError as error:
        fail(f"--table {error}", code=2)
    with quiet_dagster():
        try:
            results = operation.replay(settings_or_exit(), tables, dry_run=dry_run)
        except (ErasureKeyMissing, CoordinationUnavailable) as error:
            fail(str(error))
    for one, result in results.items():
        verb = "would land" if dry_run else "landed"
        out.print(
            f"{one.full_name}: {result.looked_at} record(s), {result.landed} {verb} on "
            f"{len(result.days)} day(s), {result.superseded} superseded, {result.not_held} of "
            f"days not held, {result.bad} still bad",
            soft_wrap=True,
        )
    if not results:
        out.print("The quarantine is empty.")
