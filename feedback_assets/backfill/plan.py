"""The runs of a backfill, planned from the existing partitions without any I/O."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from feedback_assets.days import days_between, ranges
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS
from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, FILE_TABLES, REPORT_PAGES
from feedback_assets.transforms.inputs import Day

BUILT = DERIVED_TABLES + REPORT_PAGES
EVERYTHING = ALL_TABLES + REPORT_PAGES
Partitions = Mapping[str, Collection[Day]]
"""Some of the days of each table; None stands for a table without days."""
_NONE: Partitions = MappingProxyType({})


@dataclass(frozen=True)
class Run:
    """One run: tables that are built together, for the days ``first`` to ``last`` or as a whole."""

    tables: tuple[Table, ...]
    first: date | None = None
    last: date | None = None

    @property
    def days(self) -> int:
        """Number of partitions that it builds per table."""
        if self.first is None or self.last is None:
            return 1
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Lane:
    """Runs that execute one after the other; lanes execute in parallel."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Plan:
    """Lanes that read the providers in parallel, then tables in dependency order."""

    reading: tuple[Lane, ...]
    building: tuple[Run, ...]

    def days_of(self, table: Table) -> int:
        """Number of partitions that the plan builds of a table."""
        runs = [run for lane in self.reading for run in lane.runs] + list(self.building)
        return sum(run.days for run in runs if table in run.tables)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for table in EVERYTHING if self.days_of(table))


def make_plan(
    tables: Iterable[Table],
    first: date,
    last: date,
    *,
    held: Partitions = _NONE,
    stale: Partitions = _NONE,
) -> Plan:
    """The runs that build ``tables`` for the days ``first`` to ``last``.

    Skips partitions in ``held`` unless they are in ``stale``.
    """
    wanted = set(tables)
    days = days_between(first, last)

    def to_make(table: Table) -> list[date]:
        kept = set(held.get(table.full_name, ())).difference(stale.get(table.full_name, ()))
        return [day for day in days if day not in kept]

    # Spend files are always read as a whole, like lists without a date filter.
    lists = [(source.tables, source.whole_list) for source in SOURCES]
    lists += [((table,), True) for table in FILE_TABLES]
    reading = []
    for read_together, whole_list in lists:
        chosen = tuple(table for table in read_together if table in wanted)
        due = sorted({day for table in chosen for day in to_make(table)})
        longest = len(days) if whole_list else WINDOW_DAYS
        runs = [Run(chosen, start, end) for start, end in ranges(due, longest)]
        if runs:
            reading.append(Lane(tuple(runs)))
    building: list[Run] = []
    for table in BUILT:
        if table not in wanted:
            continue
        if table.partitioned:
            building += [Run((table,), *span) for span in ranges(to_make(table), len(days))]
        # A table without days is computed from everything built before it.
        elif building or table.full_name in stale or None not in held.get(table.full_name, ()):
            building.append(Run((table,)))
    return Plan(tuple(reading), tuple(building))
