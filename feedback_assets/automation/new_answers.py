"""What is new at the providers that can be asked for it: which days have to be read again.

Knows no Dagster. ``new_answers_sensors`` keeps the state between two looks and requests the runs.

An answer is owed from when a look sees it until the warehouse holds it as it was seen. So a day
is not read again because of an answer that somebody read meanwhile, an answer of today waits
until its day is a partition, and a run that fails is asked for again the next day.
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
from feedback_assets.warehouse.warehouse import Warehouse

MOST_PAGES = 20
"""Pages of one look. What is more is no news but a flood, and read by days, once a day."""
GIVEN_UP_AFTER = timedelta(days=3)
"""A row that a run reads otherwise than the look did (moved, set aside) is not owed for ever."""


def feeds(settings: Settings) -> tuple[Feed, ...]:
    """The feeds of the loaded providers that can be asked with what is set."""
    found = (provider.feed for provider in REGISTRY if provider.name in settings.providers)
    return tuple(
        feed
        for feed in found
        if feed and (not feed.needs or settings.of(feed.provider, feed.needs) is not None)
    )


class Requested(msgspec.Struct, frozen=True):
    """The rows that were owed of a day when it was last requested, when, and when it first was."""

    rows: dict[str, str]
    last: date
    first: date


class State(msgspec.Struct, frozen=True):
    """What a look leaves to the next one.

    ``asked``: when the provider last answered. ``owed``: by day the digests of rows by the
    digests of their keys. ``flooded``: the last day on which all recent days were requested.
    """

    asked: datetime
    owed: dict[date, dict[str, str]] = {}
    requested: dict[date, Requested] = {}
    flooded: date | None = None


@dataclass(frozen=True)
class News:
    """What one look saw: rows by day, whether there were more, and rows of no partition."""

    rows: Mapping[date, Mapping[str, str]]
    flood: bool = False
    too_old: int = 0


@dataclass(frozen=True)
class Reading:
    """Days to read, in one run; ``version`` stands for what of them is owed."""

    first: date
    last: date
    version: str


def remembered(text: str | None, now: datetime) -> State:
    """The state of a cursor; without one, or with one of another make, news begin ``now``."""
    return cursors.decode(text, State) or State(asked=now)


def look(client: Any, feed: Feed, since: datetime, zone: str, start: date) -> News:
    """Ask the provider what is new since a moment; one request where it fits on a page.

    Rows before the day ``start`` are counted only. Raises ``ProviderError``.
    """
    rows: dict[str, tuple[date, str]] = {}
    too_old = 0
    source = source_of(feed.table)
    pages = feed.ask(client, (since - feed.margin).astimezone(UTC))
    for page in islice(pages, MOST_PAGES):
        own = source.parts(page)[feed.table.full_name]
        parsed = parse_page(own.records, feed.table, source.typing(zone)).rows
        for row in _select(parsed, feed.table).to_pylist():
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
    return News(by_day, flood, too_old)


def settle(
    state: State,
    news: News,
    held: Callable[[date, set[str]], Mapping[str, str]],
    now: datetime,
    days_of_flood: int,
) -> tuple[State, list[Reading]]:
    """What is owed after a look, and the days to read for it.

    ``held(day, keys)`` gives the digests of those rows of a day that the warehouse holds.
    A day is requested once for what is owed of it, and once more each later day (UTC).
    """
    today = now.astimezone(UTC).date()
    owed: dict[date, dict[str, str]] = {}
    for day in sorted({*state.owed, *news.rows}):
        rows = {**state.owed.get(day, {}), **news.rows.get(day, {})}
        if day < today:
            there = held(day, set(rows))
            rows = {key: digest for key, digest in rows.items() if there.get(key) != digest}
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
        # Fewer than were requested are the rest of those, and tell nothing new.
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
    return State(now, owed, requested, flooded), readings


def windows(feed: Feed, readings: Sequence[Reading], start: date) -> Iterator[Reading]:
    """The readings as runs that the provider can be asked for, of the days from ``start`` on.

    A list that comes whole is read once: each run of it would read what came since its first day.
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
    """The digests of those rows of a day that the warehouse holds, by the digests of keys."""
    rows = _select(warehouse.read_arrow(table, day, day), table).to_pylist()
    found = {_key(row, table): row for row in rows}
    return {key: _digest(found[key]) for key in keys & set(found)}


def _select(rows: pa.Table, table: Table) -> pa.Table:
    # What no document names may change with each answer, and would be news for ever.
    return rows.select([column.name for column in table.columns if column != EXTRA])


def _version(owed: Mapping[date, Mapping[str, str]], days: Iterable[date]) -> str:
    return _digest([(day, sorted(owed[day].items())) for day in days])


def _key(row: Mapping[str, Any], table: Table) -> str:
    return _digest([row[name] for name in table.key])


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:12]
