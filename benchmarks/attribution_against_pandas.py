"""unified.attribution, the largest of the tables, in pandas against ours; the same rows."""

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
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import find_table


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=2_000)
    history = History(30 if chosen.small else 365, chosen.size)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        ours = module(
            "benchmarks.support.build_tables",
            *(root, history.first, LAST, "-", "unified.attribution"),
        )
        theirs = module("benchmarks.support.attribution_in_pandas", root, directory / "pandas")
        compared = compare(lambda: run(theirs), lambda: run(ours), chosen.times)
        rows = Warehouse(root).read_arrow(find_table("unified.attribution"), columns=("weight",))
        told = f"{rows.num_rows} {round(sum(rows.column('weight').to_pylist()))}"
        if compared.ours[0].output.strip() != told:
            raise SystemExit(f"pandas has {compared.ours[0].output.strip()}, the table {told}")
    (slow, fast), (most, few) = compared.medians(wall), compared.medians(peak)
    say(
        "unified.attribution, pandas' wall against ours",
        compared.ratio(wall),
        "≥ 5",
        f"{chosen.size:,} orders, {rows.num_rows:,} rows, {slow:.1f} s against {fast:.1f} s, "
        f"CPU {compared.ratio(cpu):.2f}, peak {most / 1e9:.2f} GB against {few / 1e9:.2f} GB",
    )


if __name__ == "__main__":
    main()
