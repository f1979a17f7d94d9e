"""The commands: each reads the settings, calls one function, and prints."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.cli import look_for_garbage
from feedback_assets.cli.shown import WIDTH, grid, write
from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.settings import Settings, SettingsError, load_settings
from feedback_assets.store.erased import ErasureKeyMissing

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which campaign brings people who come back and recommend.",
)
_out = Console(highlight=False, width=WIDTH)
_err = Console(stderr=True, highlight=False)
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


def _settings() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        _fail(str(error), code=2)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home.absolute())
    return settings


def _fail(message: str, code: int = 1) -> None:
    from feedback_assets.operations.query_text import visible

    _err.print(Text(visible(message)), soft_wrap=True)
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
    sloppy: Annotated[bool, typer.Option(help="Numbers as text, zero dates and the like.")] = False,
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
            sloppy=sloppy,
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

    try:
        serve(world, faults, port=port, on_ready=announce)
    except OSError as error:
        _fail(f"port {port}: {error.strerror}; choose another, or 0 for a free one", code=2)


@app.command()
def check() -> None:
    """Say for each provider whether it is configured, reachable and authorised; and what next."""
    from feedback_assets.operations.check_providers import check_providers, next_step

    settings = _settings()
    verdicts = check_providers(settings)
    for verdict in verdicts:
        mark = "✗" if verdict.failed else "✓" if verdict.configured else "–"
        print(f"{mark} {verdict.provider}: {verdict.text}")
    # Beside the answer, which is one line a provider for whoever reads it by a program.
    _err.print(Text(f"Next: {next_step(verdicts, settings)}"), soft_wrap=True)
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
    from feedback_assets.operations import backfill as operation
    from feedback_assets.operations.backfill_view import progress_of, summary
    from feedback_assets.operations.table_definitions import table_definitions

    started = time.monotonic()
    with _quiet_dagster():
        try:
            request = operation.prepare(
                settings, table_definitions(settings), first, last, select, missing=missing
            )
        except ValueError as error:
            _fail(str(error), code=2)
        look_for_garbage()
        try:
            with progress_of(request.plan, _err) as progress:
                results = operation.run_plan(request, progress)
        except operation.Canceled as canceled:
            again = ["backfill", "--from", str(first), "--to", str(last), "--missing"]
            again += [] if select == "*" else ["--select", select]
            _err.print(
                "canceled: what was read stays. To go on where it stopped: "
                + escape(shlex.join(["feedback-assets", *again])),
                soft_wrap=True,
            )
            if canceled.abandoned:
                os._exit(canceled.status)
            raise typer.Exit(canceled.status) from None
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
def limits() -> None:
    """Set how many runs of each provider Dagster lets go on at the same time."""
    from feedback_assets.operations.backfill import open_instance
    from feedback_assets.operations.limits import right_limits, set_limits

    settings = _settings()
    with open_instance(settings) as instance:
        for limit in set_limits(instance, right_limits(settings.providers)):
            was = "not set" if limit.before is None else str(limit.before)
            done = "as it was" if limit.before == limit.runs else f"was {was}"
            print(f"{limit.pool}: {limit.runs} ({limit.why}; {done})")


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="For instance: select * from marts.nps_by_channel")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run DuckDB SQL over the tables, named "<group>"."<table>"; it only reads."""
    from feedback_assets.operations.query import QueryError, run_query, to_csv, to_json
    from feedback_assets.operations.quick_query import remember
    from feedback_assets.store.layout import Warehouse

    if as_csv and as_json:
        _fail("--csv or --json, not both", code=2)
    given = dict(os.environ)
    settings = _settings()
    warehouse = Warehouse(settings.warehouse)
    try:
        rows = run_query(sql, warehouse)
        if as_csv or as_json:
            write(to_csv(rows) if as_csv else to_json(rows))
        else:
            _out.print(_grid(rows))
    except QueryError as error:
        _fail(str(error))
    remember(settings, warehouse, given)


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


@app.command(name="alert-test")
def alert_test() -> None:
    """Send a test message to each URL of FEEDBACK_ALERT_URLS, and say which took it."""
    from feedback_assets.operations.alert_delivery import NOT_SET, TEST, deliver, targets

    try:
        chosen = targets(_settings())
    except SettingsError as error:
        _fail(str(error), code=2)
    if not chosen:
        _fail(NOT_SET, code=2)
    reasons = {target.name: deliver(target, TEST) for target in chosen}
    for name, reason in reasons.items():
        print(f"✗ {name}: {reason}" if reason else f"✓ {name}: took it")
    if any(reasons.values()):
        raise typer.Exit(1)


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

    settings = _settings()
    with _quiet_dagster(), _steps() as progress:
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
            _fail(str(error))
    for line in operation.lines(done, dry_run=dry_run):
        _out.print(escape(line), soft_wrap=True)
    if not done.complete:
        raise typer.Exit(1)


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
        _fail(f"--table {error}", code=2)
    with _quiet_dagster():
        try:
            results = operation.replay(_settings(), tables, dry_run=dry_run)
        except (ErasureKeyMissing, CoordinationUnavailable) as error:
            _fail(str(error))
    for one, result in results.items():
        verb = "would land" if dry_run else "landed"
        _out.print(
            f"{one.full_name}: {result.looked_at} record(s), {result.landed} {verb} on "
            f"{len(result.days)} day(s), {result.superseded} superseded, {result.not_held} of "
            f"days not held, {result.bad} still bad",
            soft_wrap=True,
        )
    if not results:
        _out.print("The quarantine is empty.")


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that says what is being done; on a pipe nothing is drawn."""
    from rich.progress import Progress

    with Progress(console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task("")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=escape(what), completed=done, total=total)

        yield progress


def _texts(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Grid:
    grid = Grid(header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(text) for text in row))
    return grid


def _grid(rows: "pa.Table", title: str | None = None) -> Grid:
    from feedback_assets.operations.query import values

    numbers = [str(field.type).startswith(("int", "double", "decimal")) for field in rows.schema]
    columns = (values(column) for column in rows.columns)
    return grid(rows.column_names, numbers, zip(*columns, strict=True), _out.width, title)


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
    days: Annotated[int, typer.Option(help="Days to read, up to yesterday.", min=1)] = 60,
) -> None:
    """What ``make dev`` runs: the sandbox and the UI together, until Ctrl-C."""
    from feedback_assets.demo import NotStarted, run_dev

    try:
        status = run_dev(
            _settings(),
            port=port,
            sandbox_port=sandbox_port,
            days=days,
            backfill=lambda chosen, first, last: _backfill(chosen, first, last, "*"),
            say=lambda text: _err.print(Text(text, style="bold"), soft_wrap=True),
        )
    except NotStarted as error:
        _fail(str(error))
    raise typer.Exit(status)
