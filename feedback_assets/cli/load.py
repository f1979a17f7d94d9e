"""The commands that fill the tables: ``backfill`` and ``replay``."""

import gc
import os
import sys
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from feedback_assets.cli.common import (
    DATA,
    START,
    app,
    command,
    err,
    fail,
    out,
    quiet_dagster,
    settings_or_exit,
)
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.settings import Settings
from feedback_assets.store.erased import ErasureKeyMissing

if TYPE_CHECKING:
    from feedback_assets.operations.backfill import TableResult
    from feedback_assets.tables import Table


@app.command(rich_help_panel=START)
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    select: Annotated[
        str, typer.Option(help="Tables, in Dagster's asset selection syntax; all by default.")
    ] = "*",
    missing: Annotated[
        bool, typer.Option("--missing", help="Skip partitions that are already there.")
    ] = False,
) -> None:
    """Load a range of days, both included, into the tables."""
    from feedback_assets.operations.backfill_outcome import closing_lines

    settings = settings_or_exit()
    complete = run_backfill(settings, first.date(), last.date(), select, missing=missing)
    for line in closing_lines(settings):
        print(line)
    # The last line can be pasted into the shell.
    if complete:
        print("Next: query the tables, or open them in Dagster with `feedback-assets ui`:")
        print(command("query", "show tables"))
    else:
        again = _again(first.date(), last.date(), select, missing=missing)
        print("Next: fix what failed, then load these days again:")
        print(command(*again))
        raise typer.Exit(1)


def _again(first: date, last: date, select: str, *, missing: bool) -> list[str]:
    again = ["backfill", "--from", str(first), "--to", str(last)]
    again += [] if select == "*" else ["--select", select]
    return [*again, "--missing"] if missing else again


def run_backfill(
    settings: Settings, first: date, last: date, select: str, *, missing: bool = False
) -> bool:
    """Load these days and print what came of it; whether nothing failed."""
    from feedback_assets.operations import backfill as operation
    from feedback_assets.operations.backfill_outcome import unconfigured
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
        if reason := unconfigured(settings, request.plan):
            fail(f"{reason} For where to find each value: {command('check')}")
        # Importing Dagster made a million objects that stay: no need to look at them again.
        gc.freeze()
        try:
            with progress_of(request.plan, err) as progress:
                results = operation.run_plan(request, progress)
        except operation.Canceled as canceled:
            print(
                "Canceled; the days loaded so far stay. To continue where it stopped:\n"
                + command(*_again(first, last, select, missing=True)),
                file=sys.stderr,
                flush=True,
            )
            if canceled.abandoned:
                # Threads that do not end: Python would wait for them.
                os._exit(canceled.status)
            raise typer.Exit(canceled.status) from None
    out.print(summary(results, first, last, time.monotonic() - started))
    return _report(results)


def _report(results: "Mapping[Table, TableResult]") -> bool:
    """Print failures by cause and failed checks; whether there are none but warnings."""
    from feedback_assets.operations.backfill_outcome import failures, skipped

    failed = failures(results)
    for failure in failed:
        tables = ", ".join(failure.tables)
        err.print(f"[red]failed:[/] {tables}: {escape(failure.reason)}", soft_wrap=True)
    if held_up := skipped(results):
        err.print(f"[red]not built because of that:[/] {', '.join(held_up)}", soft_wrap=True)
    checks = [check for result in results.values() for check in result.failed_checks]
    for check in checks:
        kind = "[yellow]warning:[/]" if check.warns else "[red]check failed:[/]"
        err.print(f"{kind} {check.table} {check.name}: {escape(check.numbers)}", soft_wrap=True)
    return not failed and all(check.warns for check in checks)


@app.command(rich_help_panel=DATA)
def replay(
    table: Annotated[str, typer.Option(help="A provider table, group.table; all by default.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be loaded.")
    ] = False,
) -> None:
    """Retry quarantined records and load those that can be typed now."""
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
