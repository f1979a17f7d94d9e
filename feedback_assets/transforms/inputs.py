"""Hashes what a partition is computed from: its definition, and the days its query reads.

Pure functions: callers supply the content hashes.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from feedback_assets.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table

Day = date | None
"""A partition: a day, or None for a table without days."""

Contents = Mapping[str, Mapping[Day, str]]
"""By ``group.table``: the content hash of each partition, ``""`` for a day without rows."""


@dataclass(frozen=True)
class Spans:
    """The two configurable spans of days, under the names that tables declare."""

    match_days: int
    touch_days: int


@dataclass(frozen=True)
class Recorded:
    """The recorded state of a table: each partition's content, and what it was built from.

    ``content`` has ``""`` for a day without rows. ``built_from`` has the ``inputs_hash`` of each
    partition, and is empty for a table read from a provider. ``built_by`` has the definition of
    each partition, ``files`` the mark of its file (``warehouse.marks``); the first version recorded
    neither. ``events`` has the id of each record, which a failed run does not change.
    """

    content: Mapping[Day, str] = field(default_factory=dict)
    built_from: Mapping[Day, str] = field(default_factory=dict)
    built_by: Mapping[Day, str] = field(default_factory=dict)
    files: Mapping[Day, str] = field(default_factory=dict)
    events: Mapping[Day, int] = field(default_factory=dict)

    def of_files(self, there: Mapping[Day, str]) -> "Recorded":
        """The recorded state of the existing files, given the mark of each.

        A partition whose file is gone is dropped. If a file differs from the recorded one, what it
        was built from is unknown.
        """
        changed = {day for day, mark in self.files.items() if there.get(day) != mark}
        return Recorded(
            {day: content for day, content in self.content.items() if day in there},
            {
                day: inputs
                for day, inputs in self.built_from.items()
                if day in there and day not in changed
            },
            self.built_by,
            self.files,
            self.events,
        )

    def content_of(self, there: Mapping[Day, str]) -> dict[Day, str]:
        """The content of the existing files, given the mark of each.

        A file other than the recorded one is represented by its mark: what is built from it is due
        again once its content is recorded, even if that equals the content recorded now.
        """
        return {
            day: self.content[day]
            if day in self.content and self.files.get(day, mark) == mark
            else f"unrecorded {mark}"
            for day, mark in there.items()
        }


def inputs_hashes(
    table: Table, days: Iterable[Day], contents: Contents, spans: Spans, definition: str
) -> dict[Day, str]:
    """For each of ``days`` the hash of everything it is computed from, as far as it exists.

    ``definition`` is the table's definition: when it changes, every partition is due. The single
    partition of a table without days is None. A day without rows counts like a missing day, since
    few queries can tell them apart. Exceptions are the day on which the windows of a table without
    days end, and the days that ``asks_days_of`` names.
    """
    if not table.partitioned:
        return {day: _of_whole(table, contents, spans, definition) for day in days}
    wanted = sorted(day for day in days if day is not None)
    if not wanted:
        return {}
    digests = {day: hashlib.sha256(definition.encode()) for day in wanted}
    for name in sorted(table.depends):
        depends = table.depends[name]
        back = depends.days_back(spans.match_days, spans.touch_days)
        read = days_between(
            wanted[0] - timedelta(days=back), wanted[-1] + timedelta(days=depends.ahead)
        )
        stored = contents.get(name, {})
        tokens = [stored.get(day, "") for day in read]
        for day, digest in digests.items():
            start = (day - wanted[0]).days
            window = tokens[start : start + back + 1 + depends.ahead]
            digest.update(f"{name} {back} {depends.ahead} {' '.join(window)}\n".encode())
    return {day: digest.hexdigest() for day, digest in digests.items()}


def days_read(table: Table, name: str, first: date, last: date, spans: Spans) -> tuple[date, date]:
    """The first and last day of ``name`` that ``first`` to ``last`` of ``table`` read."""
    depends = table.depends[name]
    back = depends.days_back(spans.match_days, spans.touch_days)
    return first - timedelta(days=back), last + timedelta(days=depends.ahead)


def end_of_windows(table: Table, days_held: Callable[[Table], Collection[date]]) -> date | None:
    """The day on which the windows of a table without days end: the last of its first input.

    None if it has no input with days, or no day is stored.
    """
    inputs = (find_table(name) for name in table.depends)
    first = next((source for source in inputs if source.partitioned), None)
    return None if first is None else max(days_held(first), default=None)


def _of_whole(table: Table, contents: Contents, spans: Spans, definition: str) -> str:
    def held(source: Table) -> dict[date, str]:
        stored = contents.get(source.full_name, {})
        return {day: text for day, text in stored.items() if day is not None}

    end = end_of_windows(table, held)
    digest = hashlib.sha256(f"{definition} {end}".encode())
    for name in sorted(table.depends):
        source, depends = find_table(name), table.depends[name]
        if not source.partitioned:
            digest.update(f"{name} {contents.get(name, {}).get(None, '')}\n".encode())
            continue
        first, last = date.min, date.max
        if end is not None and not depends.every:
            first, last = days_read(table, name, end, end, spans)
        stored = held(source)
        rows = (
            f"{day} {stored[day]}" for day in sorted(stored) if stored[day] and first <= day <= last
        )
        digest.update(f"{name} {' '.join(rows)}\n".encode())
        if name == table.asks_days_of:
            # Days without rows count where the query asks which days are stored.
            digest.update(f"{name} {' '.join(map(str, sorted(stored)))}\n".encode())
    return digest.hexdigest()
