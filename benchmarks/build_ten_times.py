"""All unified tables and marts of ten times as many orders, time per row."""

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import compare, cpu, module, options, run, say, scratch, wall
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    chosen = options(__doc__, size=300_000, small=5_000)
    days = 30 if chosen.small else 365
    with scratch() as directory:

        def build(orders: int) -> list[str]:
            root = str(directory / str(orders))
            if not (directory / str(orders)).exists():
                write(History(days, orders), Warehouse(root))
            first = History(days, orders).first
            return module("benchmarks.support.build_tables", root, first, LAST, "2GB")

        many, few = build(chosen.size), build(chosen.size // 10)
        compared = compare(lambda: run(many), lambda: run(few), chosen)
    large, small = compared.medians(wall)
    say(
        "ten times the orders, wall a row",
        compared.ratio(wall) / 10,
        "≤ 1.2",
        f"{chosen.size:,} orders in {days} days, {large:.1f} s, a tenth {small:.1f} s, "
        f"CPU {compared.ratio(cpu) / 10:.2f}",
    )


if __name__ == "__main__":
    main()
