"""All unified tables and marts in pandas, as the first version was, compared with this project."""

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
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=2_000)
    history = History(30 if chosen.small else 365, chosen.size)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        ours = module("benchmarks.support.build_tables", root, history.first, LAST, "-", *FIGURES)
        theirs = module("benchmarks.support.tables_in_pandas", root, directory / "pandas")
        compared = compare(lambda: run(theirs), lambda: run(ours), chosen.times, warm=False)
        told = compared.ours[0].output.strip().splitlines()
        for pandas, table in zip(told, figures_held(Warehouse(root)), strict=True):
            if pandas != table:
                raise SystemExit(f"pandas has {pandas}, the table {table}")
    (slow, fast), (most, few) = compared.medians(wall), compared.medians(peak)
    say(
        "all tables, pandas' wall against ours",
        compared.ratio(wall),
        "≥ 5",
        f"{chosen.size:,} orders, {slow:.1f} s against {fast:.1f} s, "
        f"CPU {compared.ratio(cpu):.2f}, peak {most / 1e9:.2f} GB against {few / 1e9:.2f} GB",
    )


if __name__ == "__main__":
    main()
