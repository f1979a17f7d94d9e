"""``make demo`` and ``make dev``: the sandbox read over HTTP, and the resulting tables.

The demo has its own warehouse and Dagster home, and ignores the project's settings.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from feedback_assets.days import days_between, last_complete_day
from feedback_assets.query.run import run_query
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.path import page_path
from feedback_assets.reports.words import headline
from feedback_assets.sandbox.credentials import settings_for
from feedback_assets.sandbox.spending import write_spend
from feedback_assets.service.ui import NotStarted, interruptible, refuse_taken
from feedback_assets.settings import PROJECT_ROOT, Settings, load_settings, variables
from feedback_assets.summary.channels import Channels, channels_of
from feedback_assets.summary.findings import Sentences, sentences_of
from feedback_assets.summary.reading import read_scorecard
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

DEMO = PROJECT_ROOT / "data" / "demo"
SANDBOX_PORT = 8765
SANDBOX_DAYS = 400
_QUERY = ".venv/bin/feedback-assets query 'select * from marts.survey_funnel'"
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


@dataclass(frozen=True)
class DemoResult:
    """The output of the demo; ``complete`` unless something failed.

    ``matched``: how many answers of each provider were matched with an order.
    ``report`` is the location of the page, a URL if a browser can open it.
    """

    channels: Channels
    matched: pa.Table
    headline: str
    to_do: Sentences
    report: str
    lines: tuple[str, ...]
    complete: bool


Backfill = Callable[[Settings, date, date], bool]


def run_demo(*, days: int, customers: int, seed: int, backfill: Backfill) -> DemoResult:
    """Read the last ``days`` days of a fresh sandbox and query the marts."""
    first, last = _last(days)
    with sandbox_process(customers=customers, seed=seed) as providers:
        write_spend(_spend(), last, customers=customers, seed=seed, days=SANDBOX_DAYS)
        settings = enter(providers, first)
        complete = backfill(settings, first, last)
    warehouse = Warehouse(settings.warehouse)
    scorecard = read_scorecard(warehouse)
    return DemoResult(
        channels=channels_of(scorecard),
        matched=run_query(MATCH_COVERAGE, warehouse),
        headline=headline(read_report(warehouse)),
        to_do=sentences_of(scorecard),
        report=Path(page_path(warehouse)).as_uri(),
        lines=(
            f"Parquet: {_relative(warehouse.base)}",
            "Next:",
            "  make dev         the same data in the Dagster UI, with the sandbox running",
            f"  FEEDBACK_WAREHOUSE={_relative(warehouse.base)} {_QUERY}",
        ),
        complete=complete,
    )


def run_dev(
    *,
    sandbox_port: int,
    days: int,
    backfill: Backfill,
    say: Callable[[str], None],
    ui: Callable[[Settings, Mapping[str, str], str], int],
    host: str,
    port: int,
) -> int:
    """Run sandbox and UI, with the last ``days`` days loaded, until one of them exits or Ctrl-C.

    Existing days are not read again. ``ui`` runs the UI, given the settings, the environment and a
    line to print with its address. Returns its exit status; 0 after Ctrl-C, SIGTERM or SIGHUP, each
    of which stops every process started here.
    """
    refuse_taken(host, port)
    first, last = _last(days)
    with (
        interruptible(),
        sandbox_process(customers=3000, seed=1, port=sandbox_port) as providers,
    ):
        write_spend(_spend(), last, customers=3000, seed=1, days=SANDBOX_DAYS)
        settings = enter(providers, first)
        held = set(_days_held())
        missing = [day for day in days_between(first, last) if day not in held]
        if missing:
            say(f"Reading {missing[0]} to {last} from the sandbox")
            # The UI also shows failures.
            backfill(settings, missing[0], last)
        address = providers["THANX_URL"].removesuffix("/thanx")
        return ui(settings, dict(os.environ), f"Sandbox: {address}. Ctrl-C stops everything.")


def opened_demo() -> Settings:
    """The settings of the demo, for viewing its data without a running sandbox.

    Raises ``NotStarted`` if no demo has run.
    """
    held = _days_held()
    if not held:
        raise NotStarted("there is no demo data yet; run: make demo")
    return enter(settings_for(f"http://127.0.0.1:{SANDBOX_PORT}"), held[0])


def enter(providers: Mapping[str, str], first: date) -> Settings:
    """Apply the demo's settings to this process and its child processes.

    Sets every variable of the project, empty if unused, so that neither the environment nor
    ``.env`` has an effect. ``first`` is the first partition, unless the demo has earlier days.
    """
    nothing = dict.fromkeys(variables(), "")
    own = {
        "DAGSTER_HOME": str(DEMO / "dagster_home"),
        "FEEDBACK_WAREHOUSE": str(DEMO / "warehouse"),
        "FEEDBACK_START_DATE": min([first, *_days_held()]).isoformat(),
    }
    if _spend().is_dir():
        own["FEEDBACK_AD_SPEND"] = str(_spend() / "*.csv")
    os.environ.update(nothing | dict(providers) | own)
    return load_settings()


def _spend() -> Path:
    """Where the demo's spend files are."""
    return DEMO / "ad_spend"


def _days_held() -> list[date]:
    warehouse = Warehouse(str(DEMO / "warehouse"))
    return warehouse.days_held(find_table("marts.nps_by_attribution"))


def _last(days: int) -> tuple[date, date]:
    last = last_complete_day()
    return last - timedelta(days=days - 1), last


def _relative(path: str) -> str:
    """A path relative to the project root."""
    return path.removeprefix(f"{PROJECT_ROOT}{os.sep}")


@contextmanager
def sandbox_process(
    *, customers: int, seed: int, days: int = SANDBOX_DAYS, port: int = 0
) -> Iterator[dict[str, str]]:
    """Run a sandbox in a child process; yields the settings that point at it."""
    command = [
        sys.executable, "-m", "feedback_assets.cli", "sandbox",
        "--port", str(port), "--seed", str(seed),
        "--customers", str(customers), "--days", str(days),
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _printed_settings(process)
        finally:
            process.terminate()


def _printed_settings(process: "subprocess.Popen[str]") -> dict[str, str]:
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
