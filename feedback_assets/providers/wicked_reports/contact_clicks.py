"""Reads all of one contact's clicks beyond Wicked Reports' limits: in parts, each row once.

The provider returns the first 10,000 clicks of a range, accepts at most 180 days in one, and does
not document whether `to` is inclusive. So neighbouring parts overlap by a day, and a row that came
with an earlier part is left out of the later one; a part that reaches 10,000 rows is halved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import msgspec

from feedback_assets.http.errors import PermanentError, RowsMissing
from feedback_assets.http.paging import Page

MOST_ROWS = 10_000
MOST_DAYS = 180
EARLIEST = date(2010, 1, 1)
"""The start of "all clicks" if there are more than 10,000; costs 34 requests up to 2026."""

ENDPOINT = "GET /contacts/{contactId}/clicks"

Read = Callable[[date | None, date | None], Iterator[Page]]


def read_clicks(
    read: Read, first: date | None, last: date | None, *, today: date, provider: str
) -> Iterator[Page]:
    """Yield every click from `first` to `last` (None: all there are) once, in pages.

    `read(start, end)` reads one part. Raises `PermanentError` if a single day has 10,000 clicks,
    `RowsMissing` if the parts have fewer than were announced for the whole.
    """
    announced: int | None = None
    if first is None and last is None:
        pages, whole, announced = _part(read, None, None)
        if whole:
            yield from pages
            return
    start = first or EARLIEST
    end = last or max(start, today + timedelta(days=2))
    came = 0
    given: Counter[int] = Counter()
    for page in _parts(read, start, end, given, provider):
        came += page.count
        yield page
    if announced is not None and came < announced:
        raise RowsMissing(provider=provider, endpoint=ENDPOINT, announced=announced, came=came)


def _parts(
    read: Read, first: date, last: date, given: Counter[int], provider: str
) -> Iterator[Page]:
    waiting = list(spans(first, last))[::-1]
    while waiting:
        start, end = waiting.pop()
        pages, whole, total = _part(read, start, end)
        if whole:
            yield from _without_repeats(pages, given)
        elif (end - start).days > 1:
            waiting += _halves(start, end)[::-1]
        else:
            for day in _single_days(read, start, end, total, provider):
                yield from _without_repeats(day, given)


def _halves(start: date, end: date) -> list[tuple[date, date]]:
    days = (end - start).days
    middle = start + timedelta(days=days // 2)
    # Two days cannot be split into shorter parts that overlap: these only share a day.
    return [(start, middle + timedelta(days=int(days > 2))), (middle, end)]


def _single_days(
    read: Read, start: date, end: date, total: int | None, provider: str
) -> list[list[Page]]:
    """The last resort for two consecutive days: each alone, accepted if its rows are complete.

    If `to` is exclusive, such a request returns nothing, and so fewer than are known to exist.
    """
    days = [_part(read, day, day) for day in dict.fromkeys((start, end)) if start != end]
    came = sum(page.count for pages, _, _ in days for page in pages)
    if not days or not all(whole for _, whole, _ in days) or came < max(MOST_ROWS, total or 0):
        raise PermanentError(
            f"more than {MOST_ROWS:,} clicks from {start} to {end}, which cannot be narrowed",
            provider=provider,
            endpoint=ENDPOINT,
            status=200,
            advice="this contact is probably a test or a robot; leave it out",
        )
    return [pages for pages, _, _ in days]


def _part(read: Read, start: date | None, end: date | None) -> tuple[list[Page], bool, int | None]:
    """The pages of one part, whether it is complete, and the total announced for it."""
    pages: list[Page] = []
    rows, total = 0, None
    for page in read(start, end):
        pages.append(page)
        rows += page.count
        total = page.total if page.total is not None else total
        if rows >= MOST_ROWS or (total or 0) > MOST_ROWS:
            return [], False, total
    return pages, True, total


def _without_repeats(pages: list[Page], given: Counter[int]) -> Iterator[Page]:
    """Yield the pages without rows from an earlier part; equal rows within one part all stay."""
    here: Counter[int] = Counter()
    for page in pages:
        rows = msgspec.json.decode(page.records, type=list[msgspec.Raw])
        kept = []
        for row in rows:
            text = bytes(row)
            mark = hash(text)
            here[mark] += 1
            if here[mark] > given[mark]:
                kept.append(text)
        if len(kept) == page.count:
            yield page
        elif kept:
            yield Page(b"[" + b",".join(kept) + b"]", len(kept), page.number, page.total)
    given |= here


def spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield parts of at most 180 days that cover `first` to `last`; neighbours share a day."""
    while (last - first).days > MOST_DAYS:
        end = first + timedelta(days=MOST_DAYS)
        yield first, end
        first = end - timedelta(days=1)
    yield first, last
