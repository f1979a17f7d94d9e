"""Detects new answers at providers with a feed, and decides which days to read again.

Independent of Dagster: ``new_answers_sensors`` keeps the state between ticks and requests the
runs.

An answer is owed from when it is first seen until the warehouse holds that version of it. So a
day is not read again for an answer that another run has loaded, an answer of today waits until
its day is a partition, and a failed run is requested again the next day.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa

from feedback_assets.automation import cursors
from feedback_assets.days import days_between, ranges
from feedback_assets.ingest.parse import parse_page
from feedback_assets.ingest.sources import WINDOW_DAYS, source_of
from feedback_assets.providers.provider import Feed
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.settings import Settings
from feedback_assets.warehouse.erased import Erased
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.warehouse import Warehouse

MOST_PAGES = 20
"""Maximum pages per tick. More than that is a flood, which is read by days, once a day."""
GIVEN_UP_AFTER = timedelta(days=3)
"""A row that a run reads differently (moved or quarantined) is dropped after this time."""


def feeds(settings: Settings) -> tuple[Feed, ...]:
    """The feeds of watched providers whose required settings are present."""
    return tuple(feed for feed in _watched(settings) if not _lacks(settings, feed))


def without_list(settings: Settings) -> list[tuple[str, str]]:
    """Watched providers without a list of new answers, each with the variable that is missing."""
    return [
        (feed.provider, f"{feed.provider}_{feed.needs}".upper())
        for feed in _watched(settings)
        if _lacks(settings, feed)
    ]


def _watched(settings: Settings) -> list[Feed]:
    watched = [provider for provider in REGISTRY if provider.name in settings.watched]
    return [provider.feed for provider in watched if provider.feed]


def _lacks(settings: Settings, feed: Feed) -> bool:
    return bool(feed.needs) and settings.of(feed.provider, feed.needs) is None


class Requested(msgspec.Struct, frozen=True):
    """The rows owed for a day when it was last requested, with the last and first request date."""

    rows: dict[str, str]
    last: date
    first: date


class State(msgspec.Struct, frozen=True):
    """The state between ticks.

    ``asked``: when the provider last served a whole list. ``owed``: for each day, row digests by
    key digest. ``flooded``: the last day on which all recent days were requested.
    """

    asked: datetime
    owed: dict[date, dict[str, str]] = {}
    requested: dict[date, Requested] = {}
    flooded: date | None = None


@dataclass(frozen=True)
class News:
    """The result of one tick: rows by day, whether there were more, and how many are too old.

    ``served``: the rows themselves, in the order in which they came. ``shifted``: the list shifted
    while it was read, so rows may be missing.
    """

    rows: Mapping[date, Mapping[str, str]]
    flood: bool = False
    too_old: int = 0
    served: pa.Table | None = None
    shifted: bool = False


@dataclass(frozen=True)
class Reading:
    """Days to read in one run; ``version`` identifies the rows owed for them."""

    first: date
    last: date
    version: str


def remembered(text: str | None, now: datetime) -> State:
    """The state of a cursor; without a readable one, the feed starts ``now``."""
    return cursors.decode(text, State) or State(asked=now)


def look(
    client: Any,
    feed: Feed,
    since: datetime,
    zone: str,
    start: date,
    *,
    erased: Erased | None = None,
) -> News:
    """Read the feed since a moment; one request if the result fits on a page.

    Rows before the day ``start`` are only counted. Rows of ``erased`` people count as the warehouse
    holds them; ``News.served`` has all rows as served. Raises ``ProviderError``.
    """
    rows: dict[str, tuple[date, str]] = {}
    too_old = 0
    shifted = False
    source = source_of(feed.table)
    pages = feed.ask(client, (since - feed.margin).astimezone(UTC))
    served = [feed.table.schema.empty_table()]
    for page in islice(pages, MOST_PAGES):
        shifted |= page.shifted
        own = source.parts(page)[feed.table.full_name]
        parsed = parse_page(own.records, feed.table, source.typing(zone)).rows
        served.append(parsed)
        held = erase_rows(feed.table, parsed, erased).rows if erased else parsed
        for row in _select(held, feed.table).to_pylist():
            if all(row[name] is None for name in feed.answer):
                continue
            day = row[feed.table.event_time].astimezone(UTC).date()
            if day < start:
                too_old += 1
            else:
                rows[_key(row, feed.table)] = (day, _digest(row))
    flood = next(pages, None) is not None
    by_day: dict[date, dict[str, str]] = {}
    for key, (day, digest) in rows.items():
        by_day.setdefault(day, {})[key] = digest
    return News(by_day, flood, too_old, pa.concat_tables(served), shifted)


def settle(
    state: State,
    news: News,
    held: Callable[[date, set[str]], Mapping[str, str]],
    now: datetime,
    days_of_flood: int,
) -> tuple[State, list[Reading]]:
    """The state after a tick, and the days to read for the rows owed.

    ``held(day, keys)`` returns the digests of those of a day's rows that the warehouse holds.
    A day is requested once for the same rows, and once more on each later day (UTC).
    """
    today = now.astimezone(UTC).date()
    owed: dict[date, dict[str, str]] = {}
    for day in sorted({*state.owed, *news.rows}):
        rows = {**state.owed.get(day, {}), **news.rows.get(day, {})}
        if day < today:
            stored = held(day, set(rows))
            rows = {key: digest for key, digest in rows.items() if stored.get(key) != digest}
        if rows:
            owed[day] = rows
    requested: dict[date, Requested] = {}
    due: list[date] = []
    for day in [day for day in owed if day < today]:
        before = state.requested.get(day)
        first = before.first if before else today
        if today - first >= GIVEN_UP_AFTER:
            del owed[day]
            continue
        # A subset of the requested rows contains nothing new.
        if before and before.last == today and owed[day].items() <= before.rows.items():
            requested[day] = before
            continue
        due.append(day)
        requested[day] = Requested(owed[day], today, first)
    readings = [
        Reading(one, other, f"{_version(owed, days_between(one, other))} {today}")
        for one, other in ranges(due)
    ]
    flooded = state.flooded
    if news.flood and flooded != today:
        flooded = today
        yesterday = today - timedelta(days=1)
        first = yesterday - timedelta(days=days_of_flood - 1)
        readings = [
            Reading(one, other, f"flood {today}")
            for one, other in ranges({*days_between(first, yesterday), *due})
        ]
    # After a shift, the next tick asks for the same time again; a flood is read by days anyway.
    asked = state.asked if news.shifted and not news.flood else now
    return State(asked, owed, requested, flooded), readings


def windows(feed: Feed, readings: Sequence[Reading], start: date) -> Iterator[Reading]:
    """Split the readings, from ``start`` on, into runs that the provider supports.

    A list without an end date is read once: each run would read everything since its first day.
    """
    whole_list = source_of(feed.table).whole_list
    if whole_list and readings:
        versions = [reading.version for reading in readings]
        readings = [Reading(readings[0].first, readings[-1].last, _digest(versions))]
    longest = None if whole_list else WINDOW_DAYS
    for reading in readings:
        days = days_between(max(reading.first, start), reading.last)
        for first, last in ranges(days, longest):
            yield Reading(first, last, reading.version)


def held_rows(warehouse: Warehouse, table: Table, day: date, keys: set[str]) -> dict[str, str]:
    """The digests, by key digest, of those of a day's rows that the warehouse holds."""
    rows = _select(warehouse.read_arrow(table, day, day), table).to_pylist()
    found = {_key(row, table): row for row in rows}
    return {key: _digest(found[key]) for key in keys & set(found)}


def _select(rows: pa.Table, table: Table) -> pa.Table:
    # Undocumented fields may change with each response and would look new every time.
    return rows.select([column.name for column in table.columns if column != EXTRA])


def _version(owed: Mapping[date, Mapping[str, str]], days: Iterable[date]) -> str:
    return _digest([(day, sorted(owed[day].items())) for day in days])


def _key(row: Mapping[str, Any], table: Table) -> str:
    return _digest([row[name] for name in table.key])


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:12]
