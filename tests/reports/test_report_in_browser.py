"""The page in Chromium: it draws, switches, searches, exports CSV, and runs no injected script.

Screenshots are saved in ``screenshots/``: phone and desktop, light and dark, and print."""

import csv
import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from feedback_assets.reports.csv_text import harmless
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import write_page
from feedback_assets.reports.path import page_path
from tests.reports.conftest import HOSTILE, Marts

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(full: Marts) -> str:
    write_page(
        full.warehouse, read_report(full.warehouse, built_at=datetime(2026, 11, 21, tzinfo=UTC))
    )
    return Path(page_path(full.warehouse)).as_uri()


@dataclass
class Seen:
    """A page with its console output and requests."""

    page: Page
    address: str
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).text_content())


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[Seen]:
    context = browser.new_context(**{"viewport": DESKTOP, **options})  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    seen = Seen(page, address)
    page.on("console", lambda message: seen.told.append(message.text))
    page.on("pageerror", lambda error: seen.told.append(str(error)))
    page.on("request", lambda request: seen.asked.append(request.url))
    page.goto(address)
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-drawn=yes]")
    try:
        yield seen
    finally:
        context.close()


@pytest.fixture
def seen(browser: Browser, address: str) -> Iterator[Seen]:
    with opened(browser, address) as seen:
        yield seen


def test_the_page_draws_every_chart_without_console_output_or_requests(seen: Seen) -> None:
    charts = seen.page.locator(".chart")
    assert charts.count() == 9
    for chart in charts.all():
        assert chart.locator("svg").count() == 1, chart.get_attribute("id")
    assert seen.told == []
    assert seen.asked == [seen.address]


def test_customer_text_is_never_executed(seen: Seen) -> None:
    assert seen.page.title() == "NPS report, to 20 Nov 2026"
    assert seen.page.locator("main img, main iframe").count() == 0
    assert seen.page.evaluate("document.scripts.length") == 3
    quoted = seen.page.locator("blockquote").all_text_contents()
    # HTML turns a carriage return into a line feed.
    assert {text.replace("\r", "\n") for text in HOSTILE} <= set(quoted)


def test_the_policy_blocks_injected_scripts_and_requests(seen: Seen) -> None:
    failed = []
    seen.page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
    seen.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = "document.title = 'run'";
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src="http://127.0.0.1:9/x.png">');
        }"""
    )

    def refused() -> int:
        return sum("Content Security Policy" in text for text in seen.told)

    # The script would run on insertion; the rejected image is reported a little later.
    end = time.monotonic() + 30
    while (refused() < 2 or not failed) and time.monotonic() < end:
        seen.page.wait_for_timeout(100)
    assert seen.page.title() != "run"
    assert refused() == 2
    assert failed == [("http://127.0.0.1:9/x.png", "csp")]


def test_the_model_can_be_switched_and_small_channels_stay_grey_and_last(seen: Seen) -> None:
    rows = seen.page.locator("#channels-table tbody tr")
    names = [row.locator("th").text_content() for row in rows.all()]
    assert names == [
        "google / cpc / brand",
        "mail / email / news",
        "tiktok / paid_social / flash",
        "bing / cpc / brand",
        "(unattributed)",
        "(unmatched)",
    ]
    seen.page.select_option("[name=level]", "medium")
    seen.page.wait_for_function(
        "document.querySelectorAll('#chart-channels .mark-symbol path').length === 3"
    )
    assert "google" not in seen.text("#channels-table")
    assert "cpc (62)" in seen.text("#channels-finding")
    seen.page.select_option("[name=model]", "linear")
    seen.page.select_option("[name=window]", "7")
    assert "cpc (62)" in seen.text("#channels-finding")
    assert seen.told == []


def test_comments_are_found_by_word_ignoring_accents_and_by_class(seen: Seen) -> None:
    shown = seen.page.locator(".comments li:visible")
    assert shown.count() == 20
    first = shown.first
    assert "waits" in str(first.get_attribute("class"))
    seen.page.get_by_label("Search").fill("comment 13")
    assert shown.count() == 1
    assert "1 of" in seen.text("#said-count")
    seen.page.get_by_label("Search").fill("")
    seen.page.select_option("[name=class]", "promoter")
    before = shown.count()
    seen.page.get_by_role("button", name="Show more").click()
    assert shown.count() > before
    assert seen.page.locator(".comments li.detractor:visible").count() == 0


def test_figures_download_as_csv_without_formulas(seen: Seen) -> None:
    with seen.page.expect_download() as caught:
        seen.page.get_by_role("button", name="comments.csv").click()
    content = Path(caught.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    texts = [row["comment"] for row in rows[: len(HOSTILE)]]
    assert texts == [harmless(text) for text in HOSTILE]
    with seen.page.expect_download() as caught:
        seen.page.get_by_role("button", name="nps-by-channel.csv").click()
    content = Path(caught.value.path()).read_bytes().decode("utf-8-sig")
    numbers = [row["nps"] for row in csv.DictReader(io.StringIO(content, newline=""))]
    assert any(number.startswith("-") for number in numbers), "numbers stay numbers"
    assert not any(number.startswith("'") for number in numbers)


def test_the_keyboard_reaches_every_control(seen: Seen) -> None:
    reached = set()
    for _ in range(80):
        seen.page.keyboard.press("Tab")
        reached.add(
            seen.page.evaluate(
                "(document.activeElement.name || document.activeElement.dataset.csv "
                "|| document.activeElement.tagName)"
            )
        )
    assert {"model", "level", "window", "words", "class", "weeks", "SUMMARY", "A"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_is_accessible_and_fits_the_screen(
    browser: Browser, address: str, scheme: str, size: dict[str, int]
) -> None:
    name = "phone" if size is PHONE else "desktop"
    with opened(browser, address, viewport=size, color_scheme=scheme) as seen:
        for details in seen.page.locator("details").all():
            details.evaluate("element => { element.open = true }")
        found = Axe().run(seen.page)
        assert found.violations_count == 0, found.generate_report()
        for details in seen.page.locator("details").all():
            details.evaluate("element => { element.open = false }")
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width == size["width"], "nothing sticks out at the side"
        SCREENSHOTS.mkdir(exist_ok=True)
        seen.page.screenshot(path=SCREENSHOTS / f"report-{name}-{scheme}.png", full_page=True)
        assert seen.told == []


def test_printing_hides_only_the_controls(browser: Browser, address: str) -> None:
    with opened(browser, address, color_scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.locator("nav, .choices, .take").locator("visible=true").count() == 0
        paper = seen.page.evaluate("getComputedStyle(document.body).color")
        assert paper == "rgb(28, 30, 33)", "dark on light, whatever the screen"
        SCREENSHOTS.mkdir(exist_ok=True)
        seen.page.pdf(path=SCREENSHOTS / "report-print.pdf", format="A4")


def test_the_figures_are_shown_without_scripts(browser: Browser, address: str) -> None:
    with opened(browser, address, java_script_enabled=False) as seen:
        assert "need JavaScript" in seen.text("noscript")
        assert seen.page.locator(".comments li:visible").count() > 20
        assert seen.page.locator("#channels-table tbody tr").count() == 6


def test_an_empty_page_draws_nothing_and_says_so(browser: Browser, marts: Marts) -> None:
    write_page(marts.warehouse, read_report(marts.warehouse))
    with opened(browser, Path(page_path(marts.warehouse)).as_uri()) as seen:
        assert "There are no answers yet" in seen.text("header")
        assert seen.page.locator("svg").count() == 0
        assert seen.told == []
        found = Axe().run(seen.page)
        assert found.violations_count == 0, found.generate_report()
