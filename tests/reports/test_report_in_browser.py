"""The page in Chromium: it draws, sorts, searches, exports CSV, and runs no injected script.

Screenshots are saved in ``screenshots/``: phone and desktop, light and dark, and print."""

import csv
import io
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from feedback_assets.reports.csv_text import harmless
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import write_page
from feedback_assets.reports.path import page_path
from tests.reports.conftest import HOSTILE, Marts
from tests.reports.shop import CHANNELS
from tests.reports.warehouses import (
    put_channels,
    put_one_provider,
    put_thousand_campaigns,
    without_spend,
)

BUILT = datetime(2026, 11, 21, tzinfo=UTC)
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
pytestmark = pytest.mark.slow


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
    write_page(full.warehouse, read_report(full.warehouse, built_at=BUILT))
    return Path(page_path(full.warehouse)).as_uri()


@dataclass
class Seen:
    """A page with its console output and requests."""

    page: Page
    address: str
    console: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).text_content())


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[Seen]:
    context = browser.new_context(**{"viewport": DESKTOP, **options})  # type: ignore[arg-type]
    context.set_default_timeout(120_000)
    page = context.new_page()
    seen = Seen(page, address)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
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
    assert charts.count() == 8
    for chart in charts.all():
        assert chart.locator("svg").count() == 1, chart.get_attribute("id")
    assert seen.console == []
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
        return sum("Content Security Policy" in text for text in seen.console)

    # The script would run on insertion; the rejected image is reported a little later.
    end = time.monotonic() + 30
    while (refused() < 2 or not failed) and time.monotonic() < end:
        seen.page.wait_for_timeout(100)
    assert seen.page.title() != "run"
    assert refused() == 2
    assert failed == [("http://127.0.0.1:9/x.png", "csp")]


def names_of(seen: Seen) -> list[str]:
    return seen.page.locator("#scorecard tbody th span").all_text_contents()


def column(seen: Seen, title: str) -> list[str]:
    heads = seen.page.locator("#scorecard thead th").all_text_contents()
    place = heads.index(title)
    cells = seen.page.locator(f"#scorecard tbody tr > :nth-child({place + 1})")
    return [cell.locator("span").first.text_content() or "" for cell in cells.all()]


DEFAULT = [
    "podcast/read", "google/brand", "mail/news", "tiktok/flash", "bing/brand", "radio/spot",
    "print/flyer", "(unmatched)", "(unattributed)", "All",
]  # fmt: skip


def test_the_scorecard_is_sorted_by_keyboard_and_switched_by_model_level_and_window(
    seen: Seen, browser: Browser, address: str
) -> None:
    page = seen.page
    with opened(browser, address, java_script_enabled=False) as plain:
        as_built = plain.page.locator("#scorecard tbody tr td, #scorecard tbody tr th")
        texts = as_built.all_text_contents()
    drawn = page.locator("#scorecard tbody tr > :not(.trend)").all_text_contents()
    assert drawn == texts, "the script writes the cells as the page has them"
    assert names_of(seen) == DEFAULT
    assert "pulled towards the average" in seen.text("#channels-order")

    page.locator("#scorecard [data-sort=spend]").focus()
    page.keyboard.press("Enter")
    assert names_of(seen)[:5] == [
        "tiktok/flash", "google/brand", "podcast/read", "print/flyer", "bing/brand"
    ]  # fmt: skip
    assert names_of(seen)[-3:] == DEFAULT[-3:], "sums stay last"
    assert page.locator("#scorecard th[aria-sort=descending]").all_text_contents() == ["Spend"]
    page.keyboard.press("Enter")
    assert page.locator("#scorecard th[aria-sort=ascending]").all_text_contents() == ["Spend"]
    assert names_of(seen)[:5] == [
        "bing/brand", "print/flyer", "podcast/read", "google/brand", "tiktok/flash"
    ], "channels without spend stay behind those with it"  # fmt: skip
    assert "Sorted by Spend, lowest first." in seen.text("#channels-order")
    page.locator("#channels-reset").click()
    assert names_of(seen) == DEFAULT
    assert page.locator("#scorecard th[aria-sort]").count() == 0

    trend = page.locator("#scorecard .trend svg").first
    assert "NPS in the week from 2026-09" in str(trend.get_attribute("aria-label"))
    trend.focus()
    assert "2026-11-14: 60" in seen.text("#tip")

    page.select_option("[name=level]", "medium")
    expect(page.locator("#chart-channels")).to_contain_text("google/cpc")
    expect(page.locator("#chart-channels .mark-symbol path")).to_have_count(6)
    assert "google/cpc" in names_of(seen)
    page.select_option("[name=level]", "source")
    page.select_option("[name=model]", "linear")
    page.select_option("[name=window]", "7")
    assert "google (60)" in seen.text("#channels-finding")
    assert seen.text("#scorecard caption") == "Linear · by source · last 7 days · money in EUR"
    assert page.locator("[name=currency]").count() == 0, "there is only one"
    assert seen.console == []


def test_a_finding_leads_to_the_comments_of_its_channel(seen: Seen) -> None:
    finding = seen.page.locator(".findings li", has_text="Look at tiktok/flash")
    finding.get_by_role("button", name="Read its comments").click()
    shown = seen.page.locator(".comments li:visible")
    assert shown.count() == len(HOSTILE)
    assert "tiktok / flash" in str(shown.first.text_content())


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


