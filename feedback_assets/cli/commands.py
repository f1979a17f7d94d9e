"""The sandbox command; importing this module registers every command."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from feedback_assets.cli import explore, load, ops, people, publish, starting
from feedback_assets.cli.common import DEVELOPMENT, app
from feedback_assets.cli.common import err as _err
from feedback_assets.cli.common import fail as _fail

__all__ = ["app", "explore", "load", "ops", "people", "publish", "starting"]


@app.command(rich_help_panel=DEVELOPMENT)
def sandbox(
    port: Annotated[int, typer.Option(help="Loopback port; 0 picks a free one.")] = 8765,
    seed: Annotated[int, typer.Option(help="The same seed generates the same data.")] = 1,
    days: Annotated[int, typer.Option(help="Days of data, ending yesterday.")] = 400,
    customers: Annotated[int, typer.Option(help="Number of people.")] = 3000,
    latency: Annotated[float, typer.Option(help="Delay of each response, in seconds.")] = 0.0,
    error_rate: Annotated[float, typer.Option(help="Share of requests answered with 5xx.")] = 0.0,
    reset_rate: Annotated[float, typer.Option(help="Share of connections reset.")] = 0.0,
    truncate_rate: Annotated[float, typer.Option(help="Share of truncated bodies.")] = 0.0,
    malformed_rate: Annotated[float, typer.Option(help="Share of malformed records.")] = 0.0,
    sloppy: Annotated[
        bool, typer.Option(help="Send numbers as text, zero dates and similar.")
    ] = False,
    quota_scale: Annotated[
        float, typer.Option(help="Factor applied to every request quota.")
    ] = 1.0,
    down: Annotated[str, typer.Option(help="Providers that answer 503, comma-separated.")] = "",
    no_effects: Annotated[
        bool,
        typer.Option(
            "--no-effects",
            help="Customers of all channels are equally satisfied; nothing else changes. Any "
            "difference in NPS between channels is then chance.",
        ),
    ] = False,
    ad_spend: Annotated[
        Path | None,
        typer.Option(
            help="Write what the channels cost as CSV files into this directory, and print "
            "FEEDBACK_AD_SPEND.",
            file_okay=False,
        ),
    ] = None,
    account: Annotated[
        str,
        typer.Option(
            help="Serve this account, with its own keys; the variables have its prefix.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Serve all five provider APIs locally, with generated data."""
    from feedback_assets.environment.account import Account as OfAccount
    from feedback_assets.sandbox.faults import Faults
    from feedback_assets.sandbox.server import Sandbox, serve
    from feedback_assets.sandbox.spending import write_spend
    from feedback_assets.sandbox.world import World
    from feedback_assets.schema.names import Names

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
        world = World(seed, days, customers, effects=not no_effects)
    except ValueError as error:
        _fail(str(error), code=2)
    spend = {}
    if ad_spend is not None:
        last = world.today - timedelta(days=1)
        try:
            write_spend(ad_spend, last, customers=customers, seed=seed, days=days)
        except OSError as error:
            _fail(f"{ad_spend}: {error.strerror}")
        spend["FEEDBACK_AD_SPEND"] = str(ad_spend.resolve() / "*.csv")

    def announce(running: Sandbox) -> None:
        variable = OfAccount(Names(account)).variable
        for name, value in (spend | running.environment()).items():
            print(f"{variable(name)}={value}", flush=True)
        _err.print(f"# five providers at {running.url}; Ctrl-C stops them")

    try:
        serve(world, faults, port=port, on_ready=announce, account=account)
    except OSError as error:
        _fail(f"port {port}: {error.strerror}; choose another, or 0 for a free one", code=2)
