"""What small files cost: writing a day of 100 rows, and reading three years of days.

Reading a file per day or per month is compared with one file, in DuckDB, pandas and Spark.
"""

import io
import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support import build_tables
from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    Options,
    compare,
    cpu,
    options,
    run,
    say,
    scratch,
    script,
    wall,
)
from feedback_assets.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

WRITTEN = ("unified.attribution", "marts.order_feedback", "marts.nps_daily")
_ROWS = 100
DUCKDB = """
import sys, duckdb
duckdb.sql(f"select currency, sum(amount) from read_parquet('{sys.argv[1]}') group by 1").fetchall()
"""
PANDAS = """
import sys, pandas
frame = pandas.read_parquet(sys.argv[1], columns=["currency", "amount"])
frame.groupby("currency").amount.sum()
"""
# A session takes longer to start than a query to run, so one session runs all of them.
SPARK = """
import json, sys, time
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
session = SparkSession.builder.master("local[*]").getOrCreate()
def ask(path):
    began = time.monotonic()
    session.read.parquet(path).groupBy("currency").agg(f.sum("amount")).collect()
    return time.monotonic() - began
times, *paths = sys.argv[1:]
print(json.dumps([[ask(path) for path in paths] for _ in range(int(times) + 1)][1:]))
"""


def in_spark(times: int, one: str, many: dict[str, str]) -> None:
    """Seconds per query, without starting the session."""
    found = run(script(SPARK, times, one, *many.values()))
    seconds = json.loads(found.output.splitlines()[-1])
    for place, layout in enumerate(many, start=1):
        ratio = statistics.median(turn[place] / turn[0] for turn in seconds)
        ours, floor = (statistics.median(turn[at] for turn in seconds) for at in (place, 0))
        detail = f"{ours:.2f} s against {floor:.2f} s"
        say(f"a file {layout} against one file, Spark, wall", ratio, "none", detail)


def by_writing(chosen: Options) -> None:
    """CPU of a partition of 100 rows, and of Arrow's writer alone."""
    history = History(30 if chosen.small else 365, 1_000 if chosen.small else 30_000)
    names = ("unified.feedback", "unified.orders", *WRITTEN)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        build_tables.main(root, str(history.first), str(LAST), "-", *names)
        for name in WRITTEN:
            table = find_table(name)
            rows = Warehouse(root).read_arrow(table).drop_columns("day")
            some = np.arange(_ROWS * history.days) % rows.num_rows
            rows = rows.take(pa.array(some)).combine_chunks()
            days = [
                (day, rows.slice(_ROWS * number, _ROWS))
                for number, day in enumerate(days_between(history.first, LAST))
            ]
            of_ours, of_arrow = (
                statistics.median(milliseconds(days, how) for _ in range(chosen.times))
                for how in (_writing(Warehouse(str(directory / "copy")), table), _encoding)
            )
            say(
                f"a file of {_ROWS} rows of {name}, CPU against 1 ms",
                of_ours,
                "≤ 1",
                f"{of_ours:.2f} ms, Arrow's writer alone {of_arrow:.2f}, {history.days} files",
            )


Days = list[tuple[date, pa.Table]]


def milliseconds(days: Days, how: Callable[[Days], None]) -> float:
    """CPU per day."""
    began = time.process_time()
    how(days)
    return 1000 * (time.process_time() - began) / len(days)


def _writing(warehouse: Warehouse, table: Table) -> Callable[[Days], None]:
    return lambda days: deque(warehouse.replace_days(table, days), maxlen=0).clear()


def _encoding(days: Days) -> None:
    for _, rows in days:
        pq.write_table(rows, io.BytesIO(), compression="zstd")


def by_reading(chosen: Options) -> None:
    """Wall of a query over many files against one file."""
    days = 30 if chosen.small else 1095
    with scratch() as directory:
        warehouse = Warehouse(str(directory / "warehouse"))
        orders = find_table("wicked_reports.orders")
        write(History(days, chosen.size), warehouse, only=orders.full_name)
        one = str(directory / "one.parquet")
        warehouse.write_parquet(one, warehouse.read_arrow(orders).drop_columns("day"))
        months = directory / "months"
        held = warehouse.days_held(orders)
        for month, of_month in groupby(held, key=lambda day: f"{day:%Y-%m}"):
            between = list(of_month)
            rows = warehouse.read_arrow(orders, between[0], between[-1]).drop_columns("day")
            warehouse.write_parquet(f"{months}/month={month}/data.parquet", rows)
        layouts = {"a day": warehouse.directory(orders), "a month": str(months)}
        for layout, many in layouts.items():
            for name, text, pattern in (
                ("DuckDB", DUCKDB, f"{many}/*/*.parquet"),
                ("pandas", PANDAS, many),
            ):
                compared = compare(
                    lambda text=text, pattern=pattern: run(script(text, pattern)),
                    lambda text=text: run(script(text, one)),
                    chosen,
                )
                ours, floor = compared.medians(wall)
                say(
                    f"a file {layout} against one file, {name}, wall",
                    compared.ratio(wall),
                    "none",
                    f"{chosen.size:,} orders, {days:,} days, {ours:.2f} s against {floor:.2f} s, "
                    f"CPU {compared.ratio(cpu):.2f}",
                )
        if find_spec("pyspark"):
            in_spark(chosen.times, one, layouts)


def main() -> None:
    chosen = options(__doc__, size=1_500_000, small=2_000)
    by_writing(chosen)
    by_reading(chosen)


if __name__ == "__main__":
    main()
