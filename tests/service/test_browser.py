"""The UI in a browser, after a backfill of ten days.

Screenshots are saved in `screenshots/` (ignored by git) for inspection."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Response,
    sync_playwright,
)

from feedback_assets.backfill.definitions import loaded_tables
from feedback_assets.jobs.definitions import operation_jobs
from feedback_assets.reports.path import page_path, page_url
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.service.test_ui import ROOT, Webserver, webserver

pytestmark = pytest.mark.slow

DAYS = 10
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
PICTURES = ROOT / "screenshots"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000  # milliseconds; an idle machine loads a page in two seconds
RUNS = """
{ runsOrError { ... on Runs { results { runId status assetSelection { path } } } } }
"""


@dataclass
class Reader:
    """Opens pages and records errors behind them."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    _queries: list[Response] = field(default_factory=list)
    _read: int = 0

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.troubles.append(f"exception: {error}"))
        self.page.on("response", self._answered)

    def open(self, path: str, *wanted: str) -> None:
        """Open a page and wait until every text of ``wanted`` is shown."""
        self.page.goto(f"{self.url}{path}", wait_until="commit")
        self._queries.clear()  # response bodies are lost with the page that is left
        self.sees(*wanted)

    def sees(self, *wanted: str) -> None:
        for text in wanted:
            self.page.get_by_text(text, exact=True).first.wait_for()

    def keeps(self, name: str) -> str:
        """Take a screenshot of the page and return its text."""
        PICTURES.mkdir(exist_ok=True)
        self.page.wait_for_load_state("networkidle")
        self._read_answers()
        assert self._read, "no response of GraphQL was read"
        self.page.screenshot(path=PICTURES / f"{name}.png")
        return self.page.inner_text("body")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")
        if "/graphql" in response.url and response.request.method == "POST":
            self._queries.append(response)

    def _read_answers(self) -> None:
        for response in self._queries:
            # Chromium discards bodies of a page that was left, and the oldest when there are many.
            with suppress(Error):
                answer = response.json()
                self._read += 1
                if "errors" in answer:
                    self.troubles.append(f"{response.url}: {answer['errors']}")
        self._queries.clear()


