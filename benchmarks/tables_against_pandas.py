"""All unified tables and marts, compared with pandas and with their SQL run by hand in DuckDB.

In pandas as in the first version of this project; by hand with one ``COPY`` for each table.
"""

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    compare,
    cpu,
    module,
    options,
    peak,
    run,
    say,
    scratch,
    wall,
)
from benchmarks.support.tables_in_pandas import FIGURES, figures_held
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.warehouse.warehouse import Warehouse


def with_inputs(names: set[str]) -> list[str]:
    """These tables and the derived ones that they are computed from, in order."""
    wanted = set(names)
    for table in reversed(DERIVED_TABLES):
        if table.full_name in wanted:
            wanted |= set(find_table(table.full_name).depends)
    return [table.full_name for table in DERIVED_TABLES if table.full_name in wanted]


def same_as(ours: list[str], theirs: list[str], name: str) -> None:
    """Stop if one of the tables differs."""
    for table, expected in zip(ours, theirs, strict=True):
        if expected != table:
            raise SystemExit(f"{name} has {expected}, the table {table}")


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=2_000)
    history = History(30 if chosen.small else 365, chosen.size)
    tables = with_inputs(set(FIGURES))
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        span, made = (history.first, LAST), []
        ours = module("benchmarks.support.build_tables", root, *span, "-", *tables)
        theirs = module("benchmarks.support.tables_in_pandas", root, directory / "pandas")

        def by_hand() -> list[str]:
            made.append(str(directory / f"by hand {len(made)}"))
            return module("benchmarks.support.tables_by_hand", root, *span, made[-1], *tables)

        pandas = compare(lambda: run(theirs), lambda: run(ours), chosen, warm=False)
        hand = compare(lambda: run(ours), lambda: run(by_hand()), chosen, warm=False)
        held = figures_held(root)
        same_as(held, pandas.ours[0].output.strip().splitlines(), "pandas")
        same_as(held, figures_held(made[-1]), "the SQL by hand")
    (slow, fast), (most, few) = pandas.medians(wall), pandas.medians(peak)
    say(
        "all tables, pandas' wall against ours",
        pandas.ratio(wall),
        "≥ 5",
        f"{chosen.size:,} orders, {slow:.1f} s against {fast:.1f} s, "
        f"CPU {pandas.ratio(cpu):.2f}, peak {most / 1e9:.2f} GB against {few / 1e9:.2f} GB",
    )
    ours_s, floor = hand.medians(wall)
    say(
        "all tables, wall against their SQL run by hand",
        hand.ratio(wall),
        "≤ 1.5",
        f"{chosen.size:,} orders, {ours_s:.1f} s against {floor:.1f} s, CPU {hand.ratio(cpu):.2f}",
    )


if __name__ == "__main__":
    main()
