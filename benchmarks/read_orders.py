"""Orders from a local server to daily Parquet, whole process, compared with a minimal script."""

from pathlib import Path

from benchmarks.support.measuring import (
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


def main() -> None:
    chosen = options(__doc__, size=200_000, small=3_000, times=5)
    with serving(chosen.size) as served, scratch() as directory:
        compared = compare(
            lambda: backfill(served, directory), lambda: bare(served, directory), chosen.times
        )
    ours, floor = compared.medians(wall)
    say(
        "read orders, wall against a bare script",
        compared.ratio(wall),
        "≤ 1.5",
        f"{chosen.size:,} orders, {ours:.2f} s against {floor:.2f} s, "
        f"CPU {compared.ratio(cpu):.2f}",
    )


if __name__ == "__main__":
    main()
