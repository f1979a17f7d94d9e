"""Days that follow each other, as ranges."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

_MOST_NAMED = 50


def ranges(days: Iterable[date], longest: int | None = None) -> Iterator[tuple[date, date]]:
    """Days that follow each other as first and last day, of at most ``longest`` days each."""
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
    """Days as ranges in words, at most 50 of them; empty where there are none."""
    named = [f"{first} to {last}" if first != last else f"{first}" for first, last in ranges(days)]
    more = [f"and {len(named) - _MOST_NAMED} more ranges"] if len(named) > _MOST_NAMED else []
    return ", ".join(named[:_MOST_NAMED] + more)
