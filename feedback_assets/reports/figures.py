"""Reads the report from the marts; no words, no HTML."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.days import days_between
from feedback_assets.reports.channels import read_channels
from feedback_assets.reports.names import bounded
from feedback_assets.reports.queries import Ask, Row, connected, counts
from feedback_assets.reports.report import (
    WINDOWS,
    Bounds,
    Comment,
    Period,
    Product,
    Report,
    Said,
    Source,
    Survey,
    Value,
    Week,
    days_between_count,
)
from feedback_assets.reports.statistics import Counts
from feedback_assets.tables import MART_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.warehouse.generated import generated_providers
from feedback_assets.warehouse.quarantine import quarantine_files
from feedback_assets.warehouse.warehouse import Warehouse

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = [table for table in MART_TABLES if table.name != "nps_by_attribution"]


def read_report(
    warehouse: Warehouse,
    *,
    built_at: datetime | None = None,
    read_at: Mapping[str, datetime] | None = None,
    bounds: Bounds | None = None,
    memory_limit: str | None = None,
) -> Report:
    """The figures of all marts that the warehouse holds; what it lacks is empty.

    ``read_at``: when each provider table, named ``group.table``, was materialised last. Raises
    ``duckdb.Error`` where a file cannot be read.
    """
    bounds = bounds or Bounds()
    held_days = warehouse.days_held(find_table("marts.nps_daily"))
    last = held_days[-1] if held_days else None
    with connected(warehouse, _READ, last, memory_limit) as ask:
        products, products_in_all = _products(ask, bounds)
        return Report(
            built_at=built_at or datetime.now(UTC),
            bounds=bounds,
            absent=tuple(t.full_name for t in _READ if not warehouse.files(t)),
            generated=generated_providers(warehouse),
            sources=_sources(warehouse, read_at or {}),
            last_day=last,
            first_day=held_days[0] if held_days else None,
            missing_days=_gaps(held_days),
            periods=_periods(ask, held_days),
            weeks=_weeks(ask),
            channels=read_channels(ask, bounds),
            values=_values(ask, bounds),
            surveys=tuple(_survey(row) for row in ask("funnel")[: bounds.surveys]),
            products=products,
            products_in_all=products_in_all,
            said=_said(ask, bounds),
            coverage=_coverage(ask),
        )


def read_weeks(warehouse: Warehouse) -> tuple[Week, ...]:
    """The weeks of the last two years, of ``marts.nps_daily`` alone."""
    table = find_table("marts.nps_daily")
    held_days = warehouse.days_held(table)
    with connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _weeks(ask)


def read_coverage(warehouse: Warehouse) -> tuple[tuple[str, str, int], ...]:
    """Provider, rule and answers of the last 90 days, of ``marts.match_coverage`` alone."""
    table = find_table("marts.match_coverage")
    held_days = warehouse.days_held(table)
    with connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _coverage(ask)


def _weeks(ask: Ask) -> tuple[Week, ...]:
    return tuple(Week(row["week"], row["days"], counts(row)) for row in ask("weeks"))


def _coverage(ask: Ask) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (row["provider"], row["match_method"], row["responses"]) for row in ask("coverage")
    )


def _periods(ask: Ask, held_days: Collection[date]) -> tuple[Period, ...]:
    answers = {(row["window_days"], row["is_current"]): counts(row) for row in ask("periods")}
    sent = {
        (row["window_days"], row["is_current"]): (row["sent"], row["answered"])
        for row in ask("response_rate")
    }
    if not held_days:
        return ()
    last, held = max(held_days), set(held_days)
    periods = []
    for window in WINDOWS:
        before_days = days_between(
            last - timedelta(days=2 * window - 1), last - timedelta(days=window)
        )
        days_before = sum(day in held for day in before_days)
        complete = days_before == window
        periods.append(
            Period(
                window,
                answers.get((window, True), Counts()),
                answers.get((window, False), Counts()) if complete else None,
                days_before,
                *sent.get((window, True), (0, 0)),
                *sent.get((window, False), (0, 0)),
            )
        )
    return tuple(periods)


def _survey(row: Row) -> Survey:
    named = ("survey_name", "sending_type")
    return Survey(**row | {name: row[name] and bounded(row[name]) for name in named})


def _values(ask: Ask, bounds: Bounds) -> tuple[Value, ...]:
    return tuple(
        Value(
            row["nps_class"],
            row["currency"] and bounded(row["currency"]),
            row["customers"],
            row["orders"],
            row["net_amount"],
            row["net_amount_per_customer"],
            row["repeat_rate"],
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


def _said(ask: Ask, bounds: Bounds) -> Said:
    shown = [
        Comment(
            # As a whole number it needs no pandas, whose import takes longer than all the rest.
            responded_at=_EPOCH + timedelta(microseconds=row.pop("responded_at")),
            text=_cut(row.pop("comment"), bounds.characters),
            reply=_cut(row.pop("reply"), bounds.characters),
            **row,
        )
        for row in ask("waiting", most=bounds.waiting) + ask("newest", most=bounds.comments)
    ]
    (counted,) = ask("said")
    return Said(tuple(shown), **counted)


def _cut(text: str | None, characters: int) -> Any:
    if text is None or len(text) <= characters:
        return text
    return f"{text[: characters - 1]}…"


def _sources(warehouse: Warehouse, read_at: Mapping[str, datetime]) -> tuple[Source, ...]:
    sources = []
    for table in PROVIDER_TABLES:
        held = warehouse.days_held(table)
        quarantined = 0
        for path in quarantine_files(warehouse, table):
            file = pa.BufferReader(warehouse.read_bytes(path))
            quarantined += pq.ParquetFile(file).metadata.num_rows
        if not held and not quarantined:
            continue
        missing: tuple[date, ...] = ()
        if held:
            there = set(held)
            missing = tuple(day for day in days_between(held[0], held[-1]) if day not in there)
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


def _gaps(held: Collection[date]) -> int:
    return days_between_count(min(held), max(held)) - len(held) if held else 0
