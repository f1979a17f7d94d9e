"""One more day of all unified tables and marts with three years of data, compared with one year."""

import re
import statistics
from collections.abc import Iterable

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    Usage,
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

_SECONDS = re.compile(r"^(\S+) \d+ rows ([\d.]+) s$", re.MULTILINE)
_MOST_SHOWN = 4
CAMPAIGNS = 120


def main() -> None:
    chosen = options(__doc__, size=1_370, small=50, times=5)
    year = 20 if chosen.small else 365
    with scratch() as directory:

        def prepared(years: int) -> list[str]:
            root = str(directory / str(years))
            history = History(years * year, years * year * chosen.size, campaigns=CAMPAIGNS)
            write(history, Warehouse(root))
            run(module("benchmarks.support.build_tables", root, history.first, LAST, "-"))
            return module("benchmarks.support.build_tables", root, LAST, LAST, "-")

        three, one = prepared(3), prepared(1)
        compared = compare(lambda: run(three), lambda: run(one), chosen)
    long, short = compared.medians(wall)
    say(
        "one more day with three years held, wall against one year",
        compared.ratio(wall),
        "≤ 1.2",
        f"{chosen.size:,} orders a day, {long:.2f} s against {short:.2f} s, "
        f"CPU {compared.ratio(cpu):.2f}; {_differences(compared.ours, compared.theirs)}",
    )


def _differences(ours: Iterable[Usage], theirs: Iterable[Usage]) -> str:
    """The tables that take longest in addition, with the seconds of both."""
    long, short = _by_table(ours), _by_table(theirs)
    most = sorted(long, key=lambda name: short[name] - long[name])[:_MOST_SHOWN]
    return ", ".join(f"{name} {long[name]:.2f} s against {short[name]:.2f} s" for name in most)


def _by_table(usages: Iterable[Usage]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for usage in usages:
        for name, taken in _SECONDS.findall(usage.output):
            seconds.setdefault(name, []).append(float(taken))
    return {name: statistics.median(taken) for name, taken in seconds.items()}


if __name__ == "__main__":
    main()
