"""Scaling with the sandbox's customers and days, read over HTTP, and with orders for the tables.

Least squares on logarithms: doubling one quantity multiplies the other by 2 to the exponent.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.support.history import LAST, History, write
from benchmarks.support.measuring import (
    Usage,
    clean_environment,
    cpu,
    module,
    options,
    peak,
    run,
    say,
    scratch,
)
from benchmarks.support.sandboxes import sandbox_without_limits
from feedback_assets.warehouse.warehouse import Warehouse

DAYS = 60
CUSTOMERS = 3000
"""As in the demo."""
_ORDERS = 10_000
_SMALLEST = 100
"""Orders or customers of the smallest run, which measures fixed costs."""
# Maximum rows per request, and windows of 28 days in 60 days; Thanx and Retargeting return whole
# lists.
_PAGES = {
    "wicked_reports.contacts": 1000,
    "wicked_reports.clicks": 1000,
    "wicked_reports.orders": 1000,
    "thanx.feedbacks": 100,
    "fullwhere.survey_trackers": 100,
    "feedbackpulse.submissions": 100,
}


@dataclass(frozen=True)
class Point:
    """One backfill of everything: its requests, output and cost."""

    customers: int
    days: int
    requests: dict[str, int]
    fetched: dict[str, int]
    rows: int
    read: float
    parquet: int
    files: int
    events: int
    log: int
    usage: Usage

    @property
    def asked(self) -> int:
        # One read covers both tables of Retargeting and is listed for each.
        return sum(self.requests.values()) - self.requests.get("retargeting.product_reviews", 0)


@dataclass(frozen=True)
class Line:
    """``y = factor · x ** exponent``, and the explained share of the variance."""

    exponent: float
    factor: float
    r2: float

    def at(self, x: float) -> float:
        return self.factor * x**self.exponent


def fit(xs: Iterable[float], ys: Iterable[float]) -> Line:
    """The least-squares line through the logarithms."""
    x, y = np.log(list(xs)), np.log(list(ys))
    exponent, offset = np.polyfit(x, y, 1)
    left = y - (exponent * x + offset)
    spread = float(((y - y.mean()) ** 2).sum())
    r2 = 1 - float((left**2).sum()) / spread if spread else 1.0
    return Line(float(exponent), float(np.exp(offset)), r2)


@cache
def read(customers: int, days: int, select: str = "*") -> Point:
    """All tables for a number of customers and days, read from the sandbox and built."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    with sandbox_without_limits(customers, days + 30) as settings, scratch() as directory:
        env = clean_environment(directory / "home", directory / "warehouse") | settings
        env |= {"FEEDBACK_START_DATE": str(first), "COLUMNS": "200"}
        span = ("--from", first, "--to", last, "--select", select)
        usage = run(module("feedback_assets.cli", "backfill", *span), env)
        return _point(customers, days, usage, directory)


def _point(customers: int, days: int, usage: Usage, directory: Path) -> Point:
    fetched, requests, rows = {}, {}, 0
    for line in usage.output.splitlines():
        cells = [cell.strip().replace(",", "") for cell in re.split("[│|]", line)]
        if len(cells) > 8 and re.fullmatch(r"\w+\.\w+", cells[1]):
            rows += int(cells[4] or 0)
            if cells[3]:
                fetched[cells[1]], requests[cells[1]] = int(cells[3]), int(cells[8] or 0)
    found = re.search(r"([\d.,]+) ([kMG]?)B read", usage.output)
    assert found, usage.output
    unit = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]]
    files = list((directory / "warehouse").rglob("*.parquet"))
    logs = [path for path in (directory / "home").rglob("*.db*") if path.is_file()]
    return Point(
        customers,
        days,
        requests,
        fetched,
        rows,
        float(found[1].replace(",", "")) * unit,
        sum(path.stat().st_size for path in files),
        len(files),
        _events(directory / "home"),
        sum(path.stat().st_size for path in logs),
        usage,
    )


def _events(home: Path) -> int:
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as index:
        return int(index.execute("select count(*) from event_logs").fetchone()[0])


