"""Compares the days of ``ad_spend.daily`` with the files, and writes those that differ."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from feedback_assets.ad_spend.days import Spend
from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.days import days_between
from feedback_assets.ingest.window import DayCounts
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.erased import Erased
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.quarantine import SetAside, replace_quarantine
from feedback_assets.warehouse.warehouse import Warehouse

Contents = Mapping[date, str]
"""The content hash of each existing partition by day, ``""`` for one without rows."""


@dataclass(frozen=True)
class DayRead:
    """The result for one day: the counts of a provider's table, and two that only files have.

    ``added`` and ``replaced`` are in ``counts.duplicates`` too; ``written``: whether the
    partition changed.
    """

    counts: DayCounts
    added: int
    replaced: int
    written: bool


def replace_differing(
    spend: Spend, warehouse: Warehouse, first: date, last: date, held: Contents
) -> list[DayRead]:
    """Write the days ``first`` to ``last`` whose rows differ from ``held``.

    The quarantine mirrors the unreadable rows of the current files. Raises ``SpendTrouble`` before
    replacing any day if no row of a file can be read.
    """
    replace_quarantine(
        warehouse,
        DAILY,
        [SetAside(bad.day, bad.reason, bad.payload) for bad in spend.bad],
        datetime.now(UTC),
    )
    if spend.refusals:
        raise SpendTrouble(" ".join(spend.refusals))
    days = days_between(first, last)
    erased = warehouse.erased()
    tables = {day: _known(spend, day, erased) for day in days}
    contents = {day: _content(rows) for day, rows in tables.items()}
    due = [day for day in days if held.get(day) != contents[day]]
    written = dict(warehouse.replace_days(DAILY, ((day, tables[day]) for day in due)))
    marks = warehouse.marks(DAILY)
    outside, quarantined, repeated = _counted_elsewhere(spend, first, last)
    read = []
    for day in days:
        added, replaced = spend.added[day], spend.replaced[day]
        counts = DayCounts(
            day=day,
            rows=tables[day].num_rows,
            outside_window=outside[day],
            duplicates=added + replaced + repeated[day],
            quarantined=quarantined[day],
            content_hash=written[day].content_hash if day in written else contents[day],
            file=written[day].mark if day in written else marks.get(day, ""),
        )
        read.append(DayRead(counts, added, replaced, day in written))
    return read


def differing(
    spend: Spend, warehouse: Warehouse, days: Iterable[date], held: Contents
) -> dict[date, str]:
    """The days whose rows differ from ``held``, with the content hash that each would have.

    A day without a partition is included only if the files have rows for it.
    """
    found = {}
    erased = warehouse.erased()
    for day in days:
        if day not in held and day not in spend.days:
            continue
        content = _content(_known(spend, day, erased))
        if held.get(day) != content:
            found[day] = content
    return found


def _known(spend: Spend, day: date, erased: Erased | None) -> pa.Table:
    """The rows of a day as the table stores them, without erased people."""
    rows = spend.rows_of(day)
    return erase_rows(DAILY, rows, erased).rows if erased and rows.num_rows else rows


def _content(rows: pa.Table) -> str:
    return content_hash(rows) if rows.num_rows else ""


def _counted_elsewhere(
    spend: Spend, first: date, last: date
) -> tuple[Counter[date], Counter[date], Counter[date]]:
    """Rows outside the window, quarantined rows and their repeats, by the window's nearest day."""

    def nearest(day: date | None) -> date:
        return first if day is None else min(max(day, first), last)

    outside: Counter[date] = Counter()
    quarantined: Counter[date] = Counter()
    counted = Counter({day: len(rows) for day, rows in spend.days.items()})
    for day, rows in (counted + spend.added + spend.replaced).items():
        if not first <= day <= last:
            outside[nearest(day)] += rows
    repeated: Counter[date] = Counter()
    seen: set[str] = set()
    for bad in spend.bad:
        if bad.day is not None and not first <= bad.day <= last:
            outside[nearest(bad.day)] += 1
        elif bad.payload in seen:
            repeated[nearest(bad.day)] += 1
        else:
            quarantined[nearest(bad.day)] += 1
            seen.add(bad.payload)
    return outside, quarantined, repeated
