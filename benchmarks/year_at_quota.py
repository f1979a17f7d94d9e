"""A year's backfill of Wicked Reports at 200 ms latency and 120 requests a minute.

The sandbox serves it, rejects requests beyond the quota, and counts requests.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import requests

from benchmarks.support.measuring import clean_environment, module, options, run, say, scratch
from benchmarks.support.sandboxes import sandbox

_LATENCY = 0.2
_PER_MINUTE = 120
_PAGE = 1000
_TABLES = ("contacts", "clicks", "orders")


def rows_of(said: str) -> dict[str, int]:
    """Rows by table, from the summary of a backfill."""
    rows = {}
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        if len(cells) > 5 and cells[1].startswith("wicked_reports."):
            rows[cells[1].removeprefix("wicked_reports.")] = int(cells[4].replace(",", ""))
    return rows


@dataclass(frozen=True)
class Year:
    """One backfill of a year: seconds, requests sent, and the minimum number of requests."""

    seconds: float
    asked: int
    least: int

    @property
    def steady(self) -> float:
        return self.asked / _PER_MINUTE * 60


def year(first: date, last: date, customers: int) -> Year:
    """Read the days from a new sandbox."""
    days = (last - first).days + 31
    with sandbox(customers, days, "--latency", _LATENCY) as settings, scratch() as directory:
        env = clean_environment(directory / "home", directory / "warehouse") | settings
        env |= {"FEEDBACK_PROVIDERS": "wicked_reports", "FEEDBACK_START_DATE": str(first)}
        select = " or ".join(f'key:"wicked_reports/{table}"' for table in _TABLES)
        usage = run(
            module(
                "feedback_assets.cli",
                *("backfill", "--from", first, "--to", last, "--select", select),
            ),
            env,
        )
        root = settings["WICKED_REPORTS_URL"].rsplit("/", 1)[0]
        log = requests.get(f"{root}/_sandbox/requests", timeout=60).json()
    asked = sum(count for name, count in log.items() if name.startswith("wicked_reports "))
    least = sum(math.ceil(rows / _PAGE) for rows in rows_of(usage.output).values())
    return Year(usage.wall, asked, max(least, 1))


def main() -> None:
    chosen = options(__doc__, size=40_000, small=50)
    days = 10 if chosen.small else 365
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    years = [year(first, last, chosen.size) for _ in range(chosen.times)]
    middle = sorted(years, key=lambda one: one.seconds / one.steady)[len(years) // 2]
    detail = (
        f"{middle.asked} requests, {middle.seconds:.0f} s, {days} days of {chosen.size:,} customers"
    )
    say(
        "a year at the quota, elapsed against requests ÷ quota",
        middle.seconds / middle.steady,
        "≤ 1.1",
        detail,
    )
    # All requests of the first minute may be sent at once.
    floor = max(0, middle.asked - _PER_MINUTE) / _PER_MINUTE * 60
    print(f"with the first minute's allowance free, {floor:.0f} s is the least")
    ratio = middle.asked / middle.least
    say("a year at the quota, requests against the least", ratio, "≤ 1.2", detail)


if __name__ == "__main__":
    main()
