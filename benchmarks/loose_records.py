"""Typing pages that a sloppy provider writes, every value in another form, against tidy ones."""

import statistics
import time

import msgspec
import numpy as np

from benchmarks.support.measuring import options, say
from feedback_assets.ingest.parse import parse_page
from feedback_assets.sandbox import wicked_records
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.world import World
from feedback_assets.schema.typing import Typing
from feedback_assets.tables import find_table

ORDERS = find_table("wicked_reports.orders")
TYPING = Typing(null_text=True)
PAGE = 1000


def pages_of(world: World, orders: int, *, sloppy: bool) -> list[bytes]:
    """The orders of the world in pages."""
    clock = world.since_origin(world.start_of_today.timestamp())
    view = View(world, clock, Faults(sloppy=sloppy))
    starts = range(0, min(orders, len(world.orders.time)), PAGE)
    rows = [np.arange(start, min(start + PAGE, len(world.orders.time))) for start in starts]
    return [
        msgspec.json.encode(wicked_records.orders(view, part, with_contact=True)) for part in rows
    ]


def seconds(pages: list[bytes]) -> float:
    """CPU seconds of typing the pages."""
    began = time.process_time()
    for page in pages:
        if parse_page(page, ORDERS, TYPING).bad:
            raise SystemExit("a record was set aside")
    return time.process_time() - began


def main() -> None:
    chosen = options(__doc__, size=20_000, small=2_000, times=7)
    world = World(1, 400, chosen.size // 4)
    tidy, sloppy = (pages_of(world, chosen.size, sloppy=which) for which in (False, True))
    seconds(tidy), seconds(sloppy)
    ratios, each = [], 0.0
    for _ in range(chosen.times):
        of_tidy = seconds(tidy)
        ratios.append(seconds(sloppy) / of_tidy)
        each = 1000 * of_tidy / len(tidy)
    say(
        "a sloppy page, CPU against a tidy one",
        statistics.median(ratios),
        "≤ 3",
        f"{len(tidy):,} pages, {each:.1f} ms a tidy page of {PAGE:,} orders",
    )


if __name__ == "__main__":
    main()
