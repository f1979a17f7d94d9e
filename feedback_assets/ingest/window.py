"""Reads one window: fetches pages, replaces partitions, and accounts for every record."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.days import days_between
from feedback_assets.http import paging
from feedback_assets.http.errors import RowsMissing
from feedback_assets.ingest.parse import Bad, Page, Parsed, type_clean_pages, type_pages, with_nulls
from feedback_assets.ingest.reasons import most_common_reason
from feedback_assets.ingest.spool import Spool, days_of
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse

# Whether the providers' date filters are inclusive, and in which zone, is undocumented.
DAYS_ASKED_BEFORE = 1
DAYS_ASKED_AFTER = 2

# At a thousand orders a page, more would save little and take more memory.
_PAGES_TOGETHER = 4
# One thread parses ahead. More would wait for the GIL before each of Arrow's many steps: on two
# cores two threads took as long, with a tenth more CPU.
_TYPED_AHEAD = 1
# Only one larger day is in memory at a time: two million orders in 28 days are 70,000 a day.
_ROWS_WRITTEN_ASIDE = 20_000


@dataclass(frozen=True)
class DayCounts:
    """What became of the records of one day; fetched = rows + the three others.

    A record outside the window counts on the nearest day of the window, one with an unreadable day
    on the first, so that the days of a range add up to what the provider served.
    """

    day: date
    rows: int
    outside_window: int
    duplicates: int
    quarantined: int
    content_hash: str
    file: str

    @property
    def fetched(self) -> int:
        return self.rows + self.outside_window + self.duplicates + self.quarantined


@dataclass(frozen=True)
class Refusal:
    """A window in which every record of a table was quarantined: how many, and the main reason."""

    records: int
    reason: str


class EverythingSetAside(Exception):
    """No record of the window could be parsed, so its days were not replaced.

    ``refused``: the tables affected, whose records are in the quarantine; ``read``: the counts of
    the list's other tables, which were replaced.
    """

    def __init__(
        self, refused: "Mapping[Table, Refusal]", read: "dict[Table, list[DayCounts]]"
    ) -> None:
        super().__init__(", ".join(table.full_name for table in refused))
        self.refused = refused
        self.read = read


@dataclass
class _Tally:
    """Counts of one table while its pages are read."""

    table: Table
    first: date
    last: date
    spool: Spool
    typed: int = 0
    inside: int = 0
    outside: Counter[date] = field(default_factory=Counter)
    repeated: Counter[date] = field(default_factory=Counter)
    bad: dict[str, Bad] = field(default_factory=dict)

    def nearest(self, day: date | None) -> date:
        return self.first if day is None else min(max(day, self.first), self.last)

    def holds(self, day: date | None) -> bool:
        return day is None or self.first <= day <= self.last

    def add(self, rows: pa.Table, bad: Iterable[Bad]) -> None:
        days = days_of(rows, self.table)
        early = pc.less(days, pa.scalar(self.first))
        late = pc.greater(days, pa.scalar(self.last))
        before, after = (pc.sum(part, min_count=0).as_py() for part in (early, late))
        self.outside[self.first] += before
        self.outside[self.last] += after
        self.typed += rows.num_rows
        self.inside += rows.num_rows - before - after
        self.spool.add(rows, pc.invert(pc.or_(early, late)))
        for record in bad:
            if not self.holds(record.day):
                self.outside[self.nearest(record.day)] += 1
            elif record.payload in self.bad:
                self.repeated[self.nearest(record.day)] += 1
            else:
                self.bad[record.payload] = record

    def refusal(self, *, whole_list: bool) -> Refusal | None:
        """Why the days cannot be replaced, if every record of the window was quarantined.

        A whole list includes records of other days in every read: a record without a readable
        day says nothing about the window as long as others can be parsed.
        """
        if self.inside or not self.bad:
            return None
        dated = any(record.day is not None for record in self.bad.values())
        if whole_list and self.typed and not dated:
            return None
        reasons = [record.reason for record in self.bad.values()]
        return Refusal(len(reasons), most_common_reason(reasons))

    def clear(self) -> None:
        self.typed = self.inside = 0
        self.spool.clear()
        self.outside.clear()
        self.repeated.clear()
        self.bad.clear()


Pages = Callable[[], Iterable[Mapping[str, paging.Page]]]
"""Starts reading the window; each page has records of one or more tables, by full name."""


def read_window(
    pages: Pages,
    tables: Mapping[Table, Typing],
    first: date,
    last: date,
    warehouse: Warehouse,
    *,
    whole_list: bool = False,
) -> dict[Table, list[DayCounts]]:
    """Read the days ``first`` to ``last`` of ``tables`` into the warehouse.

    All pages are read before the first partition is replaced. If the provider announced more rows
    than it served, the window is read once more, since lists change while they are read; the second
    ``RowsMissing`` is raised. After a read with a shifted page, the rows of both reads are kept,
    since a busy list may shift each time. After an error while reading, all partitions are
    unchanged; if one cannot be written, those before it and at most one after it are replaced.
    Raises ``EverythingSetAside`` for tables of which no record could be parsed, after the others
    have been replaced. ``whole_list``: the provider serves records of any day, whatever dates are
    requested.
    """
    tallies = {table: _Tally(table, first, last, Spool(table)) for table in tables}
    try:
        result = _read(pages, tables, tallies)
        if result == "missing":
            for tally in tallies.values():
                tally.clear()
        if result != "complete":
            _read(pages, tables, tallies, again=True)
        refused = {}
        for table, tally in tallies.items():
            _set_aside(tally, warehouse)
            if refusal := tally.refusal(whole_list=whole_list):
                refused[table] = refusal
        written = {
            table: _write(tally, warehouse)
            for table, tally in tallies.items()
            if table not in refused
        }
        if refused:
            raise EverythingSetAside(refused, written)
        return written
    finally:
        for tally in tallies.values():
            tally.clear()


def _read(
    pages: Pages,
    tables: Mapping[Table, Typing],
    tallies: Mapping[Table, _Tally],
    *,
    again: bool = False,
) -> Literal["complete", "missing", "shifted"]:
    """Whether all rows came; if announced rows are missing, raises ``RowsMissing`` if ``again``."""
    shifted = False

    def watched() -> Iterator[Mapping[str, paging.Page]]:
        nonlocal shifted
        for page in pages():
            shifted |= any(part.shifted for part in page.values())
            yield page

    try:
        for table, parsed in _typed(_prefetched(_parts(watched(), tables)), tables):
            tallies[table].add(parsed.rows, parsed.bad)
    except RowsMissing:
        if again:
            raise
        return "missing"
    return "shifted" if shifted else "complete"


@dataclass(frozen=True)
class _Part:
    """The records of a page for one table, ready to be parsed."""

    table: Table
    page: Page


def _parts(
    pages: Iterable[Mapping[str, paging.Page]], tables: Mapping[Table, Typing]
) -> Iterator[list[_Part]]:
    by_name = {table.full_name: table for table in tables}
    for page in pages:
        yield [
            _Part(
                table,
                Page(with_nulls(part.records, tables[table]), part.served or part.records),
            )
            for name, part in page.items()
            if (table := by_name.get(name)) is not None
        ]


def _typed(
    pages: Iterable[list[_Part]], tables: Mapping[Table, Typing]
) -> Iterator[tuple[Table, Parsed]]:
    """Yield the rows of the pages in order; later pages are parsed while the first are consumed."""
    waiting: dict[Table, list[Page]] = defaultdict(list)
    under_way: deque[tuple[Table, Future[Parsed]]] = deque()
    typist = _Typist(tables)
    with ThreadPoolExecutor(1, thread_name_prefix="typing") as pool:

        def begin(table: Table) -> None:
            under_way.append((table, pool.submit(typist.typed, table, waiting.pop(table))))

        for parts in pages:
            for part in parts:
                waiting[part.table].append(part.page)
                if len(waiting[part.table]) == _PAGES_TOGETHER:
                    begin(part.table)
            while len(under_way) > _TYPED_AHEAD:
                table, parsed = under_way.popleft()
                yield table, parsed.result()
        for table in list(waiting):
            begin(table)
        for table, parsed in under_way:
            yield table, parsed.result()


@dataclass
class _Typist:
    """Parses pages: several together, until a record of the table is not as declared.

    From then on, most pages have such records.
    """

    tables: Mapping[Table, Typing]
    unclean: set[Table] = field(default_factory=set)

    def typed(self, table: Table, pages: list[Page]) -> Parsed:
        typing = self.tables[table]
        parsed = None if table in self.unclean else type_clean_pages(pages, table, typing)
        if parsed is None:
            self.unclean.add(table)
            parsed = type_pages(pages, table, typing)
        return parsed


def _prefetched(pages: Iterator[list[_Part]]) -> Iterator[list[_Part]]:
    """Yield the same pages, fetching each while the previous one is parsed."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="page")
    try:
        coming = pool.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = pool.submit(next, pages, None)
            yield page
    finally:
        # Closing the client ends what a page may still be waiting for.
        pool.shutdown(wait=False, cancel_futures=True)


