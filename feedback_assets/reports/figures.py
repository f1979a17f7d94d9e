"""Reads the figures of the report from the marts; contains no wording and no HTML."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.days import days_between
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.reports.names import bounded
from feedback_assets.reports.queries import Ask, Row, connected, counts
from feedback_assets.reports.report import (
    DAYS_A_WEEK,
    Bounds,
    ByCustomers,
    Comment,
    Freshness,
    Funnel,
    Location,
    Period,
    Product,
    Replies,
    Report,
    Said,
    Source,
    Survey,
    Value,
    Week,
    offered,
    span_days,
)
from feedback_assets.reports.scorecard_figures import read_scorecard
from feedback_assets.reports.scorecard_view import spread_cells
from feedback_assets.reports.statistics import Counts, Difference
from feedback_assets.schema.free_text import masked
from feedback_assets.scorecard.intervals import p_value
from feedback_assets.summary.reading import read_scorecard as read_summary
from feedback_assets.tables import READ_TABLES, find_table
from feedback_assets.tables.reports import NPS_PAGE
from feedback_assets.warehouse.generated import generated_providers
from feedback_assets.warehouse.quarantine import quarantine_files
from feedback_assets.warehouse.warehouse import Warehouse
from feedback_assets.wording import shortened

Looks = Mapping[str, tuple[datetime | None, datetime | None]]
"""By provider, when it was last looked at and when the latest answer seen was given."""
_WEEKS = 104
_NOTHING = 1e-6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = [find_table(name) for name in NPS_PAGE.depends]


def read_report(
    warehouse: Warehouse,
    *,
    built_at: datetime | None = None,
    read_at: Mapping[str, datetime] | None = None,
    looks: Looks | None = None,
    bounds: Bounds | None = None,
    memory_limit: str | None = None,
) -> Report:
    """The figures from all marts that the warehouse holds; figures of missing marts are empty.

    Waiting times end at ``built_at``. ``read_at``: when each table that is read, named
    ``group.table``, was last materialised. ``looks``: when each watched provider was last looked at
    for new answers, and when the latest of these was given.

    Raises ``duckdb.Error`` if a file cannot be read.
    """
    bounds, built_at = bounds or Bounds(), built_at or datetime.now(UTC)
    held_days = warehouse.days_held(find_table("marts.nps_daily"))
    last = held_days[-1] if held_days else None
    first = held_days[0] if held_days else None
    span = span_days(first, last)
    windows = offered(span)
    summary = read_summary(warehouse, memory_limit)
    with connected(warehouse, _READ, last, memory_limit) as ask:
        products, products_in_all = _products(ask, bounds)
        locations, locations_in_all = _locations(ask, windows, bounds)
        surveys = ask("funnel")
        sources = _sources(warehouse, read_at or {})
        return Report(
            built_at=built_at,
            bounds=bounds,
            absent=tuple(t.full_name for t in _READ if not warehouse.files(t)),
            generated=generated_providers(warehouse),
            sources=sources,
            freshness=_freshness(ask, sources, looks or {}),
            last_day=last,
            first_day=first,
            missing_days=span - len(held_days),
            windows=windows,
            periods=_periods(ask, held_days, windows),
            weeks=_weeks(ask, held_days),
            scorecard=read_scorecard(ask, bounds, windows, summary),
            values=_values(ask, bounds),
            surveys=tuple(_survey(row) for row in surveys[: bounds.surveys]),
            funnel=_funnel(surveys),
            locations=locations,
            locations_in_all=locations_in_all,
            products=products,
            products_in_all=products_in_all,
            said=_said(ask, bounds, built_at),
            coverage=_coverage(ask),
        )


def read_weeks(warehouse: Warehouse) -> tuple[Week, ...]:
    """The weeks of the last two years, from ``marts.nps_daily`` only."""
    table = find_table("marts.nps_daily")
    held_days = warehouse.days_held(table)
    with connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _weeks(ask, held_days)


def read_coverage(warehouse: Warehouse) -> tuple[tuple[str, str, int], ...]:
    """Provider, rule and answers of the last 90 days, from ``marts.match_coverage`` only."""
    table = find_table("marts.match_coverage")
    held_days = warehouse.days_held(table)
    with connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _coverage(ask)


def _weeks(ask: Ask, held_days: Collection[date]) -> tuple[Week, ...]:
    """Every week from the first to the last stored day, also those of which no day is stored."""
    if not held_days:
        return ()
    answers = {row["week"]: counts(row) for row in ask("weeks")}
    held = Counter(day - timedelta(days=day.weekday()) for day in held_days)
    last = max(held)
    first = max(min(held), last - timedelta(days=DAYS_A_WEEK * (_WEEKS - 1)))
    return tuple(
        Week(week, held[week], answers.get(week, Counts()))
        for week in days_between(first, last)[::DAYS_A_WEEK]
    )


def _locations(
    ask: Ask, windows: Sequence[int], bounds: Bounds
) -> tuple[tuple[Location, ...], dict[int, int]]:
    rows = ask("locations", windows=list(windows), few=bounds.few_answers, most=bounds.locations)
    found = tuple(
        Location(row["window_days"], row["provider"], bounded(row["location_ref"]), counts(row))
        for row in rows
    )
    return found, {row["window_days"]: row["locations"] for row in rows}


def _coverage(ask: Ask) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (row["provider"], row["match_method"], row["responses"]) for row in ask("coverage")
    )


def _periods(ask: Ask, held_days: Collection[date], windows: Sequence[int]) -> tuple[Period, ...]:
    answers = {(row["window_days"], row["is_current"]): counts(row) for row in ask("periods")}
    sent = {
        (row["window_days"], row["is_current"]): (row["sent"], row["answered"])
        for row in ask("response_rate")
    }
    if not held_days:
        return ()
    last, held = max(held_days), set(held_days)
    wholes = {row["window_days"]: row for row in ask("wholes")}
    periods = []
    for window in windows:
        days = days_between(last - timedelta(days=window - 1), last)
        before_days = days_between(
            last - timedelta(days=2 * window - 1), last - timedelta(days=window)
        )
        days_before = sum(day in held for day in before_days)
        complete = days_before == window
        periods.append(
            Period(
                window,
                sum(day in held for day in days),
                answers.get((window, True), Counts()),
                answers.get((window, False), Counts()) if complete else None,
                days_before,
                *sent.get((window, True), (0, 0)),
                *sent.get((window, False), (0, 0)),
                _by_customers(wholes.get(window), answers.get((window, True), Counts())),
            )
        )
    return tuple(periods)


def _by_customers(row: Row | None, now: Counts) -> ByCustomers | None:
    """None unless the scorecard covers the same answers."""
    if row is None or row["nps_low"] is None or abs(row["responses"] - now.responses) > _NOTHING:
        return None
    change = None
    if row["change_z"] is not None:
        ends = row["nps_change_low"], row["nps_change_high"]
        change = Difference(row["nps_change"], *ends, p_value(row["change_z"]))
    return ByCustomers((row["nps_low"], row["nps_high"]), change)


def _survey(row: Row) -> Survey:
    named = ("survey_name", "sending_type")
    return Survey(**row | {name: row[name] and bounded(row[name]) for name in named})


def _funnel(rows: Sequence[Row]) -> Funnel:
    steps = ("planned", "sent", "clicked", "answered")
    return Funnel(len(rows), **{step: sum(row[step] for row in rows) for step in steps})


def _values(ask: Ask, bounds: Bounds) -> tuple[Value, ...]:
    return tuple(
        Value(
            row["nps_class"],
            row["currency"] and bounded(row["currency"]),
            row["customers"],
            row["orders"],
            row["net_amount"],
            row["repeat_rate"],
            spread_cells(row, row["customers"]),
            row["followed"] or 0,
            row["returned_30"],
            row["net_amount_30"],
        )
        for row in ask("value")[: bounds.values]
    )


def _products(ask: Ask, bounds: Bounds) -> tuple[tuple[Product, ...], int]:
    rows = ask("products", few=bounds.few_reviews, most=bounds.products)
    products = tuple(
        Product(
            bounded(row["real_id"]),
            bounded(row["product_name"] or row["real_id"]),
            row["reviews"],
            row["score_mean"],
            row["score_low"],
            row["score_high"],
            row["comments"],
            row["is_enough"],
        )
        for row in rows
    )
    return products, sum({row["is_enough"]: row["alike"] for row in rows}.values())


def _said(ask: Ask, bounds: Bounds, built_at: datetime) -> Said:
    shown = [
        Comment(
            # An integer needs no pandas, whose import takes longer than everything else here.
            responded_at=(at := _EPOCH + timedelta(microseconds=row.pop("responded_at"))),
            days_waiting=max(0, (built_at - at).days) if row["waits"] else None,
            text=_cut(row.pop("comment"), bounds.characters),
            reply=_cut(row.pop("reply"), bounds.characters),
            source=(source := row.pop("source")) and bounded(source),
            campaign=(campaign := row.pop("campaign")) and bounded(campaign),
            **row,
        )
        for row in ask("waiting", most=bounds.waiting) + ask("newest", most=bounds.comments)
    ]
    (counted,) = ask("said")
    oldest, middle = counted.pop("oldest"), counted.pop("middle")
    return Said(
        tuple(shown),
        **counted,
        longest_days=_days_since(oldest, built_at),
        median_days=_days_since(middle, built_at),
        replies=tuple(Replies(**row) for row in ask("replies")),
    )


def _days_since(micros: int | None, built_at: datetime) -> int | None:
    if micros is None:
        return None
    return max(0, (built_at - (_EPOCH + timedelta(microseconds=micros))).days)


def _cut(text: str | None, characters: int) -> Any:
    if text is None:
        return None
    # Masked first: half of an address or a number would not be recognised.
    return shortened(masked(text), characters)


def _freshness(ask: Ask, sources: Sequence[Source], looks: Looks) -> tuple[Freshness, ...]:
    """Every provider of answers that has stored days or is watched, in the usual order."""
    stored = {
        row["provider"]: _EPOCH + timedelta(microseconds=row["answered_at"])
        for row in ask("latest")
    }
    days: dict[str, date] = {}
    for source in sources:
        group = source.table.partition(".")[0]
        if source.last is not None:
            days[group] = max(source.last, days.get(group, source.last))
    found = []
    for provider in REGISTRY:
        name = provider.name
        if provider.answers is None or not (name in days or name in looks):
            continue
        looked_at, seen = looks.get(name, (None, None))
        latest = [moment for moment in (stored.get(name), seen) if moment is not None]
        found.append(Freshness(name, max(latest, default=None), days.get(name), looked_at))
    return tuple(found)


def _sources(warehouse: Warehouse, read_at: Mapping[str, datetime]) -> tuple[Source, ...]:
    sources = []
    for table in READ_TABLES:
        held = warehouse.days_held(table)
        quarantined = 0
        for path in quarantine_files(warehouse, table):
            file = pa.BufferReader(warehouse.read_bytes(path))
            quarantined += pq.ParquetFile(file).metadata.num_rows
        if not held and not quarantined:
            continue
        missing: tuple[date, ...] = ()
        if held:
            days = set(held)
            missing = tuple(day for day in days_between(held[0], held[-1]) if day not in days)
        sources.append(
            Source(
                table.full_name,
                held[0] if held else None,
                held[-1] if held else None,
                missing,
                quarantined,
                read_at.get(table.full_name),
            )
        )
    return tuple(sources)