def least_requests(point: Point) -> int:
    """Full pages only, and at least one page; all of Retargeting is one page."""
    pages = [-(-point.fetched.get(table, 0) // size) for table, size in _PAGES.items()]
    return sum(pages) + ("retargeting.order_feedback" in point.fetched)


def build(orders: int, tables: tuple[str, ...] = ()) -> Usage:
    """All unified tables and marts for a number of orders in 60 days, without HTTP and Dagster."""
    history = History(DAYS, orders)
    with scratch() as directory:
        root = str(directory / "warehouse")
        write(history, Warehouse(root))
        command = module("benchmarks.support.build_tables", root, history.first, LAST, "-")
        return run([*command, *tables])


def _show(point: Point) -> None:
    print(
        f"{point.customers:,} customers, {point.days} days: {point.asked:,} requests, "
        f"{sum(point.fetched.values()):,} records, {point.read / 1e6:.1f} MB read, "
        f"{point.rows:,} rows in {point.files:,} files of {point.parquet / 1e6:.1f} MB, "
        f"{point.events:,} events of {point.log / 1e6:.1f} MB, "
        f"{point.usage.wall:.0f} s, CPU {point.usage.cpu:.0f} s, {point.usage.peak / 1e6:.0f} MB",
        flush=True,
    )


def _print_fit(
    what: str, xs: list[int], ys: list[float], detail: str, start: float | None = None
) -> None:
    """Print the fit, and the fit after subtracting ``start``, the fixed cost."""
    line = fit(xs, ys)
    said = f"exponent {line.exponent:.2f}, R² {line.r2:.3f}"
    if start is not None and min(ys) > start:
        grown = fit(xs, [y - start for y in ys])
        said += f", above the start {grown.exponent:.2f}, R² {grown.r2:.3f}"
    said += f"; {detail}"
    say(f"{what}, the largest against the smallest", ys[-1] / ys[0], "none", said)


def by_customers(sizes: list[int], days: int, select: str = "*") -> None:
    """Growth with the number of rows."""
    start = read(_SMALLEST, days).usage if select == "*" else None
    points = []
    for customers in sizes:
        points.append(read(customers, days, select))
        _show(points[-1])
    detail = f"{sizes[0]:,} to {sizes[-1]:,} customers, {days} days"
    figures: dict[str, Callable[[Point], float]] = {
        "records fetched": lambda point: sum(point.fetched.values()),
        "bytes read": lambda point: point.read,
        "bytes of Parquet": lambda point: point.parquet,
        "CPU of a backfill": lambda point: point.usage.cpu,
        "memory of a backfill": lambda point: point.usage.peak,
    }
    starts = {"CPU of a backfill": start.cpu, "memory of a backfill": start.peak} if start else {}
    for what, figure in figures.items():
        taken = [figure(point) for point in points]
        _print_fit(f"{what} against customers", sizes, taken, detail, starts.get(what))
    most = points[-1]
    least = least_requests(most)
    say("requests against full pages", most.asked / least, "none", f"{most.asked:,}, {detail}")


def by_days(customers: int, lengths: list[int], select: str = "*") -> None:
    """Growth with the number of partitions."""
    points = []
    for days in lengths:
        points.append(read(customers, days, select))
        _show(points[-1])
    detail = f"{lengths[0]} to {lengths[-1]} days, {customers:,} customers"
    events = [float(point.events) for point in points]
    _print_fit("events against days", lengths, events, detail)
    _print_fit("bytes of the event log against days", lengths, [p.log for p in points], detail)
    _print_fit("files against days", lengths, [p.files for p in points], detail)


def by_orders(sizes: list[int], tables: tuple[str, ...] = ()) -> None:
    """Growth of the cost of building the tables."""
    start = build(_SMALLEST, tables)
    usages = []
    for orders in sizes:
        usages.append(build(orders, tables))
        print(
            f"{orders:,} orders built: {usages[-1].wall:.1f} s, CPU {usages[-1].cpu:.1f} s, "
            f"{usages[-1].peak / 1e6:.0f} MB",
            flush=True,
        )
    detail = f"{sizes[0]:,} to {sizes[-1]:,} orders in {DAYS} days"
    figures: tuple[tuple[str, Callable[[Usage], float]], ...] = (("CPU", cpu), ("memory", peak))
    for what, figure in figures:
        taken = [figure(usage) for usage in usages]
        _print_fit(f"{what} of building against orders", sizes, taken, detail, figure(start))


def main() -> None:
    chosen = options(__doc__, size=CUSTOMERS, small=1000, times=1)
    if chosen.small:
        one = "group:wicked_reports"
        by_customers([chosen.size, 4 * chosen.size], 2, one)
        by_days(chosen.size, [1, 2], one)
        by_orders([100, 400], ("unified.orders",))
        return
    by_customers([chosen.size * times for times in (1, 3, 10, 30)], DAYS)
    by_days(chosen.size // 10, [30, 60, 120, 240])
    by_orders([_ORDERS * times for times in (1, 3, 10, 30, 100)])


if __name__ == "__main__":
    main()
