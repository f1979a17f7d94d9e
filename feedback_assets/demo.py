"""What ``make demo`` and ``make dev`` show: the sandbox read over HTTP, and what comes of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType

import pyarrow as pa

from feedback_assets.operations.home import open_instance
from feedback_assets.operations.query import run_query
from feedback_assets.providers.registry import PROVIDERS
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.path import page_path
from feedback_assets.reports.words import headline
from feedback_assets.settings import PROJECT_ROOT, Settings, load_settings
from feedback_assets.store.layout import Warehouse, days_between
from feedback_assets.tables import find_table

NPS_BY_CHANNEL = """
    select
        source, medium, campaign,
        round(responses, 1) as responses,
        round(nps, 1) as nps, round(nps_low, 1) as nps_low, round(nps_high, 1) as nps_high,
        -- The interval from -100 to 100 on forty columns, a dot at the NPS.
        repeat(' ', floor((nps_low + 100) / 5)::int)
        || repeat('─', (floor((nps + 100) / 5) - floor((nps_low + 100) / 5))::int)
        || '●'
        || repeat('─', (ceil((nps_high + 100) / 5) - floor((nps + 100) / 5))::int) as interval
    from marts.nps_by_channel
    where model = 'last_click' and window_days = 90
    order by marts.nps_by_channel.nps desc nulls last, source, medium, campaign
"""
MATCH_COVERAGE = """
    select
        provider,
        coalesce(match_method, '(unmatched)') as match_method,
        sum(responses)::bigint as responses,
        round(100 * sum(responses) / sum(sum(responses)) over (partition by provider), 1)
            as percent
    from marts.match_coverage
    group by provider, match_method
    order by provider, responses desc
