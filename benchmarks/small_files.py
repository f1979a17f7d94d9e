"""Three years in a file per day or per month, compared with one file: DuckDB, pandas, Spark."""

import json
import statistics
from importlib.util import find_spec
from itertools import groupby

from benchmarks.support.history import History, write
from benchmarks.support.measuring import compare, cpu, options, run, say, scratch, script, wall
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse

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


def main() -> None:
    chosen = options(__doc__, size=1_500_000, small=2_000)
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
                    chosen.times,
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


if __name__ == "__main__":
    main()