@contextmanager
def browser(directory: Path) -> Iterator[BrowserContext]:
    """The system's Chromium with a separate profile."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            directory, executable_path=executable, headless=True, args=FLAGS,
            viewport={"width": 1600, "height": 1000}, timezone_id="UTC", locale="en-GB",
        )  # fmt: skip
        context.set_default_timeout(PATIENCE)
        try:
            yield context
        finally:
            context.close()


def test_the_ui_shows_tables_days_columns_checks_runs_and_switches_without_errors(
    shop: Project, tmp_path: Path
) -> None:
    with browser(tmp_path / "profile") as context:
        result = shop.backfill(FIRST, YESTERDAY)
        assert result.exit_code == 0, result.output
        with webserver("dagster", tmp_path) as served:
            served.ask("mutation { setNuxSeen }")
            reader = Reader(context.new_page(), served.url)
            for look in (_graph, _days, _columns, _plots, _checks, _page, _run, _switches):
                look(reader, served, shop)
                assert reader.troubles == [], look.__name__


def _graph(reader: Reader, served: Webserver, shop: Project) -> None:
    groups = sorted({table.group for table in loaded_tables(shop.settings)})
    reader.open("/asset-groups", *groups)
    reader.keeps("graph_of_groups")
    nodes = reader.page.locator("svg foreignObject")
    # The graph draws only what is in view, and all marts need more than a screen.
    screen = reader.page.viewport_size
    reader.page.set_viewport_size({"width": 3200, "height": 4000})
    nodes.get_by_text("marts", exact=True).first.dblclick()
    marts = [table.name for table in loaded_tables(shop.settings) if table.group == "marts"]
    for name in marts:
        nodes.get_by_text(name, exact=True).first.wait_for()
    text = reader.keeps("graph_of_marts")
    assert set(marts) <= set(text.split())
    reader.page.set_viewport_size(screen)


def _days(reader: Reader, served: Webserver, shop: Project) -> None:
    """After a backfill of ten days, ten partitions are filled and the rest are missing."""
    everything = (YESTERDAY - shop.settings.feedback_start_date).days + 1
    for name in ("wicked_reports.orders", "marts.order_feedback"):
        path = "/".join(NO_PREFIX.key(find_table(name)))
        reader.open(
            f"/assets/{path}?view=partitions&partition={YESTERDAY}",
            f"{everything} Partitions Selected",
            f"Materialized ({DAYS})",
            f"Missing ({everything - DAYS})",
            "Failed (0)",
            "content_hash",
        )
        text = reader.keeps(f"days_of_{name}")
        assert "dagster/partition_row_count" in text
    rows = shop.warehouse.read_arrow(find_table(name), YESTERDAY, YESTERDAY).num_rows
    assert re.search(rf"dagster/partition_row_count\s+{rows}\s", text)


def _columns(reader: Reader, served: Webserver, shop: Project) -> None:
    for name in ("marts.order_feedback", "wicked_reports.orders", "marts.nps_by_channel"):
        table = find_table(name)
        reader.open(f"/assets/{'/'.join(NO_PREFIX.key(table))}?view=overview", "Columns")
        for column in table.columns:
            reader.sees(column.name)
        text = " ".join(reader.keeps(f"columns_of_{name}").split())
        assert table.description in text
        for column in table.columns:
            assert column.description in text, column.name
            assert not column.unit or f"[{column.unit}]" in text, column.name
            for inner in column.fields:
                assert f"{column.name}.{inner.name} " in text, column.name


def _plots(reader: Reader, served: Webserver, shop: Project) -> None:
    reader.open("/assets/marts/nps_daily?view=overview", "primary_key", "day, provider")
    reader.page.get_by_role("button", name="Plots").click()
    reader.sees("nps", "responses")
    reader.keeps("plots_of_marts.nps_daily")


def _page(reader: Reader, served: Webserver, shop: Project) -> None:
    """The shown address opens the page; Chromium would not follow a link to a file."""
    url = page_url(shop.warehouse)
    assert url is not None
    reader.open("/assets/reports/nps?view=overview", url, page_path(shop.warehouse))
    reader.keeps("page")
    page = reader.page.context.new_page()
    page.goto(url)
    assert page.title().startswith("NPS report")
    page.close()


def _checks(reader: Reader, served: Webserver, shop: Project) -> None:
    names = (
        "built_by_current_definitions",
        "every_answer_once",
        "files_are_recorded",
        "keys_unique",
        "no_day_still_failed",
        "values_in_range",
    )
    reader.open("/assets/marts/order_feedback?view=checks", *names, f"Checks ({len(names)})")
    reader.page.get_by_text("every_answer_once", exact=True).first.click()
    reader.sees("Passed", "feedback_rows", "order_feedback_rows")
    text = reader.keeps("checks_of_marts.order_feedback")
    assert "Each row of unified.feedback occurs exactly once." in text
    rows = shop.warehouse.read_arrow(find_table("unified.feedback"), FIRST, YESTERDAY).num_rows
    assert re.search(rf"feedback_rows\s+{rows}\s", text)


def _run(reader: Reader, served: Webserver, shop: Project) -> None:
    runs = served.ask(RUNS)["runsOrError"]["results"]
    assert {run["status"] for run in runs} == {"SUCCESS"}
    (orders,) = [
        run for run in runs if run["assetSelection"] == [{"path": ["wicked_reports", "orders"]}]
    ]
    reader.open("/runs", orders["runId"][:8])
    reader.keeps("runs")
    reader.open(f"/runs/{orders['runId']}", "RUN_SUCCESS", "wicked_reports__orders__checks")
    text = reader.keeps("run_of_wicked_reports.orders")
    assert "wicked_reports / orders" in text


def _switches(reader: Reader, served: Webserver, shop: Project) -> None:
    defs = shop.defs
    switches = [one.name for one in [*(defs.schedules or []), *(defs.sensors or [])]]
    reader.open("/automation", *switches)
    reader.keeps("switches")
    jobs = [job.name for job in operation_jobs(shop.settings)]
    reader.open("/jobs", *jobs)
    reader.keeps("jobs")