def test_the_words_are_explained_one_click_away(seen: Seen) -> None:
    assert not seen.page.locator("#words").is_visible()
    seen.page.get_by_role("link", name="What the words mean").click()
    expect(seen.page.locator("#words")).to_be_visible()


def test_figures_download_as_csv_without_formulas(seen: Seen) -> None:
    with seen.page.expect_download() as caught:
        seen.page.get_by_role("button", name="comments.csv").click()
    content = Path(caught.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    texts = [row["comment"] for row in rows[: len(HOSTILE)]]
    assert texts == [harmless(text) for text in HOSTILE]
    with seen.page.expect_download() as caught:
        seen.page.get_by_role("button", name="channel-scorecard.csv").click()
    content = Path(caught.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert any(row["nps"].startswith("-") for row in rows), "numbers stay numbers"
    wanted = {"window_days": "30", "model": "linear", "level": "campaign", "currency": "EUR"}
    (tiktok,) = [
        row for row in rows if row["campaign"] == "flash" and wanted.items() <= row.items()
    ]
    assert (tiktok["source"], tiktok["verdict"], tiktok["spend"]) == ("tiktok", "below", "12000")
    assert float(tiktok["nps"]) == -40


def test_the_keyboard_reaches_every_control(seen: Seen) -> None:
    reached = set()
    for _ in range(120):
        seen.page.keyboard.press("Tab")
        reached.add(
            seen.page.evaluate(
                "(document.activeElement.name || document.activeElement.dataset.csv "
                "|| document.activeElement.dataset.sort "
                "|| document.activeElement.tagName)"
            )
        )
    wanted = {"model", "level", "window", "nps", "spend", "words", "class", "weeks", "svg"}
    assert wanted | {"SUMMARY", "A"} <= reached


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
        scorecard = seen.page.locator("#channels .wide")
        hint = str(scorecard.evaluate("table => getComputedStyle(table, '::before').content"))
        scrolls = scorecard.evaluate("table => table.scrollWidth > table.clientWidth")
        assert ("sideways" in hint) == scrolls
        assert scrolls or size is DESKTOP
        SCREENSHOTS.mkdir(exist_ok=True)
        seen.page.screenshot(path=SCREENSHOTS / f"report-{name}-{scheme}.png", full_page=True)
        assert seen.console == []


PAGES: dict[str, Callable[[Marts], None]] = {
    "one-provider": put_one_provider,
    "no-spend": lambda marts: put_channels(marts, without_spend(CHANNELS)),
    "thousand-campaigns": put_thousand_campaigns,
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_other_shops_are_accessible_too(browser: Browser, marts: Marts, name: str) -> None:
    PAGES[name](marts)
    write_page(marts.warehouse, read_report(marts.warehouse, built_at=BUILT))
    address = Path(page_path(marts.warehouse)).as_uri()
    for size in (PHONE, DESKTOP):
        for scheme in ("light", "dark"):
            with opened(browser, address, viewport=size, color_scheme=scheme) as seen:
                for details in seen.page.locator("details").all():
                    details.evaluate("element => { element.open = true }")
                found = Axe().run(seen.page)
                assert found.violations_count == 0, found.generate_report()
                width = seen.page.evaluate("document.documentElement.scrollWidth")
                assert width == size["width"], "nothing sticks out at the side"
                assert seen.console == []


def blank_pages(path: Path) -> list[int]:
    """The pages of a PDF by Chromium whose content draws next to nothing."""
    content = path.read_bytes()
    sizes = []
    for found in re.finditer(rb"/Contents (\d+) 0 R", content):
        start = content.index(b"\n%s 0 obj" % found[1])
        stream = content.index(b"stream", start) + len(b"stream")
        packed = content[stream:].lstrip(b"\r\n")
        sizes.append(len(zlib.decompressobj().decompress(packed)))
    assert sizes
    return [place for place, size in enumerate(sizes, 1) if size < 500]


def test_printing_hides_only_the_controls(browser: Browser, address: str) -> None:
    with opened(browser, address, color_scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.locator("nav, .choices, .take").locator("visible=true").count() == 0
        paper = seen.page.evaluate("getComputedStyle(document.body).color")
        assert paper == "rgb(28, 30, 33)", "dark on light, for any colour scheme"
        caption = seen.page.locator("#scorecard caption")
        assert caption.is_visible()
        assert "First click" in str(caption.text_content()), "the model is named on paper"
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / "report-print.pdf"
        seen.page.pdf(path=path, format="A4")
        assert not blank_pages(path)


def test_the_figures_are_shown_without_scripts(browser: Browser, address: str) -> None:
    with opened(browser, address, java_script_enabled=False) as seen:
        assert "need JavaScript" in seen.text("noscript")
        assert seen.page.locator(".comments li:visible").count() > 20
        assert seen.page.locator("#scorecard tbody tr").count() == len(DEFAULT)


def test_an_empty_page_draws_nothing_and_says_so(browser: Browser, marts: Marts) -> None:
    write_page(marts.warehouse, read_report(marts.warehouse))
    with opened(browser, Path(page_path(marts.warehouse)).as_uri()) as seen:
        assert "There are no answers yet" in seen.text("header")
        assert seen.page.locator("svg").count() == 0
        assert seen.console == []
        found = Axe().run(seen.page)
        assert found.violations_count == 0, found.generate_report()
