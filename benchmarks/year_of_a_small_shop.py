"""All tables of a small shop: the CPU of a day, and the size of a year on disk.

The cost of a day comes from the difference between 365 days and one day, without any start-up.
"""

import statistics
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.support.measuring import (
    Usage,
    clean_environment,
    module,
    options,
    run,
    say,
    scratch,
    script,
)
from benchmarks.support.sandboxes import sandbox_without_limits

CUSTOMERS = 300


@dataclass(frozen=True)
class Loaded:
    """A backfill of every table: its use, and the bytes of its Parquet files and its event log."""

    usage: Usage
    parquet: int
    events: int

    @property
    def held(self) -> float:
        """Megabytes of both."""
        return (self.parquet + self.events) / 1e6


def load(first: date, last: date, settings: dict[str, str]) -> Loaded:
    """Read and build every table of these days into a new warehouse."""
    with scratch() as directory:
        home, warehouse = directory / "home", directory / "warehouse"
        env = clean_environment(home, warehouse) | settings
        env |= {"FEEDBACK_START_DATE": str(first)}
        usage = run(
            module("feedback_assets.cli", "backfill", "--from", first, "--to", last),
            env,
        )
        return Loaded(usage, size_of(warehouse, "*.parquet"), size_of(home, "*.db*"))


def size_of(directory: Path, pattern: str) -> int:
    """Bytes of the files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob(pattern) if path.is_file())


def main() -> None:
    chosen = options(__doc__, size=365, small=2)
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=chosen.size - 1)
    each, ratios, years = [], [], []
    with sandbox_without_limits(CUSTOMERS, chosen.size + 30) as settings:
        for _ in range(chosen.times):
            start = run(script("import dagster"))
            day = load(last, last, settings)
            years.append(load(first, last, settings))
            each.append((years[-1].usage.cpu - day.usage.cpu) / (chosen.size - 1))
            ratios.append(max(each[-1], 1e-4) / start.cpu)
    year = sorted(years, key=lambda one: one.held)[len(years) // 2]
    seconds = statistics.median(one.usage.cpu for one in years)
    say(
        "a day of a small shop, CPU against import dagster",
        statistics.median(ratios),
        "≤ 0.05",
        f"{chosen.size} days, {CUSTOMERS} customers, {1000 * statistics.median(each):.0f} ms a "
        f"day, {seconds:.0f} s in all",
    )
    say(
        "the same on disk, against 50 MB",
        year.held / 50,
        "≤ 1",
        f"{year.parquet / 1e6:.1f} MB of Parquet, {year.events / 1e6:.1f} MB of event log",
    )


if __name__ == "__main__":
    main()
