"""What has to be built again: partitions whose inputs or definition are not those of their build.

Knows no Dagster. ``refresh_sensor`` asks the instance what is held and requests the runs.
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
    """Partitions of one table that are due, in one piece; no days for a table that has none.

    ``version`` stands for what they were built from and what they would be built from now: a
    build that fails has the same one when it is planned again, and a build from other content,
    or back to content of before, has another.
    """

    table: Table
    first: Day
    last: Day
    version: str


@dataclass(frozen=True)
class RefreshPlan:
    """What can be built now, and the tables that wait for these first."""

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
    """The builds that are due among ``tables``, of the days ``first`` to ``last``.

    ``definitions`` has the present one of each table, by ``group.table``.
    ``tables`` stand in order of dependence. A table is planned only when all it is computed from
    is up to date: what comes of those may be the content of before, and then it is not due.
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
        known = recorded.get(table.full_name, Recorded()).built_from
        wanted = _wanted(table, recorded, first, last)
        now = inputs_hashes(table, wanted, contents, spans, definitions[table.full_name])
        due = {day: inputs for day, inputs in now.items() if known.get(day) != inputs}
        if due:
            unsettled.add(table.full_name)
            builds += _builds(table, due, known)
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
    """By ``group.table`` the partitions that are due, and all that are computed from those.

    ``new`` are partitions that will be read or built for the first time: what is computed from
    them is due as well, such as the days after a gap.
    Where ``plan_refresh`` waits for the content of what is built first, this takes any content to
    be another: at worst a partition too many is built.
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
    """Whether a partition is computed from one of those that changed."""
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
    """The partitions that there should be: those there are, and days that an input now has.

    A day after a backfill of the past, whose window only reaches into what is held, is not one.
    """
    held = {day for name in table.depends for day in recorded.get(name, Recorded()).content}
    if not table.partitioned:
        yield from [None] if held else []
        return
    held |= set(recorded.get(table.full_name, Recorded()).content)
    yield from (day for day in held if day is not None and first <= day <= last)


def _builds(table: Table, due: Mapping[Day, str], known: Mapping[Day, str]) -> Iterator[Build]:
    if not table.partitioned:
        yield Build(table, None, None, _version(due, known, [None]))
        return
    days = [day for day in due if day is not None]
    for start, end in ranges(days):
        yield Build(table, start, end, _version(due, known, [d for d in days if start <= d <= end]))


def _version(due: Mapping[Day, str], known: Mapping[Day, str], days: Iterable[Day]) -> str:
    digest = hashlib.sha256()
    for day in days:
        digest.update(f"{day} {known.get(day)} {due[day]}\n".encode())
    return digest.hexdigest()[:16]
