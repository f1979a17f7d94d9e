"""Sequences of days: as a list, as ranges, and in words."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

_MOST_NAMED = 50
_NAMED = re.compile(r"(\d{4}-\d{2}-\d{2})(?: to (\d{4}-\d{2}-\d{2}))?")


def last_complete_day() -> date:
    """Yesterday (UTC)."""
    return datetime.now(UTC).date() - timedelta(days=1)


def days_between(first: date, last: date) -> list[date]:
    """Every day from ``first`` to ``last``, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def ranges(days: Iterable[date], longest: int | None = None) -> Iterator[tuple[date, date]]:
    """Consecutive days as pairs of first and last day, of at most ``longest`` days each."""
    start = previous = None
    for day in sorted(days):
        if start is None or previous is None:
            start = day
        elif day - previous != timedelta(days=1) or (day - start).days == longest:
            yield start, previous
            start = day
        previous = day
    if start is not None and previous is not None:
        yield start, previous


def named_days(days: Iterable[date]) -> str:
    """Days as ranges in words, at most 50 of them; empty if there are none."""
    named = [f"{first} to {last}" if first != last else f"{first}" for first, last in ranges(days)]
    more = [f"and {len(named) - _MOST_NAMED} more ranges"] if len(named) > _MOST_NAMED else []
    return ", ".join(named[:_MOST_NAMED] + more)


def days_of_names(text: str) -> list[date]:
    """The days that ``named_days`` names in ``text``."""
    return [
        day
        for first, last in _NAMED.findall(text)
        for day in days_between(date.fromisoformat(first), date.fromisoformat(last or first))
    ]
