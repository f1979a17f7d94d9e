"""A year of twelve tables to Postgres: first publication, nothing changed, three days changed."""

import json
from datetime import date, timedelta
from pathlib import Path

from benchmarks.support.measuring import options, run, say, scratch, script
from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES
from feedback_assets.warehouse.warehouse import Warehouse
from tests.publish.made_up import made_up
from tests.servers.postgres import binaries, running_postgres

LAST = date(2026, 10, 31)
TABLES = [table for table in ALL_TABLES if table.partitioned and table.group != "ad_spend"][:12]
PUBLISH = """
import json, sys, time
from resource import RUSAGE_SELF, getrusage
from feedback_assets.publish.postgres.publisher import Postgres
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
url, root, *names = sys.argv[1:]
target = Postgres(url, "feedback", tuple(map(find_table, names)))
before = getrusage(RUSAGE_SELF).ru_maxrss
done = target.publish(Warehouse(root))
print(json.dumps({
    "seconds": done.seconds, "partitions": done.partitions, "rows": done.rows,
    "mb": getrusage(RUSAGE_SELF).ru_maxrss / 1024, "mb_before": before / 1024,
}))
"""


def fill(warehouse: Warehouse, table: Table, days: int, rows: int) -> None:
    """The same rows on every day: what they say does not matter here."""
    made = made_up(table, LAST, rows)
    wanted = [LAST - timedelta(days=back) for back in range(days)]
    for _ in warehouse.replace_days(table, ((day, made) for day in wanted)):
        pass


def publish(url: str, warehouse: Warehouse) -> dict[str, float]:
    names = [table.full_name for table in TABLES]
    found: dict[str, float] = json.loads(run(script(PUBLISH, url, warehouse.root, *names)).output)
    return found


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=4_000)
    if binaries() is None:
        print("Postgres is not installed")
        return
    days = 10 if chosen.small else 365
    with scratch() as directory, running_postgres() as server:
        # The tests' server does not wait for the disk.
        server.run_sql("alter system set fsync = on")
        server.run_sql("alter system set full_page_writes = on")
        server.restart()
        server.run_sql("create database published")
        _measure(server.url("published"), directory, days, chosen.size, chosen.times)


def _measure(url: str, directory: Path, days: int, size: int, times: int) -> None:
    warehouse = Warehouse(str(directory))
    rows = max(1, size // len(TABLES) // days)
    for table in TABLES:
        fill(warehouse, table, days, rows)
    first = publish(url, warehouse)
    say(
        "a year of twelve tables, first publication, seconds a million rows",
        first["seconds"] / first["rows"] * 1e6,
        "bounded memory",
        f"{first['rows']:,} rows, {first['partitions']:,} partitions, {first['seconds']:.1f} s, "
        f"peak {first['mb']:.0f} MB ({first['mb_before']:.0f} MB before)",
    )
    same = min(publish(url, warehouse)["seconds"] for _ in range(times))
    say("nothing changed, against 0.5 s", same / 0.5, "≤ 1", f"{same:.2f} s")
    for number, table in enumerate(TABLES):
        for back in range(3):
            day = LAST - timedelta(days=back)
            warehouse.replace_day(table, day, made_up(table, day, rows, number))
    changed = publish(url, warehouse)
    say(
        "three days of twelve tables, against 2 s",
        changed["seconds"] / 2,
        "≤ 1",
        f"{changed['partitions']} partitions, {changed['rows']:,} rows, {changed['seconds']:.2f} s",
    )


if __name__ == "__main__":
    main()
