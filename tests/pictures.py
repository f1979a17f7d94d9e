"""Screenshots of README and docs, taken from the running software: ``make pictures``.

Reads the sandbox of five providers into a temporary directory and opens the report and Dagster's
asset graph in the system's Chromium. The results are in ``docs/images``, to be committed."""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page

from feedback_assets.demo import sandbox_process
from feedback_assets.reports.path import page_path
from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import load_settings
from feedback_assets.warehouse.warehouse import Warehouse
from tests.service.test_browser import PATIENCE, browser
from tests.service.test_ui import ROOT, webserver

IMAGES = ROOT / "docs" / "images"
LARGEST = 300_000  # bytes; every clone downloads every version of the pictures
DAYS = 60


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "home").mkdir()
        os.environ["DAGSTER_HOME"] = str(directory / "home")
        os.environ["FEEDBACK_WAREHOUSE"] = str(directory / "warehouse")
        os.environ.pop("FEEDBACK_PROVIDERS", None)
        with sandbox_process(customers=3000, seed=1) as environment:
            os.environ.update(environment)
            _backfill()
            IMAGES.mkdir(exist_ok=True)
            with browser(directory / "profile") as context:
                page = context.new_page()
                page.set_viewport_size({"width": 1000, "height": 955})
                page.goto(Path(page_path(Warehouse(load_settings().warehouse))).as_uri())
                page.wait_for_selector("html[data-drawn=yes]", timeout=PATIENCE)
                _keep(page, "report")
                # Wide enough for the whole table, which sticks out of its section.
                page.set_viewport_size({"width": 1260, "height": 955})
                _keep(page.locator("#channels .wide"), "channels")
                open_instance(load_settings()).dispose()
                with webserver("dagster", directory) as served:
                    served.ask("mutation { setNuxSeen }")
                    page.set_viewport_size({"width": 1500, "height": 640})
                    _graph(page, served.url)
                    _keep(page, "graph")


def _backfill() -> None:
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    command = ["backfill", "--from", str(first), "--to", str(last)]
    subprocess.run([sys.executable, "-m", "feedback_assets.cli", *command], cwd=ROOT, check=True)


def _graph(page: Page, url: str) -> None:
    page.goto(f"{url}/asset-groups", wait_until="domcontentloaded")
    nodes = page.locator("svg foreignObject")
    for group in ("wicked_reports", "thanx", "unified", "marts", "reports"):
        nodes.get_by_text(group, exact=True).first.wait_for(timeout=PATIENCE)
    page.wait_for_load_state("networkidle", timeout=PATIENCE)
    page.wait_for_timeout(1000)  # wait until the graph has settled


def _keep(shown: Page | Locator, name: str) -> None:
    path = IMAGES / f"{name}.png"
    shown.screenshot(path=path, scale="css", animations="disabled")
    size = path.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{path}: over {LARGEST / 1000:,.0f} kB; take less of the page")


if __name__ == "__main__":
    main()
