"""The channel scorecard of a year of orders, in CPU seconds of DuckDB on one thread.

Of two shops: of generated tables with 120 campaigns, and the sandbox's, which are read over HTTP.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    Options,
    clean_environment,
    module,
    options,
    run,
    say,
    scratch,
)
from benchmarks.support.sandboxes import sandbox_without_limits
from feedback_assets.tables import find_table
from feedback_assets.transforms.engine import Parameters, build_whole
from feedback_assets.warehouse.warehouse import Warehouse

_BEFORE = (
    "unified.feedback",
    "unified.orders",
    "unified.attribution",
    "marts.order_feedback",
    "marts.nps_by_attribution",
    "marts.customers",
)
_ORDERS_PER_CUSTOMER = 5.36
"""Of the sandbox's shop, in a year."""


def main() -> None:
    chosen = options(__doc__, size=300_000, small=3_000)
    days = 30 if chosen.small else 365
    for shop, fill in (("120 campaigns", _generated), ("the sandbox's shop", _read_from_sandbox)):
        _measure(shop, fill, days, chosen)


def _measure(shop: str, fill: Callable[[Path, int, int], None], days: int, chosen: Options) -> None:
    with scratch() as directory:
        fill(directory, days, chosen.size)
        root = str(directory / "warehouse")
        outputs = [run(module("benchmarks.scorecard", root)).output for _ in range(chosen.times)]
    orders, rows, _ = outputs[0].split()
    seconds = median(float(output.split()[-1]) for output in outputs)
    say(
        f"the scorecard of a year, {shop}, CPU seconds against 10",
        seconds / 10,
        "≤ 1",
        f"{int(orders):,} orders, {rows} rows, {seconds:.1f} s",
    )


def _generated(directory: Path, days: int, orders: int) -> None:
    root = str(directory / "warehouse")
    history = History(days, orders, campaigns=120)
    write(history, Warehouse(root))
    run(module("benchmarks.support.build_tables", root, history.first, LAST, "-", *_BEFORE))


def _read_from_sandbox(directory: Path, days: int, orders: int) -> None:
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    customers = int(orders / _ORDERS_PER_CUSTOMER * 365 / days)
    spend = directory / "spend"
    env = clean_environment(directory / "home", directory / "warehouse")
    env |= {"FEEDBACK_START_DATE": str(first), "FEEDBACK_AD_SPEND": f"{spend}/*.csv"}
    # Some customers started before the first day that is read.
    with sandbox_without_limits(customers, days + 35, "--ad-spend", spend) as settings:
        select = ("--select", '+key:"marts/channel_scorecard"')
        command = ("backfill", "--from", first, "--to", last, *select)
        run(module("feedback_assets.cli", *command), env | settings)


def _build(root: str) -> None:
    """Build the scorecard of a warehouse; print its orders, its rows and the CPU seconds."""
    warehouse = Warehouse(root)
    parameters = Parameters(customer_secret=b"a secret for benchmarks", threads=1)
    began = time.process_time()
    rows = build_whole(find_table("marts.channel_scorecard"), warehouse, parameters)
    seconds = time.process_time() - began
    orders = warehouse.read_arrow(find_table("unified.orders"), columns=["order_id"]).num_rows
    print(orders, rows.num_rows, seconds)


if __name__ == "__main__":
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        _build(sys.argv[1])
    else:
        main()
