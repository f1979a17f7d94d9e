"""The command line: each command reads the settings, calls one function, and prints."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from feedback_assets.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which campaign brings people who come back and recommend.",
)
# A pipe has no width; eighty columns would cut the names of tables and channels.
_WIDTH = None if sys.stdout.isatty() else 160
_out = Console(highlight=False, width=_WIDTH)
_err = Console(stderr=True, highlight=False)
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


def main() -> None:
    """Entry point of ``feedback-assets``."""
    # An answer piped into head is no error.
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _settings() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        _fail(str(error), code=2)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home.absolute())
    return settings


def _fail(message: str, code: int = 1) -> None:
    _err.print(escape(message), soft_wrap=True)
    raise typer.Exit(code)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on loopback; 0: a free one.")] = 8765,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal data.")] = 1,
    days: Annotated[int, typer.Option(help="Days of data, up to yesterday.")] = 400,
    customers: Annotated[int, typer.Option(help="People in it.")] = 3000,
    latency: Annotated[float, typer.Option(help="Seconds an answer is held back.")] = 0.0,
    error_rate: Annotated[float, typer.Option(help="Share of requests answered 5xx.")] = 0.0,
    reset_rate: Annotated[float, typer.Option(help="Share of connections reset.")] = 0.0,
    truncate_rate: Annotated[float, typer.Option(help="Share of bodies cut short.")] = 0.0,
    malformed_rate: Annotated[float, typer.Option(help="Share of records malformed.")] = 0.0,
    quota_scale: Annotated[float, typer.Option(help="Every request quota times this.")] = 1.0,
    down: Annotated[str, typer.Option(help="Providers that answer 503, with commas.")] = "",
) -> None:
    """Serve all five provider APIs on loopback with generated data; print its settings."""
    from feedback_assets.sandbox.faults import Faults
    from feedback_assets.sandbox.server import Sandbox, serve
    from feedback_assets.sandbox.world import World

    try:
        faults = Faults(
            latency=latency,
            error_rate=error_rate,
            reset_rate=reset_rate,
            truncate_rate=truncate_rate,
            malformed_rate=malformed_rate,
            quota_scale=quota_scale,
            down=frozenset(name.strip() for name in down.split(",") if name.strip()),
        )
        world = World(seed, days, customers)
    except ValueError as error:
        _fail(str(error), code=2)

    def announce(running: Sandbox) -> None:
        for name, value in running.environment().items():
            print(f"{name}={value}", flush=True)
        _err.print(f"# five providers at {running.url}; Ctrl-C ends it")

    serve(world, faults, port=port, on_ready=announce)


@app.command()
def check() -> None:
    """Say for each provider whether it is configured, reachable and authorised."""
    from feedback_assets.operations.check_providers import check_providers

    verdicts = check_providers(_settings())
    for verdict in verdicts:
        mark = "✗" if verdict.failed else "✓" if verdict.configured else "–"
        print(f"{mark} {verdict.provider}: {verdict.text}")
    if any(verdict.failed for verdict in verdicts):
        raise typer.Exit(1)


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
    settings = _settings()
    if not _backfill(settings, first.date(), last.date(), select, missing=missing):
        raise typer.Exit(1)


def _backfill(
    settings: Settings, first: date, last: date, select: str, *, missing: bool = False
) -> bool:
    from feedback_assets.definitions import build_defs
    from feedback_assets.operations import backfill as operation
    from feedback_assets.operations.backfill_view import progress_of, summary

    started = time.monotonic()
    with _quiet_dagster():
        try:
            request = operation.prepare(
                settings, build_defs(settings), first, last, select, missing=missing
            )
        except ValueError as error:
            _fail(str(error), code=2)
        with progress_of(request.plan, _err) as progress:
            results = operation.run_plan(request.plan, request.defs, request.instance, progress)
    _out.print(summary(results, first, last, time.monotonic() - started))
    failed = {table: result.error for table, result in results.items() if result.error}
    for table, reason in failed.items():
        _err.print(f"[red]failed:[/] {table.full_name}: {escape(reason)}", soft_wrap=True)
    checks = [check for result in results.values() for check in result.failed_checks]
    for check in checks:
        kind = "[yellow]warning:[/]" if check.warns else "[red]check failed:[/]"
        _err.print(f"{kind} {check.table} {check.name}: {escape(check.numbers)}", soft_wrap=True)
    return not failed and all(check.warns for check in checks)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="For instance: select * from marts.nps_by_channel")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run DuckDB SQL over the tables, named "<group>"."<table>"; it only reads."""
    from feedback_assets.operations.query import (
        QueryError,
        run_query,
        to_csv,
        to_json,
    )
    from feedback_assets.store.layout import Warehouse

    if as_csv and as_json:
        _fail("--csv or --json, not both", code=2)
    try:
        rows = run_query(sql, Warehouse(_settings().warehouse))
    except QueryError as error:
        _fail(str(error))
    if as_csv:
        sys.stdout.write(to_csv(rows))
    elif as_json:
        sys.stdout.write(to_json(rows))
    else:
        _out.print(_grid(rows))


