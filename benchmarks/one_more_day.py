"""One more day of all unified tables and marts with three years of data, compared with one year."""

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import compare, cpu, module, options, run, say, scratch, wall
from feedback_assets.warehouse.warehouse import Warehouse


def main() -> None:
    chosen = options(__doc__, size=1_370, small=50, times=5)
    year = 20 if chosen.small else 365
    with scratch() as directory:

        def prepared(years: int) -> list[str]:
            root = str(directory / str(years))
            history = History(years * year, years * year * chosen.size)
            write(history, Warehouse(root))
            run(module("benchmarks.support.build_tables", root, history.first, LAST, "-"))
            return module("benchmarks.support.build_tables", root, LAST, LAST, "-")

        three, one = prepared(3), prepared(1)
        compared = compare(lambda: run(three), lambda: run(one), chosen.times)
    long, short = compared.medians(wall)
    say(
        "one more day with three years held, wall against one year",
        compared.ratio(wall),
        "≤ 1.2",
        f"{chosen.size:,} orders a day, {long:.2f} s against {short:.2f} s, "
        f"CPU {compared.ratio(cpu):.2f}",
    )


if __name__ == "__main__":
    main()
