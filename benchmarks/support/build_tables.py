"""Unified tables and marts built in this process, without Dagster.

``python -m benchmarks.support.build_tables WAREHOUSE FIRST LAST MEMORY_LIMIT [TABLE …]``; ``-`` is
no memory limit. Prints the seconds of each table.
"""

import sys
import time
from datetime import date

from feedback_assets.tables import DERIVED_TABLES
from feedback_assets.transforms.engine import Parameters, build_days, build_whole
from feedback_assets.warehouse.warehouse import Warehouse


def main(root: str, first: str, last: str, limit: str, *names: str) -> None:
    warehouse = Warehouse(root)
    parameters = Parameters(
        customer_secret=b"a secret for benchmarks", memory_limit=None if limit == "-" else limit
    )
    for table in DERIVED_TABLES:
        if names and table.full_name not in names:
            continue
        began = time.monotonic()
        if table.partitioned:
            span = date.fromisoformat(first), date.fromisoformat(last)
            days = build_days(table, *span, warehouse, parameters)
            rows = sum(written.rows for _, written in warehouse.replace_days(table, days))
        else:
            rows = warehouse.replace_whole(table, build_whole(table, warehouse, parameters)).rows
        print(f"{table.full_name} {rows} rows {time.monotonic() - began:.2f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
