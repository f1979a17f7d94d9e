"""Combines all files: the rows that count on each day, and the number of those that do not."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import pyarrow as pa

from feedback_assets.ad_spend.coverage import Place, Span, around_rows, without
from feedback_assets.ad_spend.files import SpendFile, find_files, read_file
from feedback_assets.ad_spend.records import read_records
from feedback_assets.ad_spend.rows import NONE, BadRow, SpendRow, read_row
from feedback_assets.schema.text import channel_name
from feedback_assets.tables.ad_spend import DAILY


@dataclass(frozen=True)
class Covered:
    """A row that counts, and the first and last day for which it covers its source.

    A row that covers nothing, not even its own day, has the last day before the first.
    """

    row: SpendRow
    first: date
    last: date


@dataclass(frozen=True)
class OfFile:
    """One file's rows, added up by key; how many were added, by day; and unreadable rows."""

    file: SpendFile
    rows: tuple[SpendRow, ...]
    added: Counter[date]
    bad: tuple[BadRow, ...]

    @property
    def refusal(self) -> str:
        """Why no row can be read, if the file has rows and none can be read; otherwise empty."""
        if self.rows or not self.bad:
            return ""
        return (
            f"{self.file.path}: none of its {len(self.bad):,} rows can be read. The first: "
            f"{self.bad[0].reason}. Correct the file; nothing was replaced."
        )


@dataclass(frozen=True)
class Spend:
    """The spend of all files, by day.

    ``added``: rows that were added to another row with the same key; ``replaced``: rows replaced
    by a file modified later that has the same day and source; ``bad``: rows that cannot be read.
    """

    files: tuple[SpendFile, ...] = ()
    days: Mapping[date, tuple[Covered, ...]] = field(default_factory=dict)
    added: Counter[date] = field(default_factory=Counter)
    replaced: Counter[date] = field(default_factory=Counter)
    bad: tuple[BadRow, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def rows_of(self, day: date) -> pa.Table:
        """The rows of ``ad_spend.daily`` on this day, in the table's order."""
        return _table(self.days.get(day, ()))


def read_spend(place: str) -> Spend:
    """Read all files that ``FEEDBACK_AD_SPEND`` names.

    Raises ``SpendTrouble`` or ``StoreTrouble`` if a file cannot be opened. ``refusals`` lists the
    files in which no row can be read.
    """
    return combined(of_file(file, read_file(file)) for file in find_files(place))


def of_file(file: SpendFile, content: bytes) -> OfFile:
    """The rows of one file; raises ``SpendTrouble``."""
    rows: dict[tuple[date, str, str, str, str], list[SpendRow]] = defaultdict(list)
    bad = []
    for record in read_records(file.path, content):
        row = read_row(record)
        if isinstance(row, BadRow):
            bad.append(replace(row, reason=f"{row.reason.removesuffix(')')} of {file.name})"))
        else:
            rows[row.key].append(row)
    added: Counter[date] = Counter()
    for (day, *_), found in rows.items():
        added[day] += len(found) - 1
    return OfFile(file, tuple(map(_sum, rows.values())), +added, tuple(bad))


def combined(files: Iterable[OfFile]) -> Spend:
    """Merge the files in order: later ones replace earlier ones."""
    kept: dict[Place, list[SpendRow]] = {}
    spans: dict[Place, Span] = {}
    unknown: set[Place] = set()
    added: Counter[date] = Counter()
    replaced: Counter[date] = Counter()
    bad: list[BadRow] = []
    read: list[SpendFile] = []
    refusals = []
    for one in files:
        read.append(one.file)
        added += one.added
        bad += one.bad
        refusals += [one.refusal] if one.refusal else []
        own: dict[Place, list[SpendRow]] = defaultdict(list)
        for row in one.rows:
            own[row.day, channel_name(row.source) or NONE].append(row)
        # A row that cannot be read leaves its day unknown, unless another file has rows for it.
        unreadable = _unreadable(one)
        unknown -= own.keys() - unreadable
        unknown |= unreadable - (kept.keys() - own.keys())
        for place, rows in own.items():
            replaced[place[0]] += len(kept.get(place, ()))
            kept[place] = rows
        for place, span in around_rows(own.keys()).items():
            # All spans of a day contain that day, so their union is one span.
            earlier = spans.get(place, span)
            spans[place] = min(span[0], earlier[0]), max(span[1], earlier[1])
    spans = without(unknown, spans)
    days: dict[date, list[Covered]] = defaultdict(list)
    for place, rows in kept.items():
        days[place[0]] += [Covered(row, *spans[place]) for row in rows]
    return Spend(
        tuple(read),
        {day: tuple(sorted(rows, key=lambda one: one.row.key)) for day, rows in days.items()},
        added,
        +replaced,
        tuple(bad),
        tuple(refusals),
    )


def _unreadable(one: OfFile) -> set[Place]:
    """The days and sources of rows that cannot be read; every source if theirs cannot be either."""
    sources = {row.source for row in one.rows} | {bad.source for bad in one.bad if bad.source}
    return {
        (bad.day, channel_name(source) or NONE)
        for bad in one.bad
        if bad.day is not None
        for source in (sources if bad.source is None else (bad.source,))
    }


def _sum(rows: list[SpendRow]) -> SpendRow:
    """The rows of one key as one row: the sums, and every value of each field in ``extra``."""
    if len(rows) == 1:
        return rows[0]
    return replace(
        rows[0],
        spend=sum((row.spend for row in rows), Decimal(0)),
        clicks=_sum_known(row.clicks for row in rows),
        impressions=_sum_known(row.impressions for row in rows),
        extra=_all_said(rows),
    )


def _sum_known(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _all_said(rows: list[SpendRow]) -> dict[str, str | tuple[str, ...]]:
    """Each field's value or, where the rows differ, all of its values in the order of the file."""
    said: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for name, text in row.extra.items():
            said[name].update(dict.fromkeys((text,) if isinstance(text, str) else text))
    return {
        name: next(iter(texts)) if len(texts) == 1 else tuple(texts) for name, texts in said.items()
    }


def _table(rows: Iterable[Covered]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "source": one.row.source,
                "medium": one.row.medium,
                "campaign": one.row.campaign,
                "currency": one.row.currency,
                "spend": one.row.spend,
                "clicks": one.row.clicks,
                "impressions": one.row.impressions,
                "covered_from": one.first,
                "covered_to": one.last,
                "extra": json.dumps(one.row.extra, ensure_ascii=False, sort_keys=True)
                if one.row.extra
                else None,
            }
            for one in rows
        ],
        schema=DAILY.schema,
    )