def _set_aside(tally: _Tally, warehouse: Warehouse) -> None:
    set_aside(
        warehouse,
        tally.table,
        [SetAside(bad.day, bad.reason, bad.payload) for bad in tally.bad.values()],
        datetime.now(UTC),
    )


def _write(tally: _Tally, warehouse: Warehouse) -> list[DayCounts]:
    quarantined = Counter(tally.nearest(bad.day) for bad in tally.bad.values())
    # Memory freed by the pages is not reused for the days, nor that of the days for the checks.
    _release_unused()
    # Two, so that one day is hashed while the next is written: 0.6 s instead of 1.0 for 200,000
    # orders. More would keep more days in memory.
    replaced = warehouse.replace_days(
        tally.table, _days(tally), writers=2, rows_aside=_ROWS_WRITTEN_ASIDE
    )
    counts = [
        DayCounts(
            day=day,
            rows=written.rows,
            outside_window=tally.outside[day],
            duplicates=tally.repeated[day],
            quarantined=quarantined[day],
            content_hash=written.content_hash,
            file=written.mark,
        )
        for day, written in replaced
    ]
    _release_unused()
    return counts


def _days(tally: _Tally) -> Iterator[tuple[date, pa.Table]]:
    """Yield the window's days with their rows; dropped duplicates are counted as repeated."""
    for day, rows, left_out in tally.spool.days(days_between(tally.first, tally.last)):
        tally.repeated[day] += left_out
        large = rows.num_rows > _ROWS_WRITTEN_ASIDE
        if large:
            _release_unused()
        yield day, rows
        # Otherwise this day's rows stay in memory while the next day is sorted.
        del rows
        if large:
            _release_unused()


def _release_unused() -> None:
    """Return free memory to the system; takes a millisecond or more, so not for small days."""
    pa.default_memory_pool().release_unused()


def asked(first: date, last: date) -> tuple[date, date]:
    """The dates to request so that no record of ``first`` to ``last`` is missed."""
    return first - timedelta(days=DAYS_ASKED_BEFORE), last + timedelta(days=DAYS_ASKED_AFTER)
