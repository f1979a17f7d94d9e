"""The channel scorecard of a year of orders, in CPU seconds of DuckDB with two threads."""

import sys
import time
from statistics import median

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import module, options, run, say, scratch
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


def main() -> None:
    chosen = options(__doc__, size=300_000, small=3_000)
    history = History(30 if chosen.small else 365, chosen.size, campaigns=120)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        run(module("benchmarks.support.build_tables", root, history.first, LAST, "-", *_BEFORE))
        outputs = [run(module("benchmarks.scorecard", root)).output for _ in range(chosen.times)]
    seconds = median(float(output.split()[-1]) for output in outputs)
    say(
        "the scorecard of a year, CPU seconds against 10",
        seconds / 10,
        "≤ 1",
        f"{chosen.size:,} orders, {outputs[0].split()[0]} rows, {seconds:.1f} s",
    )


def _build(root: str) -> None:
    """Build the scorecard of a warehouse; print its rows and the CPU seconds that it took."""
    parameters = Parameters(customer_secret=b"a secret for benchmarks", threads=2)
    began = time.process_time()
    rows = build_whole(find_table("marts.channel_scorecard"), Warehouse(root), parameters)
    print(rows.num_rows, time.process_time() - began)


if __name__ == "__main__":
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        _build(sys.argv[1])
    else:
        main()
