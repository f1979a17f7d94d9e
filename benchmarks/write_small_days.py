"""CPU and size of a small day's file: encoded, hashed, written, flushed and renamed."""

import statistics
import time
from collections import deque
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import module, options, run, say, scratch
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

_TABLES = ("marts.order_feedback", "unified.attribution", "marts.nps_daily")
_BEFORE = ("unified.feedback", "unified.orders")


def days_of(rows: pa.Table, table: Table, days: int, rows_a_day: int) -> list[pa.Table]:
    """Days of so many of these rows, in turn."""
    whole = pa.concat_tables([rows] * (days * rows_a_day // rows.num_rows + 1))
    whole = whole.drop_columns("day").combine_chunks().cast(table.schema)
    return [whole.slice(number * rows_a_day, rows_a_day) for number in range(days)]


def seconds(place: Path, table: Table, days: list[pa.Table]) -> float:
    """CPU seconds of writing these days."""
    dated = [(date(2024, 1, 1) + timedelta(number), rows) for number, rows in enumerate(days)]
    began = time.process_time()
    deque(Warehouse(str(place)).replace_days(table, dated), maxlen=0)
    return time.process_time() - began


def main() -> None:
    chosen = options(__doc__, size=365, small=10)
    history = History(30, 3_000)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        build = "benchmarks.support.build_tables"
        run(module(build, root, history.first, LAST, "-", *_BEFORE, *_TABLES))
        for name in _TABLES:
            table = find_table(name)
            rows = Warehouse(root).read_arrow(table)
            for count in (100, 3):
                days = days_of(rows, table, chosen.size, count)
                spent = []
                for turn in range(chosen.times + 1):
                    place = directory / f"{name} {count} {turn}"
                    spent.append(seconds(place, table, days))
                each = statistics.median(spent[1:]) / chosen.size
                files = [path.stat().st_size for path in place.rglob("*.parquet")]
                say(
                    f"a day of {count} rows of {name}, CPU against 1 ms",
                    each * 1000,
                    "≤ 1" if count == 100 else "none",
                    f"{statistics.mean(files):,.0f} bytes a file, {chosen.size} days",
                )


if __name__ == "__main__":
    main()
