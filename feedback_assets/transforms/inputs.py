"""What a partition is computed from, in one hash: its definition, and the days its query reads.

Pure: where the content hashes come from is the caller's to know.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from feedback_assets.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table

Day = date | None
"""A partition: a day, or None for a table that has none."""

Contents = Mapping[str, Mapping[Day, str]]
"""By ``group.table``: the content hash of each partition, ``""`` for a day without rows."""


@dataclass(frozen=True)
class Spans:
    """The two spans of days that the settings give, as declarations of tables name them."""

    match_days: int
    touch_days: int


@dataclass(frozen=True)
class Recorded:
    """What is known of a table: the content of each partition, and what each was built from.

    ``content`` has ``""`` for a day without rows. ``built_from`` holds the ``inputs_hash`` of
    each partition, and nothing for a table that is read from a provider. ``built_by`` holds the
    definition of each partition, ``files`` the mark of its file (``store.marks``); the first
    version recorded neither.
    """

    content: Mapping[Day, str] = field(default_factory=dict)
    built_from: Mapping[Day, str] = field(default_factory=dict)
    built_by: Mapping[Day, str] = field(default_factory=dict)
    files: Mapping[Day, str] = field(default_factory=dict)

    def of_files(self, there: Mapping[Day, str]) -> "Recorded":
        """What is known of the files that are there, given the mark of each.

        A partition whose file is gone is not held. Of one whose file is another than the recorded
        one, it is not known what it was built from.
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
        )

    def content_of(self, there: Mapping[Day, str]) -> dict[Day, str]:
        """The content of the files that are there, given the mark of each.

        A file other than the recorded one counts by its mark: what is built from it is due again
        once its content is recorded, even if that is the content recorded now.
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
    """For each of ``days`` the hash of all that it is computed from, as far as that is held.

    ``definition`` is by what it is computed: after a change of it every partition is due.
    The one partition of a table without days is None. A day without rows counts like a day that
    is not held, for few queries tell them apart. What does is the last day held, where the windows
    of a table without days end, and the days that ``asks_days_of`` is about.
    """
    if not table.partitioned:
        return {day: _of_whole(table, contents, definition) for day in days}
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
        held = contents.get(name, {})
        tokens = [held.get(day, "") for day in read]
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


def _of_whole(table: Table, contents: Contents, definition: str) -> str:
    digest = hashlib.sha256(definition.encode())
    for name in sorted(table.depends):
        depends = table.depends[name]
        if not find_table(name).partitioned:
            digest.update(f"{name} {contents.get(name, {}).get(None, '')}\n".encode())
            continue
        held = {day: text for day, text in contents.get(name, {}).items() if day is not None}
        last = max(held, default=None)
        # A window of days, such as the last 365, ends with the last day held.
        first = date.min
        if last is not None and not depends.every:
            first = last - timedelta(days=depends.back)
        # Days without rows count where the query asks which days are held.
        asked = name == table.asks_days_of
        rows = (
            f"{day} {held[day]}" for day in sorted(held) if (held[day] or asked) and day >= first
        )
        digest.update(f"{name} {last} {' '.join(rows)}\n".encode())
    return digest.hexdigest()
