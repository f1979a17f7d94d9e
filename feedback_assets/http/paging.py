"""Reads a paged list to its end, and guards against lists that never end.

A read ends when the provider indicates it: at least two of "this page is the last", "the total
is reached" and "this page is short or empty" agree and nothing announced contradicts them, or there
is no way to continue (no `next`). Pages that bring nothing new (the same page again, two keys in
turn, empty pages) end it too; a short page of rows already seen is passed on like any other, since
rows that move while a list is read may come again on a page of their own. Finally rows are counted
against the last announced total; if there are fewer, `RowsMissing` is raised after the last page.
Where no total counts rows by id, a page that repeats rows of an earlier page is marked as shifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from feedback_assets.http.errors import PermanentError, RowsMissing

MAX_PAGES = 20_000
"""Last resort: 20 M orders at 1,000 a page, or nearly three hours at 120 requests a minute."""

BARREN_PAGES = 3
"""Consecutive pages without new rows before a read is abandoned."""

EMPTY_PAGES = 10
"""Consecutive empty pages, with more rows announced, before a read is abandoned."""

EMPTY_PAGES_AT_END = 2
"""The same at or past the page that the provider declares the last."""

SEARCH_CEILING = 10_000
"""A total that is a multiple of this may be the counting limit of the provider's search engine."""

_SEEN_AS_SET = 65_536

PAST_THE_END = frozenset({400, 404, 410, 416, 422})
"""Statuses for a page after the last: the end only if another sign agrees."""


@dataclass(frozen=True)
class Page:
    """Rows as served: `records` is a JSON array in UTF-8, `count` the number of its rows.

    `number` counts the pages of the read from 1, `total` is the total announced with it.
    `served`: the array as served if `records` was derived from it. `shifted`: it repeats rows of an
    earlier page and no total of ids can show that none was skipped, so read the list again.
    """

    records: bytes
    count: int
    number: int = 1
    total: int | None = None
    served: bytes | None = None
    shifted: bool = False


@dataclass(frozen=True)
class Reply:
    """One page with the provider's information about the whole; None if it gives none.

    `records`: the JSON array. `page`, `pages`: number of this page and of the last. `total`: rows
    in all. `size`: rows per page as applied by the server. `next`: key of the next page.
    """

    records: bytes
    page: int | None = None
    pages: int | None = None
    total: int | None = None
    size: int | None = None
    next: str | None = None


@dataclass(frozen=True)
class Listing:
    """The list to read: names for errors, rows requested per page, and how pages are linked.

    `by_key`: a page is reached by the `next` of the one before, otherwise by its number. `has_ids`:
    rows have an `id`; without ids every row is counted.
    """

    provider: str
    endpoint: str
    limit: int
    by_key: bool = False
    has_ids: bool = True
    max_pages: int = MAX_PAGES


Ask = Callable[[int, str | None], Reply]
"""(number of the page from 1, key of the page or None) -> the page."""


class _Row(msgspec.Struct):
    id: str | int | float | None = None


@dataclass(frozen=True)
class _Rows:
    """The hashes of one page's rows; a set of ints takes a third of a set of strings."""

    count: int
    ids: list[int]
    others: list[int]

    @property
    def distinct(self) -> int:
        return len(set(self.ids)) + len(set(self.others))

    @property
    def repeated(self) -> int:
        """Rows with an id that another row of the page has, too."""
        return len(self.ids) - len(set(self.ids))

    def same_as(self, other: _Rows | None) -> bool:
        """Whether the other page has the same rows, in any order."""
        if other is None or self.count != other.count:
            return False
        return set(self.ids) == set(other.ids) and set(self.others) == set(other.others)


