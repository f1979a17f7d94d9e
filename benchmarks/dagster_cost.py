"""The cost of Dagster's run and events for a year of one table, compared with only building it."""

from datetime import timedelta

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    clean_environment,
    compare,
    cpu,
    module,
    options,
    run,
    say,
    scratch,
    wall,
)
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    chosen = options(__doc__, size=365, small=10)
    first = LAST - timedelta(days=chosen.size - 1)
    table = "unified.orders"
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(History(chosen.size, chosen.size * 500), Warehouse(root))
        env = clean_environment(directory / "home", directory / "warehouse")
        env |= {"FEEDBACK_START_DATE": str(first)}
        select = f'key:"{table.replace(".", "/")}"'
        ours = module(
            "feedback_assets.cli",
            *("backfill", "--from", first, "--to", LAST, "--select", select),
        )
        alone = module("benchmarks.support.build_tables", root, first, LAST, "-", table)
        compared = compare(lambda: run(ours, env), lambda: run(alone, env), chosen.times)
    (mine, floor), (slow, fast) = compared.medians(cpu), compared.medians(wall)
    say(
        "a year of one table with Dagster, CPU against without",
        compared.ratio(cpu),
        "none",
        f"{chosen.size} days of 500 orders, CPU {mine:.1f} s against {floor:.1f} s, "
        f"wall {slow:.1f} s against {fast:.1f} s: "
        f"{1000 * (mine - floor) / chosen.size:.1f} ms of CPU a day",
    )


if __name__ == "__main__":
    main()
