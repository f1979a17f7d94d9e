"""Three years of days as a file a day, and a month, against one file; DuckDB and pandas."""

from itertools import groupby

from benchmarks.support.history import History, write
from benchmarks.support.measuring import compare, cpu, options, run, say, scratch, script, wall
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import find_table

DUCKDB = """
import sys, duckdb
duckdb.sql(f"select currency, sum(amount) from read_parquet('{sys.argv[1]}') group by 1").fetchall()
"""
PANDAS = """
import sys, pandas
frame = pandas.read_parquet(sys.argv[1], columns=["currency", "amount"])
frame.groupby("currency").amount.sum()
"""


def main() -> None:
    chosen = options(__doc__, size=500_000, small=2_000, times=5)
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
        for layout, many in (("a day", warehouse.directory(orders)), ("a month", str(months))):
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


if __name__ == "__main__":
    main()
