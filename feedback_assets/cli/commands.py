"""The sandbox, the demo and the development UI; importing this registers every command."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from feedback_assets.cli import explore, load, ops, people
from feedback_assets.cli.common import DEVELOPMENT, app
from feedback_assets.cli.common import err as _err
from feedback_assets.cli.common import fail as _fail
from feedback_assets.cli.common import grid_of as _grid
from feedback_assets.cli.common import out as _out
from feedback_assets.cli.common import settings_or_exit as _settings
from feedback_assets.cli.load import run_backfill as _backfill

__all__ = ["app", "explore", "load", "ops", "people"]


@app.command(rich_help_panel=DEVELOPMENT)
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
    """Serve all five provider APIs locally, with generated data."""
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

    try:
        serve(world, faults, port=port, on_ready=announce)
    except OSError as error:
        _fail(f"port {port}: {error.strerror}; choose another, or 0 for a free one", code=2)


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
