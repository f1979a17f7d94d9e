"""Three years of days as a file a day against one file, read by DuckDB and pandas."""

from benchmarks.support.history import History, write
from benchmarks.support.measuring import compare, options, run, say, scratch, script, wall
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
        write(History(days, chosen.size), warehouse)
        orders = find_table("wicked_reports.orders")
        one = str(directory / "one.parquet")
        warehouse.write_parquet(one, warehouse.read_arrow(orders).drop_columns("day"))
        many = warehouse.directory(orders)
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
                f"a file a day against one file, {name}, wall",
                compared.ratio(wall),
                "none",
                f"{chosen.size:,} orders, {days:,} days, {ours:.2f} s against {floor:.2f} s",
            )


if __name__ == "__main__":
    main()
