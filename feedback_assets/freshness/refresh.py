"""What to rebuild: partitions whose inputs or definition have changed since their build.

Independent of Dagster: ``refresh_sensor`` reads the recorded state and requests the runs.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from feedback_assets.days import ranges
from feedback_assets.schema.table import Table
from feedback_assets.transforms.inputs import Day, Recorded, Spans, days_read, inputs_hashes


@dataclass(frozen=True)
class Build:
    """A contiguous range of stale partitions of one table; no days for a table without days.

    ``version`` identifies their last builds and what they would be built from now: a failed build
    has the same version when it is planned again; a build after another one, even from the same
    content as an earlier build, has another.
    """

    table: Table
    first: Day
    last: Day
    version: str


@dataclass(frozen=True)
class RefreshPlan:
    """What can be built now, and the tables that wait for these builds."""

    builds: tuple[Build, ...] = ()
    waiting: tuple[Table, ...] = ()


def plan_refresh(
    tables: Iterable[Table],
    recorded: Mapping[str, Recorded],
    spans: Spans,
    first: date,
    last: date,
    *,
    definitions: Mapping[str, str],
) -> RefreshPlan:
    """The due builds among ``tables``, for the days ``first`` to ``last``.

    ``definitions`` has the current one of each table, by ``group.table``.
    ``tables`` are in dependency order. A table is planned only when all its inputs are up to date:
    if their rebuilt content is unchanged, the table is not due.
    """
    contents = {name: table.content for name, table in recorded.items()}
    builds: list[Build] = []
    waiting: list[Table] = []
    unsettled: set[str] = set()
    for table in tables:
        if not unsettled.isdisjoint(table.depends):
            waiting.append(table)
            unsettled.add(table.full_name)
            continue
        of_table = recorded.get(table.full_name, Recorded())
        known = of_table.built_from
        wanted = _wanted(table, recorded, first, last)
        now = inputs_hashes(table, wanted, contents, spans, definitions[table.full_name])
        due = {day: inputs for day, inputs in now.items() if known.get(day) != inputs}
        if due:
            unsettled.add(table.full_name)
            builds += _builds(table, due, of_table)
    return RefreshPlan(tuple(builds), tuple(waiting))


def stale_partitions(
    tables: Iterable[Table],
    recorded: Mapping[str, Recorded],
    spans: Spans,
    first: date,
    last: date,
    *,
    definitions: Mapping[str, str],
    new: Mapping[str, Collection[Day]] = MappingProxyType({}),
) -> dict[str, set[Day]]:
    """The stale partitions by ``group.table``, including all that are computed from them.

    ``new`` are partitions that will be read or built for the first time: partitions computed from
    them are stale as well, such as the days after a gap.
    While ``plan_refresh`` waits for the content of earlier builds, this function assumes that it
    changes: at worst, one partition too many is built.
    """
    contents = {name: table.content for name, table in recorded.items()}
    stale = {name: set(days) for name, days in new.items() if days}
    for table in tables:
        known = recorded.get(table.full_name, Recorded()).built_from
        wanted = list(_wanted(table, recorded, first, last))
        now = inputs_hashes(table, wanted, contents, spans, definitions[table.full_name])
        due = {day for day, inputs in now.items() if known.get(day) != inputs}
        due.update(day for day in wanted if _reads(table, day, stale, spans))
        if due:
            stale.setdefault(table.full_name, set()).update(due)
    return stale


def _reads(table: Table, day: Day, changed: Mapping[str, set[Day]], spans: Spans) -> bool:
    """Whether a partition is computed from one that changed."""
    if day is None:
        return not changed.keys().isdisjoint(table.depends)
    for name in table.depends:
        if name in changed:
            start, end = days_read(table, name, day, day, spans)
            if any(start <= other <= end for other in changed[name] if other is not None):
                return True
    return False


def _wanted(
    table: Table, recorded: Mapping[str, Recorded], first: date, last: date
) -> Iterator[Day]:
    """The partitions that should exist: existing ones, and days that an input now has.

    Excludes a day after a backfill of the past whose window merely reaches into stored days.
    """
    held = {day for name in table.depends for day in recorded.get(name, Recorded()).content}
    if not table.partitioned:
        yield from [None] if held else []
        return
    held |= set(recorded.get(table.full_name, Recorded()).content)
    yield from (day for day in held if day is not None and first <= day <= last)


def _builds(table: Table, due: Mapping[Day, str], known: Recorded) -> Iterator[Build]:
    if not table.partitioned:
        yield Build(table, None, None, _version(due, known, [None]))
        return
    days = [day for day in due if day is not None]
    for start, end in ranges(days):
        yield Build(table, start, end, _version(due, known, [d for d in days if start <= d <= end]))


def _version(due: Mapping[Day, str], known: Recorded, days: Iterable[Day]) -> str:
    digest = hashlib.sha256()
    for day in days:
        # The event, as inputs may go back and forth between the same two states.
        last = f"{known.events.get(day)} {known.built_from.get(day)}"
        digest.update(f"{day} {last} {due[day]}\n".encode())
    return digest.hexdigest()[:16]
