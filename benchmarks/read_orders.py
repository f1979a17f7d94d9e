"""Orders from a local server to daily Parquet, whole process, compared with a minimal script.

Read twice, all orders and a fifth of them: the difference is what each order costs, the rest is the
start of the processes, which does not grow.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.bad_records import pages_of
from benchmarks.support.measuring import (
    Compared,
    Usage,
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
from benchmarks.support.order_server import Served, serving


def backfill(served: Served, directory: Path) -> Usage:
    """``feedback-assets backfill`` of the orders."""
    env = clean_environment(directory / "home", directory / "warehouse") | served.environment()
    select = 'key:"wicked_reports/orders"'
    return run(
        module(
            "feedback_assets.cli",
            "backfill",
            "--from",
            served.first,
            "--to",
            served.last,
            "--select",
            select,
        ),
        env,
    )


def bare(served: Served, directory: Path) -> Usage:
    """The baseline: one file, no checks."""
    return run(
        module(
            "benchmarks.support.bare_reader",
            served.url,
            served.first,
            served.last,
            directory / "bare.parquet",
        )
    )


def size_of(directory: Path) -> int:
    """Bytes of the Parquet files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*.parquet"))


def costs(
    many: Compared, few: Compared, orders: int, figure: Callable[[Usage], float]
) -> tuple[float, float, float, float]:
    """Microseconds per order, ours and the script's, and the seconds of starting either."""
    each, start = [], []
    for large, small in zip(many.medians(figure), few.medians(figure), strict=True):
        seconds = (large - small) / (orders - orders // 5)
        each.append(1e6 * seconds)
        start.append(small - seconds * (orders // 5))
    return each[0], each[1], start[0], start[1]


def main() -> None:
    chosen = options(__doc__, size=1_000_000, small=3_000)
    with (
        serving(chosen.size) as all_of_them,
        serving(chosen.size // 5) as a_fifth,
        scratch() as directory,
    ):
        many, few = (
            compare(
                lambda served=served: backfill(served, directory),
                lambda served=served: bare(served, directory),
                chosen,
            )
            for served in (a_fifth, all_of_them)[::-1]
        )
        json = sum(map(len, pages_of(a_fifth)))
        ours = size_of(directory / "warehouse")
        one_file = (directory / "bare.parquet").stat().st_size
    for name, figure, reach in (("wall", wall, "≤ 1.2"), ("CPU", cpu, "≤ 1.5")):
        long, short = many.medians(figure)
        each, least, start, started = costs(many, few, chosen.size, figure)
        say(
            f"read orders, {name} against a bare script",
            many.ratio(figure),
            reach,
            f"{chosen.size:,} orders, {long:.1f} s against {short:.1f} s; to start {start:.1f} s "
            f"against {started:.1f} s, then {each:.1f} µs an order against {least:.1f}; "
            f"{chosen.size // 5:,} orders {few.ratio(figure):.2f}",
        )
    detail = f"{chosen.size // 5:,} orders, {ours:,} bytes in 28 days"
    say("Parquet against the JSON served", ours / json, "≤ 0.12", f"{detail}, JSON {json:,}")
    say("Parquet against one file of a bare script", ours / one_file, "≤ 1", detail)


if __name__ == "__main__":
    main()