"""


class NotStarted(RuntimeError):
    """The sandbox or the UI cannot start; says why."""


@dataclass(frozen=True)
class Shown:
    """What the demo ends with; ``complete`` unless something failed.

    ``report`` is where the page lies, a URL where a browser can open it.
    """

    headline: str
    tables: tuple[tuple[str, pa.Table], ...]
    report: str
    lines: tuple[str, ...]
    complete: bool


def run_demo(
    settings: Settings,
    *,
    days: int,
    customers: int,
    seed: int,
    backfill: Callable[[Settings, date, date], bool],
) -> Shown:
    """Read the last ``days`` days of a fresh sandbox and ask the marts.

    Where a provider is configured already, the demo keeps away from that warehouse.
    """
    _keep_away_from_real_data(settings)
    first, last = _last(days)
    with sandbox_process(customers=customers, seed=seed) as environment:
        settings = _pointed_at(environment, settings, first)
        complete = backfill(settings, first, last)
    warehouse = Warehouse(settings.warehouse)
    page = page_path(warehouse)
    return Shown(
        headline=headline(read_report(warehouse)),
        tables=(
            (
                "NPS by channel (last click, 90 days, 95 % interval)",
                run_query(NPS_BY_CHANNEL, warehouse),
            ),
            ("How much was matched with an order", run_query(MATCH_COVERAGE, warehouse)),
        ),
        report=Path(page).as_uri() if warehouse.is_local else page,
        lines=(
            f"Parquet: {warehouse.base}",
            "Ask more: .venv/bin/feedback-assets query 'select * from marts.survey_funnel'",
            "Open the UI with the sandbox running: make dev",
        ),
        complete=complete,
    )


def _last(days: int) -> tuple[date, date]:
    last = datetime.now(UTC).date() - timedelta(days=1)
    return last - timedelta(days=days - 1), last


def _pointed_at(environment: dict[str, str], settings: Settings, first: date) -> Settings:
    os.environ.update(environment)
    os.environ["FEEDBACK_START_DATE"] = min(first, settings.feedback_start_date).isoformat()
    return load_settings()


def _keep_away_from_real_data(settings: Settings) -> None:
    if any(settings.any_set(provider) for provider in PROVIDERS):
        os.environ["FEEDBACK_WAREHOUSE"] = str(PROJECT_ROOT / "data" / "demo" / "warehouse")
        os.environ["DAGSTER_HOME"] = str(PROJECT_ROOT / "data" / "demo" / "dagster_home")
        os.environ.pop("FEEDBACK_PROVIDERS", None)


def run_dev(
    settings: Settings,
    *,
    port: int,
    sandbox_port: int,
    days: int,
    backfill: Callable[[Settings, date, date], bool],
    say: Callable[[str], None],
) -> int:
    """Sandbox and UI together, with the last ``days`` days read, until one ends or Ctrl-C.

    Days that are held are not read again. The exit status of the UI; 0 after Ctrl-C, SIGTERM or
    SIGHUP, each of which ends every process that was started here.
    """
    if _listens(port):
        raise NotStarted(f"port {port} is taken; end what listens there, or choose another: --port")
    _keep_away_from_real_data(settings)
    first, last = _last(days)
    with (
        _signals_interrupt(),
        sandbox_process(customers=3000, seed=1, port=sandbox_port) as environment,
    ):
        settings = _pointed_at(environment, settings, first)
        open_instance(settings).dispose()
        warehouse = Warehouse(settings.warehouse)
        held = set(warehouse.days_held(find_table("marts.nps_by_attribution")))
        missing = [day for day in days_between(first, last) if day not in held]
        if missing:
            say(f"Reading {missing[0]} to {last} from the sandbox")
            # The UI shows what failed, too.
            backfill(settings, missing[0], last)
        page = page_path(warehouse)
        page = Path(page).as_uri() if warehouse.is_local else page
        lines = (
            f"Open http://127.0.0.1:{port} for the UI, {page} for the report.",
            f"Sandbox: {environment['THANX_URL'].removesuffix('/thanx')}. Ctrl-C ends all of it.",
        )
        return _run_ui(port, lambda: say("\n".join(lines)))


_TICK_SECONDS = 0.5
# Dagster gives its webserver and its daemon a while to end before it kills them.
_END_SECONDS = 60


def _run_ui(port: int, on_ready: Callable[[], None]) -> int:
    command = ["dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
    executable = str(Path(sys.executable).with_name(command[0]))
    # In a session of its own, a Ctrl-C does not reach Dagster's webserver, daemon and code servers
    # side by side: it is passed on once, to the process that ends the others in their order.
    with (
        subprocess.Popen(  # noqa: S603 - our own command
            [executable, *command[1:]], cwd=PROJECT_ROOT, start_new_session=True
        ) as process
    ):
        try:
            while process.poll() is None and not _listens(port):
                time.sleep(_TICK_SECONDS)
            if process.poll() is None:
                on_ready()
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            return 0
        finally:
            # What is left after that, or at a second Ctrl-C, is killed.
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(_END_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP are as Ctrl-C: else they would leave the processes started here."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def sandbox_process(
    *, customers: int, seed: int, days: int = 400, port: int = 0
) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own; yields the settings that point at it."""
    command = [
        sys.executable, "-m", "feedback_assets.cli", "sandbox",
        "--port", str(port), "--seed", str(seed),
        "--customers", str(customers), "--days", str(days),
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _announced(process)
        finally:
            process.terminate()


def _announced(process: "subprocess.Popen[str]") -> dict[str, str]:
    environment: dict[str, str] = {}
    if process.stderr is None or process.stdout is None:
        raise RuntimeError("the sandbox has no output")
    ready = process.stderr.readline()
    if not ready.startswith("#"):
        rest = process.stderr.read()
        raise NotStarted(f"the sandbox did not start: {ready}{rest}".strip())
    while "RETARGETING_CUSTOMER_ID" not in environment:
        name, _, value = process.stdout.readline().strip().partition("=")
        if not name:
            break
        environment[name] = value
    return environment
