"""``query`` of marts.nps_by_channel over three years, compared with DuckDB reading that table."""

from datetime import timedelta

import pyarrow as pa

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
from feedback_assets.days import days_between
from feedback_assets.tables import ALL_TABLES, find_table
from feedback_assets.warehouse.warehouse import Warehouse

SQL = "select model, source, nps from marts.nps_by_channel where window_days = 30"
MODELS = (
    "first_click",
    "first_optin",
    "re_optin",
    "last_click",
    "linear",
    "position_based",
    "time_decay",
)
FLOOR = """
import sys, duckdb
duckdb.sql(
    f"select model, source, nps from read_parquet('{sys.argv[1]}') where window_days = 30"
).fetchall()
"""


def channels() -> list[dict[str, object]]:
    """As many rows as for a shop with 40 channels."""
    return [
        {
            "window_days": window,
            "model": model,
            "source": f"source {channel}",
            "medium": "cpc",
            "campaign": f"campaign {channel % 7}",
            "responses": float(channel),
            "promoters": channel * 0.5,
            "passives": channel * 0.3,
            "detractors": channel * 0.2,
            "nps": 30.0,
            "nps_low": 20.0,
            "nps_high": 40.0,
        }
        for window in (7, 30, 90, 365)
        for model in MODELS
        for channel in range(40)
    ]


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
        nps = find_table("marts.nps_by_channel")
        warehouse.replace_whole(nps, pa.Table.from_pylist(channels(), schema=nps.schema))
        path = warehouse.path(find_table("marts.nps_by_channel"))
        env = clean_environment(directory / "home", directory / "warehouse")
        ours = module("feedback_assets.cli", "query", SQL, "--csv")
        compared = compare(lambda: run(ours, env), lambda: run(script(FLOOR, path)), chosen)
    mine, floor = compared.medians(cpu)
    say(
        "query of nps_by_channel, CPU against DuckDB alone",
        compared.ratio(cpu),
        "none",
        f"{len(days):,} days of {len(ALL_TABLES)} tables held, {mine:.2f} s against "
        f"{floor:.2f} s, wall {compared.ratio(wall):.2f}",
    )


if __name__ == "__main__":
    main()
