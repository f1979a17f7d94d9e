"""Which days the rows of files cover for each source: on those, no row means no spend."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

Place = tuple[date, str]
"""A day and the name of a source."""
Span = tuple[date, date]
_DAY = timedelta(days=1)


def around_rows(places: Iterable[Place]) -> dict[Place, Span]:
    """For each day of a source in one file, the span up to the source's previous and next rows.

    Together the spans of a source are the days from the file's first row to its last. So appending
    a day to a file changes only the day before it.
    """
    by_source = _by_source(places)
    if not by_source:
        return {}
    first = min(days[0] for days in by_source.values())
    last = max(days[-1] for days in by_source.values())
    return {
        (day, source): span
        for source, days in by_source.items()
        for day, span in zip(days, _spans(days, first, last), strict=True)
    }


def without(unknown: Iterable[Place], spans: Mapping[Place, Span]) -> dict[Place, Span]:
    """The spans without the days on which a source's spend is unknown.

    Each span keeps the days on its row's side of an unknown day: those beyond are in the span of
    the next row. A row on an unknown day covers nothing, so its span ends before it begins.
    """
    by_source = _by_source(unknown)
    return {
        (day, source): _cut(day, span, by_source.get(source, []))
        for (day, source), span in spans.items()
    }


def _cut(day: date, span: Span, unknown: list[date]) -> Span:
    before, after = bisect_left(unknown, day), bisect_right(unknown, day)
    if before < after:
        return (day, day - _DAY) if day > date.min else (day + _DAY, day)
    first, last = span
    if before:
        first = max(first, unknown[before - 1] + _DAY)
    if after < len(unknown):
        last = min(last, unknown[after] - _DAY)
    return first, last


def _by_source(places: Iterable[Place]) -> dict[str, list[date]]:
    """The days of each source in order."""
    found: dict[str, list[date]] = defaultdict(list)
    for day, source in sorted(places):
        found[source].append(day)
    return found


def _spans(days: list[date], first: date, last: date) -> Iterator[Span]:
    for number, _ in enumerate(days):
        start = days[number - 1] + _DAY if number else first
        yield start, (days[number + 1] - _DAY if number + 1 < len(days) else last)