class _Seen:
    """A set of 64-bit numbers: for two million, Python's own takes 200 MB, this one 16.

    The latest are a set, the others a sorted array.
    """

    def __init__(self) -> None:
        self._latest: set[int] = set()
        self._older: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._latest) + (0 if self._older is None else len(self._older))

    def missing(self, numbers: list[int]) -> set[int]:
        """The numbers that are not in the set."""
        new = set(numbers) - self._latest
        if not new or self._older is None:
            return new
        asked = np.fromiter(new, np.int64, len(new))
        places = np.searchsorted(self._older, asked)
        places[places == len(self._older)] = 0
        return set(asked[self._older[places] != asked].tolist())

    def update(self, numbers: list[int]) -> None:
        self._latest |= self.missing(numbers)
        if len(self._latest) >= _SEEN_AS_SET:
            self._merge()

    def _merge(self) -> None:
        latest = np.fromiter(self._latest, np.int64, len(self._latest))
        self._latest = set()
        if self._older is None:
            self._older = latest
        else:
            # In place: a copy of two million would take another 16 MB.
            self._older.resize(len(self._older) + len(latest), refcheck=False)
            self._older[-len(latest) :] = latest
        self._older.sort()


@dataclass
class _Account:
    """What was received so far, and what the provider announced."""

    listing: Listing
    ids: _Seen = field(default_factory=_Seen)
    others: _Seen = field(default_factory=_Seen)
    without_id: int = 0
    repeated: int = 0
    total: int | None = None
    pages: int | None = None
    page: int | None = None
    page_moves: bool = True
    productive: int = 0
    barren: int = 0
    empty: int = 0
    short: bool = False
    full: bool = False
    emptied: bool = False
    rows: _Rows | None = None

    @property
    def came(self) -> int:
        return len(self.ids) + self.without_id

    def record_announcement(self, reply: Reply) -> None:
        """Record what the provider announces with a page."""
        self.total = reply.total if reply.total is not None else self.total
        self.page_moves = self.page is None or reply.page != self.page
        self.page = reply.page
        pages = reply.pages
        if pages is None and reply.total is not None and reply.size:
            pages = -(-reply.total // reply.size)
        self.pages = pages if pages is not None else self.pages

    def new_rows(self, rows: _Rows) -> int:
        """How many distinct rows of these are new in this read."""
        return len(self.ids.missing(rows.ids)) + len(self.others.missing(rows.others))

    def shifted(self, rows: _Rows, new: int) -> bool:
        """Whether a page repeats earlier rows, and others may have been skipped unnoticed.

        Ids are counted against the total; rows without one are not, as equal ones may be distinct.
        """
        counted = self.total is not None and not rows.others
        return not counted and new < rows.distinct and not rows.same_as(self.rows)

    def take(self, rows: _Rows, size: int, *, news: bool) -> None:
        """Count a page that is passed on."""
        # Short, then empty, or empty twice: two signs that the rows have run out.
        self.emptied = not rows.count and self.short
        self.short, self.full = rows.count < size, rows.count == size
        self.rows = rows
        # Only new rows reset these: a cycle of old rows and empty pages must end.
        self.empty = 0 if news else self.empty + (not rows.count)
        self.barren = 0 if news else self.barren + bool(rows.count)
        self.productive += news
        self.ids.update(rows.ids)
        self.others.update(rows.others)
        self.without_id += len(rows.others)
        self.repeated += rows.repeated if news else 0

    def signs(self) -> list[bool | None]:
        """What page numbers and total indicate about the end; None if they indicate nothing."""
        numbered = self.page is not None and self.pages is not None and self.page_moves
        return [
            (self.page or 0) >= (self.pages or 0) if numbered else None,
            self.came >= self.total if self.total is not None else None,
        ]

    def at_end(self) -> bool:
        """Whether at least two signs indicate that this page was the last, and none disagrees."""
        signs = self.signs()
        if False in signs or self._counter_may_have_stopped():
            return False
        return signs.count(True) + self.short + self.emptied >= 2

    def hinted(self) -> bool:
        """Whether at least one sign indicates that this page was the last."""
        return True in self.signs() or self.short

    def exhausted(self) -> bool:
        """Whether continuing has brought nothing for too long."""
        past_the_last = self.signs()[0] is True
        most = EMPTY_PAGES_AT_END if past_the_last else EMPTY_PAGES
        return self.barren >= BARREN_PAGES or self.empty >= most

    def _counter_may_have_stopped(self) -> bool:
        return bool(self.total) and (self.total or 0) % SEARCH_CEILING == 0 and not self.short

    def settle(self, reason: str, *, stuck: bool) -> None:
        """Raise `RowsMissing` unless the rows received match the last announcement."""
        announced: int | None = None
        came, unit = self.came, "rows"
        if self.total is not None:
            # A page cannot shift against itself: what it repeats is in the provider's total, too.
            came += self.repeated
            if came >= self.total:
                return
            announced = self.total
        elif self.pages is not None:
            if max(self.page or 0, self.productive) >= self.pages:
                return
            announced, came, unit = self.pages, self.productive, "pages"
        elif not stuck or not self.full:
            # A short page that repeats, or one larger than requested, is the whole list.
            return
        raise RowsMissing(
            provider=self.listing.provider,
            endpoint=self.listing.endpoint,
            announced=announced,
            came=came,
            unit=unit,
            reason=reason,
        )


def read_pages(listing: Listing, ask: Ask) -> Iterator[Page]:
    """Yield every page of a list in the order served; empty pages are left out.

    Raises what `ask` raises; `RowsMissing` after the last page if fewer rows came than were last
    announced, or if a full page came again and nothing proves the end; `PermanentError` after
    `max_pages`. It never restarts a read: that is the caller's decision.
    """
    account = _Account(listing)
    asked: set[str] = set()
    key: str | None = None
    for number in range(1, listing.max_pages + 1):
        reply = _ask(account, ask, number, key)
        if reply is None:
            account.settle("the provider refuses the next page", stuck=False)
            return
        rows = _rows(reply.records, has_ids=listing.has_ids)
        new = account.new_rows(rows)
        news = new > 0
        account.record_announcement(reply)
        size = reply.size or listing.limit
        stuck = rows.count >= size or rows.same_as(account.rows)
        if rows.count and not news and stuck and _is_repeated_page(account, reply, key, asked):
            account.settle("the same page is returned repeatedly", stuck=True)
            return
        if key is not None:
            asked.add(key)
        shifted = account.shifted(rows, new)
        account.take(rows, size, news=news)
        if rows.count:
            yield Page(reply.records, rows.count, number, reply.total, shifted=shifted)
        if account.at_end():
            return
        if account.exhausted():
            account.settle("further pages contain nothing new", stuck=account.barren > 0)
            return
        if listing.by_key and reply.next is None:
            account.settle("there is no next page", stuck=False)
            return
        key = reply.next if listing.by_key else None
    raise PermanentError(
        f"the list did not end within {listing.max_pages:,} pages",
        provider=listing.provider,
        endpoint=listing.endpoint,
        advice="request a shorter period; if that does not end either, contact the provider",
    )


def _ask(account: _Account, ask: Ask, number: int, key: str | None) -> Reply | None:
    """The page, or None if the provider refuses a page that may not exist."""
    try:
        return ask(number, key)
    except PermanentError as error:
        if number == 1 or error.status not in PAST_THE_END or not account.hinted():
            raise
    return None


def _is_repeated_page(account: _Account, reply: Reply, key: str | None, asked: set[str]) -> bool:
    """Whether a page without new rows is also one that the paging did not advance to."""
    if key is not None and (key in asked or reply.next == key):
        return True
    if reply.page is None:
        # Without page numbers, a list read by number has no other way to advance.
        return not account.listing.by_key
    return not account.page_moves


def _rows(records: bytes, *, has_ids: bool) -> _Rows:
    if has_ids:
        try:
            found = msgspec.json.decode(records, type=list[_Row])
        except msgspec.ValidationError:
            return _odd_rows(records)
        ids = [hash(str(row.id)) for row in found if row.id is not None]
        if len(ids) == len(found):
            return _Rows(len(found), ids, [])
        return _odd_rows(records)
    raws = msgspec.json.decode(records, type=list[msgspec.Raw])
    return _Rows(len(raws), [], [hash(bytes(raw)) for raw in raws])


def _odd_rows(records: bytes) -> _Rows:
    """Read row by row, for a page in which a row is not an object or has no usable id."""
    ids: list[int] = []
    others: list[int] = []
    raws = msgspec.json.decode(records, type=list[msgspec.Raw])
    for raw in raws:
        identity: Any = None
        try:
            identity = msgspec.json.decode(raw, type=_Row).id
        except msgspec.ValidationError:
            identity = None
        if identity is None:
            others.append(hash(bytes(raw)))
        else:
            ids.append(hash(str(identity)))
    return _Rows(len(raws), ids, others)
