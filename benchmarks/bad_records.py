"""Typing pages with one bad record in each against the same pages without."""

import statistics
import time

import requests

from benchmarks.support.measuring import options, say
from benchmarks.support.order_server import PAGE, Served, serving
from feedback_assets.ingest.parse import parse_page
from feedback_assets.schema.typing import Typing
from feedback_assets.tables import find_table

ORDERS = find_table("wicked_reports.orders")
TYPING = Typing(null_text=True)


def pages_of(served: Served) -> list[bytes]:
    """The arrays of orders as served."""
    found, key = [], "k0"
    params = {"from": str(served.first), "to": str(served.last), "limit": str(PAGE)}
    for _ in range(-(-served.orders // PAGE)):
        body = requests.get(f"{served.url}/orders", {**params, "next": key}, timeout=60).content
        start = body.index(b"[")
        end = body.rindex(b'],"page"') + 1
        key = body[body.rindex(b'"next":') + 7 : -1].decode().strip('"')
        found.append(body[start:end])
    return found


def seconds(pages: list[bytes]) -> tuple[float, int]:
    """CPU seconds of typing the pages, and how many records were set aside."""
    began = time.process_time()
    bad = sum(len(parse_page(page, ORDERS, TYPING).bad) for page in pages)
    return time.process_time() - began, bad


def main() -> None:
    chosen = options(__doc__, size=50_000, small=2_000, times=7)
    with serving(chosen.size) as served:
        clean = pages_of(served)
    with serving(chosen.size, bad=True) as served:
        spoilt = pages_of(served)
    seconds(clean), seconds(spoilt)
    ratios, each = [], 0.0
    for _ in range(chosen.times):
        of_spoilt, bad = seconds(spoilt)
        of_clean, none = seconds(clean)
        if (none, bad) != (0, len(spoilt)):
            raise SystemExit(f"{none} and {bad} records were set aside")
        ratios.append(of_spoilt / of_clean)
        each = 1000 * of_clean / len(clean)
    say(
        "one bad record a page, CPU against clean pages",
        statistics.median(ratios),
        "≤ 2.5",
        f"{chosen.size:,} orders, {each:.1f} ms a clean page of {PAGE:,}",
    )


if __name__ == "__main__":
    main()
