"""``query`` of marts.nps_by_channel over three years against DuckDB reading that one table."""

from datetime import timedelta

from benchmarks.support.history import LAST
from benchmarks.support.measuring import (
    clean_environment,
    compare,
    cpu,
    module,
    options,
    run,
    say,
    scratch,
    script,
    wall,
)
from feedback_assets.store.layout import Warehouse, days_between
from feedback_assets.tables import ALL_TABLES, find_table

SQL = "select model, source, nps from marts.nps_by_channel where window_days = 30"
FLOOR = """
import sys, duckdb
duckdb.sql(
    f"select model, source, nps from read_parquet('{sys.argv[1]}') where window_days = 30"
).fetchall()
"""


def main() -> None:
    chosen = options(__doc__, size=1095, small=5, times=7)
    with scratch() as directory:
        warehouse = Warehouse(str(directory / "warehouse"))
        days = days_between(LAST - timedelta(days=chosen.size - 1), LAST)
        for table in ALL_TABLES:
            empty = table.schema.empty_table()
            for day in days if table.partitioned else ():
                warehouse.replace_day(table, day, empty)
            if not table.partitioned:
                warehouse.replace_whole(table, empty)
        path = warehouse.path(find_table("marts.nps_by_channel"))
        env = clean_environment(directory / "home", directory / "warehouse")
        ours = module("feedback_assets.cli", "query", SQL, "--csv")
        compared = compare(lambda: run(ours, env), lambda: run(script(FLOOR, path)), chosen.times)
    mine, floor = compared.medians(wall)
    say(
        "query of nps_by_channel, wall against DuckDB alone",
        compared.ratio(wall),
        "≤ 1.5",
        f"{len(days):,} days of {len(ALL_TABLES)} tables held, {mine:.2f} s against {floor:.2f} s, "
        f"CPU {compared.ratio(cpu):.2f}",
    )


if __name__ == "__main__":
    main()
