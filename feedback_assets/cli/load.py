"""The commands that fill the tables: ``backfill`` and ``replay``."""

import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from feedback_assets.cli.common import (
    DATA,
    START,
    Account,
    app,
    command,
    err,
    fail,
    out,
    settings_or_exit,
)
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.runtime.quiet import quiet_dagster
from feedback_assets.settings import Settings
from feedback_assets.warehouse.erased import ErasureKeyMissing
from feedback_assets.wording import counted

if TYPE_CHECKING:
    from feedback_assets.backfill.outcome import TableResults


@app.command(rich_help_panel=START)
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    select: Annotated[
        str, typer.Option(help="Tables, in Dagster's asset selection syntax; all by default.")
    ] = "*",
    missing: Annotated[
        bool, typer.Option("--missing", help="Skip partitions that are up to date.")
    ] = False,
    scan: Annotated[
        bool,
        typer.Option(
            "--scan",
            help="Load nothing; find days from older versions that would be read differently now.",
        ),
    ] = False,
    account: Account = "",
) -> None:
    """Load a range of days, inclusive, into the tables."""
    from feedback_assets.backfill.outcome import closing_lines

    settings = settings_or_exit(account)
    of_account = partial(command, account=account)
    if scan:
        _scan(settings, first.date(), last.date(), of_account)
        return
    complete = run_backfill(
        settings, first.date(), last.date(), select, missing=missing, command=of_account
    )
    for line in closing_lines(settings):
        print(line)
    # The last line can be pasted into a shell.
    if complete:
        print("Next: query the tables, or open them in Dagster with `feedback-assets ui`:")
        print(of_account("query", "show tables"))
    else:
        again = _again(first.date(), last.date(), select, missing=missing)
        print("Next: fix what failed, then load these days again:")
        print(of_account(*again))
        raise typer.Exit(1)


def _again(first: date, last: date, select: str, *, missing: bool) -> list[str]:
    again = ["backfill", "--from", str(first), "--to", str(last)]
    again += [] if select == "*" else ["--select", select]
    return [*again, "--missing"] if missing else again


def run_backfill(
    settings: Settings,
    first: date,
    last: date,
    select: str,
    *,
    missing: bool = False,
    command: Callable[..., str] = command,
) -> bool:
    """Load these days and print the result; returns whether nothing failed.

    ``command`` writes the command lines of what to do next.
    """
    from feedback_assets.backfill import forking

    forking.load_ahead()
    from feedback_assets.automation.old_run_logs import remove_old_logs
    from feedback_assets.backfill.definitions import loaded_tables, table_definitions
    from feedback_assets.backfill.outcome import unconfigured
    from feedback_assets.backfill.progress import progress_of, summary
    from feedback_assets.backfill.request import prepare
    from feedback_assets.backfill.run import Canceled, run_plan
    from feedback_assets.freshness import out_of_date

    started = time.monotonic()
    with quiet_dagster():
        try:
            defs = table_definitions(settings)
            request = prepare(settings, defs, first, last, select, missing=missing)
        except ValueError as error:
            fail(str(error), code=2)
        if reason := unconfigured(settings, request.plan):
            fail(f"{reason} For where to find each value: {command('check')}")
        try:
            with progress_of(request.plan, err) as progress:
                results = run_plan(request, progress)
        except Canceled as canceled:
            print(
                "Canceled. Days loaded so far are kept. To continue:\n"
                + command(*_again(first, last, select, missing=True)),
                file=sys.stderr,
                flush=True,
            )
            raise typer.Exit(canceled.status) from None
    out.print(summary(results, first, last, time.monotonic() - started))
    complete = _report(results)
    for line in out_of_date.lines(request.instance, settings, loaded_tables(settings), command):
        print(line, file=sys.stderr)
    if settings.names.prefix:
        return complete  # the logs of runs are the project's
    removed = remove_old_logs(request.instance, settings.dagster_home)
    if removed.runs:
        out.print(str(removed), soft_wrap=True)
    return complete


def _scan(settings: Settings, first: date, last: date, command: Callable[..., str]) -> None:
    """Print which days loaded by an older version would be read differently now."""
    from feedback_assets.backfill.definitions import loaded_tables
    from feedback_assets.freshness import out_of_date, scan
    from feedback_assets.runtime.instance import open_instance

    tables = loaded_tables(settings)
    with quiet_dagster(), open_instance(settings) as instance:
        try:
            found = scan.scan(instance, settings, tables, first, last)
        except (ErasureKeyMissing, CoordinationUnavailable) as error:
            fail(str(error))
        outdated = out_of_date.lines(instance, settings, tables, command)
    for line in [*scan.lines(found), *outdated]:
        print(line)


def _report(results: "TableResults") -> bool:
    """Print failures by cause and failed checks; returns whether there are only warnings."""
    from feedback_assets.backfill.outcome import failures, skipped

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
        bool, typer.Option("--dry-run", help="Report what would be loaded; change nothing.")
    ] = False,
    account: Account = "",
) -> None:
    """Retry quarantined records and load those that are valid now."""
    from feedback_assets.jobs import replay as operation

    try:
        tables = operation.tables_named(table)
    except ValueError as error:
        fail(f"--table {error}", code=2)
    with quiet_dagster():
        try:
            results = operation.replay(settings_or_exit(account), tables, dry_run=dry_run)
        except (ErasureKeyMissing, CoordinationUnavailable) as error:
            fail(str(error))
    for one, result in results.items():
        verb = "would land" if dry_run else "landed"
        out.print(
            f"{one.full_name}: {counted(result.looked_at, 'record')}, {result.landed:,} {verb} on "
            f"{counted(len(result.days), 'day')}, {result.superseded:,} superseded, "
            f"{result.not_held:,} for days not loaded, {result.bad:,} still invalid",
            soft_wrap=True,
        )
    if not results:
        out.print("The quarantine is empty.")
