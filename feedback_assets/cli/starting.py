"""The commands ``ui``, ``demo`` and ``dev``, which start processes, and ``automation``."""

import os
import sys
import webbrowser
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from feedback_assets.cli.common import (
    DEVELOPMENT,
    OPERATIONS,
    START,
    Account,
    all_settings_or_exit,
    app,
    err,
    fail,
    grid_of,
    out,
    settings_or_exit,
)
from feedback_assets.cli.load import run_backfill
from feedback_assets.runtime.quiet import quiet_dagster
from feedback_assets.settings import Settings

if TYPE_CHECKING:
    from feedback_assets.service.switches import Status, Switch

Host = Annotated[str, typer.Option(help="Address to listen on. The UI has no authentication.")]
Port = Annotated[int, typer.Option(help="Port of the UI.", min=1, max=65535)]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open a browser (desktop only).")]


@app.command(rich_help_panel=START)
def ui(
    host: Host = "127.0.0.1",
    port: Port = 3000,
    demo: Annotated[bool, typer.Option("--demo", help="Use the demo data.")] = False,
    open_browser: Open = True,
    account: Account = "",
) -> None:
    """Run the Dagster UI and daemon for this project, until Ctrl-C."""
    from feedback_assets.demo import opened_demo
    from feedback_assets.service.ui import NotStarted, interruptible

    given: Mapping[str, str] = dict(os.environ)
    note = ""
    try:
        if demo:
            settings = opened_demo()
            given = dict(os.environ)
            note = "This is the demo data. To read new days as well: make dev"
        else:
            # Accounts of a project share its DAGSTER_HOME and code location.
            settings = all_settings_or_exit(account)[0]
        with interruptible():
            status = _ui(settings, given, note, host=host, port=port, open_browser=open_browser)
    except NotStarted as error:
        fail(str(error))
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


def _ui(
    settings: Settings,
    given: Mapping[str, str],
    note: str,
    *,
    host: str,
    port: int,
    open_browser: bool,
) -> int:
    from feedback_assets.reports.path import page_path
    from feedback_assets.service.ui import run_ui, url_of
    from feedback_assets.warehouse.warehouse import Warehouse

    url = url_of(host, port)
    warehouse = Warehouse(settings.warehouse)
    page = page_path(warehouse)

    def ready() -> None:
        built = not warehouse.is_local or warehouse.exists(page)
        lines = [f"UI: {url}", *([f"Page: {page}"] if built else []), note or "Stop with Ctrl-C."]
        _say("\n".join(lines))
        if open_browser and _has_browser():
            webbrowser.open(url)

    return run_ui(settings, given, host=host, port=port, on_ready=ready)


def _has_browser() -> bool:
    """Whether there is an interactive terminal with a display."""
    screen = sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return bool(screen and sys.stdout.isatty())


def _say(text: str) -> None:
    err.print(Text(text, style="bold"), soft_wrap=True)


@app.command(rich_help_panel=START)
def demo(
    days: Annotated[int, typer.Option(help="Days to read, ending yesterday.", min=1)] = 60,
    customers: Annotated[int, typer.Option(help="Number of people.", min=1)] = 3000,
    seed: Annotated[int, typer.Option(help="The same seed generates the same data.")] = 1,
) -> None:
    """Load generated data and show the results (make demo)."""
    from feedback_assets.cli.scorecard import laid_channels, laid_findings
    from feedback_assets.demo import run_demo
    from feedback_assets.service.ui import NotStarted

    try:
        shown = run_demo(days=days, customers=customers, seed=seed, backfill=_load)
    except NotStarted as error:
        fail(str(error))
    out.print(grid_of(shown.matched, "How much was matched with an order"))
    out.print()
    out.print(laid_channels(shown.channels))
    out.print(f"\n[bold]{escape(shown.headline)}[/]", soft_wrap=True)
    out.print()
    out.print(laid_findings(shown.to_do))
    out.print()
    out.print(f"Page: [link={shown.report}]{escape(shown.report)}[/link]", soft_wrap=True)
    for line in shown.lines:
        out.print(escape(line), soft_wrap=True)
    if not shown.complete:
        raise typer.Exit(1)


@app.command(rich_help_panel=DEVELOPMENT)
def dev(
    host: Host = "127.0.0.1",
    port: Port = 3000,
    sandbox_port: Annotated[
        int, typer.Option(help="Port of the sandbox; 0 picks a free one.")
    ] = 8765,
    days: Annotated[int, typer.Option(help="Days to read, ending yesterday.", min=1)] = 60,
    open_browser: Open = True,
) -> None:
    """Run the sandbox and `ui --demo`, until Ctrl-C (make dev)."""
    from feedback_assets.demo import run_dev
    from feedback_assets.service.ui import NotStarted

    def run(settings: Settings, given: Mapping[str, str], note: str) -> int:
        return _ui(settings, given, note, host=host, port=port, open_browser=open_browser)

    try:
        status = run_dev(
            sandbox_port=sandbox_port,
            days=days,
            backfill=_load,
            say=_say,
            ui=run,
            host=host,
            port=port,
        )
    except NotStarted as error:
        fail(str(error))
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


def _load(settings: Settings, first: date, last: date) -> bool:
    return run_backfill(settings, first, last, "*")


class Wanted(StrEnum):
    """The argument of ``automation``."""

    ON = "on"
    OFF = "off"
    STATUS = "status"


@app.command(rich_help_panel=OPERATIONS)
def automation(
    wanted: Annotated[Wanted, typer.Argument(help="on, off or status.", show_default=False)],
    account: Account = "",
) -> None:
    """Switch the daily schedule and its sensors on or off."""
    from feedback_assets.definitions import build_defs
    from feedback_assets.service.switches import NotSwitched, switch

    given = dict(os.environ)
    settings = settings_or_exit(account)
    on = {Wanted.ON: True, Wanted.OFF: False}.get(wanted)
    try:
        with quiet_dagster(), err.status("Asking Dagster …"):
            status = switch(settings, build_defs(settings), given, on=on)
    except NotSwitched as error:
        fail(str(error))
    out.print(_listed(status.switches))
    for line in _remarks(settings, status):
        out.print(escape(line), soft_wrap=True)


def _listed(switches: "Iterable[Switch]") -> Grid:
    grid = Grid(header_style="bold")
    for column in ("name", "state", "when", "next", "last"):
        grid.add_column(column, overflow="fold")
    for each in switches:
        grid.add_row(
            each.name if each.switched else f"{each.name} *",
            "on" if each.on else "off",
            each.when,
            _written(each.next_tick),
            f"{_written(each.last_tick)} {each.last_status}".strip(),
        )
    return grid


def _remarks(settings: Settings, status: "Status") -> list[str]:
    from feedback_assets.automation.new_answers import without_list

    lines = []
    if not all(each.switched for each in status.switches):
        lines.append("* not part of `automation on`: switch it on by itself, for example in the UI")
    for provider, variable in without_list(settings):
        lines.append(
            f"Without {variable}, {provider} has no list of new answers: its detractors are "
            "reported after the daily run."
        )
    if not settings.alert_urls:
        lines.append("Without FEEDBACK_ALERT_URLS, `automation on` leaves the alerts off.")
    if status.daemon_runs:
        lines.append("A daemon is running for this DAGSTER_HOME.")
    else:
        seen = f"; last seen {_written(status.heartbeat)}" if status.heartbeat else ""
        lines.append(f"No daemon is running for {settings.dagster_home}{seen}.")
        if any(each.on for each in status.switches):
            lines.append("Schedules and sensors need one. Start it with: feedback-assets ui")
    return lines


def _written(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if moment else ""