@app.command()
def contact(
    key: Annotated[
        str, typer.Argument(help="E-mail, id in Wicked Reports, or id in the source system.")
    ],
) -> None:
    """Show one customer, live from Wicked Reports, with the feedback held on them."""
    from feedback_assets.operations.contact import NothingToShow, find_customer, sections

    try:
        customer = find_customer(_settings(), key)
    except NothingToShow as error:
        _fail(str(error))
    for section in sections(customer):
        _out.print(f"\n[bold]{escape(section.title)}[/]")
        if section.note:
            _out.print(escape(section.note), soft_wrap=True)
        if section.rows:
            _out.print(_texts(section.columns, section.rows))


def _texts(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Grid:
    grid = Grid(header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(text) for text in row))
    return grid


def _grid(rows: "pa.Table", title: str | None = None) -> Grid:
    grid = Grid(title=title, title_justify="left", header_style="bold")
    for field in rows.schema:
        number = str(field.type).startswith(("int", "double", "decimal"))
        grid.add_column(field.name, justify="right" if number else "left")
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        grid.add_row(*(_cell(value) for value in row))
    return grid


def _cell(value: object) -> str:
    if value is None:
        return "[dim]null[/]"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return escape(str(value))


@contextmanager
def _quiet_dagster() -> Iterator[None]:
    """Dagster speaks of every event; the progress bar and the summary say what matters."""
    import logging

    for name in ("dagster", "dagster.builtin", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield


@app.command(hidden=True)
def demo(
    days: int = 60,
    customers: int = 3000,
    seed: int = 1,
) -> None:
    """What ``make demo`` runs: sandbox, backfill, the answers."""
    from feedback_assets.demo import run_demo

    settings = _settings()
    shown = run_demo(
        settings,
        days=days,
        customers=customers,
        seed=seed,
        backfill=lambda chosen, first, last: _backfill(chosen, first, last, "*"),
    )
    for title, rows in shown.tables:
        _out.print(_grid(rows, title))
    _out.print(f"\n[bold]{escape(shown.headline)}[/]", soft_wrap=True)
    _out.print(f"Report: [link={shown.report}]{escape(shown.report)}[/link]", soft_wrap=True)
    for line in shown.lines:
        _out.print(line, soft_wrap=True)
    if not shown.complete:
        raise typer.Exit(1)


@app.command(hidden=True)
def dev(
    port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000,
    sandbox_port: Annotated[int, typer.Option(help="Port of the sandbox.")] = 8765,
) -> None:
    """What ``make dev`` runs: the sandbox and the UI together, until Ctrl-C."""
    from feedback_assets.demo import run_dev

    raise typer.Exit(run_dev(_settings(), port=port, sandbox_port=sandbox_port))


if __name__ == "__main__":
    main()
