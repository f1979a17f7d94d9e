"""All unified tables and marts with DuckDB limited to 2 GB of memory, compared with no limit."""

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
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    chosen = options(__doc__, size=5_000_000, small=3_000)
    history = History(30 if chosen.small else 1095, chosen.size)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))

        def build(limit: str) -> list[str]:
            return module("benchmarks.support.build_tables", root, history.first, LAST, limit)

        compared = compare(lambda: run(build("2GB")), lambda: run(build("-")), chosen, warm=False)
    limited, free = compared.medians(wall)
    most, _ = compared.medians(peak)
    say(
        "all tables in 2 GB, wall against no limit",
        compared.ratio(wall),
        "≤ 2",
        f"{chosen.size:,} orders, {limited:.0f} s against {free:.0f} s, "
        f"CPU {compared.ratio(cpu):.2f}",
    )
    say("all tables in 2 GB, peak against 2.3 GB", most / 2.3e9, "≤ 1", f"{most / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
