"""What the page shows, read from the marts by the files in ``sql/``; no words, no HTML.

Bounded whatever the warehouse holds: sums come from the marts, and of channels, products and
comments as many as ``Bounds`` says, with the number of those left out.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.reports.names import bounded
from feedback_assets.reports.statistics import (
    Counts,
    Difference,
    nps_difference,
    rate_difference,
)
from feedback_assets.schema.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.tables import MART_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.transforms.sources import Days, ask, connect
from feedback_assets.warehouse.generated import generated_providers
from feedback_assets.warehouse.quarantine import quarantine_files
from feedback_assets.warehouse.warehouse import Warehouse

MODELS = (
    "first_click", "first_optin", "re_optin", "last_click",
    "linear", "position_based", "time_decay",
)  # fmt: skip
WINDOWS = (7, 30, 90, 365)
LEVELS = ("source", "medium", "campaign")
SMALLER = "(smaller ones)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Days of a partitioned mart that the page reads, up to the last one.
_LENGTHS = {"marts.nps_daily": 730, "marts.order_feedback": 365, "marts.match_coverage": 90}
_READ = [table for table in MART_TABLES if table.name != "nps_by_attribution"]


@dataclass(frozen=True)
class Bounds:
    """How much of what can be without end the page holds, and from when on a number is ranked."""

    waiting: int = 200
    comments: int = 300
    channels: int = 30
    products: int = 15
    surveys: int = 30
    values: int = 40
    characters: int = 2000
    few_answers: int = 30
    few_reviews: int = 10


@dataclass(frozen=True)
class Period:
    """The last ``window_days`` days and as many before; ``before`` None unless all are held."""

    window_days: int
    now: Counts
    before: Counts | None
    days_before: int
    sent: int
    answered: int
    sent_before: int
    answered_before: int

    @property
    def difference(self) -> Difference | None:
        return None if self.before is None else nps_difference(self.now, self.before)

    @property
    def response_rate(self) -> float | None:
        """Surveys answered of those sent, in per cent."""
        return 100 * self.answered / self.sent if self.sent else None

    @property
    def rate_difference(self) -> Difference | None:
        if self.before is None:
            return None
        return rate_difference(self.answered, self.sent, self.answered_before, self.sent_before)


@dataclass(frozen=True)
class Week:
    """One week from Monday on, and how many of its days had answers."""

    first: date
    days: int
    counts: Counts


@dataclass(frozen=True)
class Channel:
    """One channel by one model over one window, on one level of detail.

    ``verdict`` is ``above`` or ``below`` where its NPS differs from that of all other answers
    beyond chance, ``few`` under ``Bounds.few_answers``, ``uncredited`` for answers without an
    order or touch, ``smaller`` for those not named, else ``alike``.
    """

    window_days: int
    model: str
    level: str
    name: str
    channels: int
    counts: Counts
    verdict: str


@dataclass(frozen=True)
class Value:
    """What one class bought in one currency."""

    nps_class: str
    currency: str | None
    customers: int
    orders: int
    net_amount: Decimal | None
    per_customer: Decimal | None
    repeat_rate: float | None


@dataclass(frozen=True)
class Survey:
    """Surveys of one name and kind, from planned to answered, over the last 90 days."""

    survey_name: str | None
    sending_type: str | None
    planned: int
    sent: int
    resent: int
    clicked: int
    answered: int


@dataclass(frozen=True)
class Product:
    """Mean score of one product with its 95 % interval; ``is_enough`` to be ranked."""

    real_id: str
    name: str
    reviews: int
    mean: float | None
    low: float | None
    high: float | None
    comments: int
    is_enough: bool


@dataclass(frozen=True)
class Comment:
    """What one customer wrote, and what is known of the order; no e-mail, no name."""

    feedback_id: str
    provider: str
    responded_at: datetime
    score: int | None
    nps_class: str | None
    text: str
    reply: str | None
    days_waiting: int | None
    customer_key: str | None
    order_source_id: str | None
    currency: str | None
    customer_net_amount: Decimal | None
    source: str | None
    campaign: str | None

    @property
    def waits(self) -> bool:
        return self.days_waiting is not None


@dataclass(frozen=True)
class Said:
    """The comments shown, those that wait for a reply first, and how many there are of each."""

    shown: tuple[Comment, ...] = ()
    waiting: int = 0
    waiting_comments: int = 0
    comments: int = 0

    @property
    def shown_waiting(self) -> int:
        return sum(comment.waits for comment in self.shown)


@dataclass(frozen=True)
class Source:
    """What is held of one provider table: its days, gaps, rows set aside, and when it was read."""

    table: str
    first: date | None
    last: date | None
    missing: tuple[date, ...]
    quarantined: int
    read_at: datetime | None


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    built_at: datetime
    bounds: Bounds
    last_day: date | None = None
    first_day: date | None = None
    missing_days: int = 0
    absent: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    weeks: tuple[Week, ...] = ()
    channels: tuple[Channel, ...] = ()
    values: tuple[Value, ...] = ()
    surveys: tuple[Survey, ...] = ()
    products: tuple[Product, ...] = ()
    products_in_all: int = 0
    said: Said = field(default_factory=Said)
    coverage: tuple[tuple[str, str, int], ...] = ()
    sources: tuple[Source, ...] = ()

    def period(self, window_days: int) -> Period | None:
        return next((p for p in self.periods if p.window_days == window_days), None)

    def chosen(self, window_days: int, model: str, level: str) -> tuple[Channel, ...]:
        """The channels of one window, model and level."""
        wanted = (window_days, model, level)
        return tuple(c for c in self.channels if (c.window_days, c.model, c.level) == wanted)

    @property
    def windows(self) -> tuple[int, ...]:
        """The windows that channels are held for, but those longer than all that is held."""
        held = 0 if self.first_day is None else days_between_count(self.first_day, self.last_day)
        there = sorted({channel.window_days for channel in self.channels})
        return tuple(
            days for place, days in enumerate(there) if not place or there[place - 1] < held
        )

    @property
    def read_at(self) -> datetime | None:
        """When data was read last."""
        return max((s.read_at for s in self.sources if s.read_at is not None), default=None)


def days_between_count(first: date, last: date | None) -> int:
    """How many days there are from ``first`` to ``last``, both included."""
    return 0 if last is None else (last - first).days + 1


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
    with _connected(warehouse, _READ, last, memory_limit) as ask:
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
            channels=_channels(ask, bounds),
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
    with _connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _weeks(ask)


def read_coverage(warehouse: Warehouse) -> tuple[tuple[str, str, int], ...]:
    """Provider, rule and answers of the last 90 days, of ``marts.match_coverage`` alone."""
    table = find_table("marts.match_coverage")
    held_days = warehouse.days_held(table)
    with _connected(warehouse, [table], held_days[-1] if held_days else None) as ask:
        return _coverage(ask)


Row = dict[str, Any]


@cache
def sql_of(name: str) -> str:
    """The text of one query of the page."""
    path = files("feedback_assets.reports") / "sql" / f"{name}.sql"
    return path.read_text(encoding="utf-8")


class _Ask:
    def __init__(self, connection: duckdb.DuckDBPyConnection, values: Row) -> None:
        self._connection = connection
        self._values = values

    def __call__(self, name: str, **more: Any) -> list[Row]:
        text = sql_of(name)
        values = {**self._values, **more}
        # DuckDB refuses a value that the query does not name.
        named = {key: value for key, value in values.items() if f"${key}" in text}
        rows: list[Row] = ask(self._connection, text, named).to_pylist()
        return rows


@contextmanager
def _connected(
    warehouse: Warehouse,
    tables: Collection[Table],
    last: date | None,
    memory_limit: str | None = None,
) -> Iterator[_Ask]:
    days: dict[str, Days] = {}
    if last is not None:
        days = {
            name: (last - timedelta(days=length - 1), last) for name, length in _LENGTHS.items()
        }
    with connect(warehouse, tables, days=days, memory_limit=memory_limit) as connection:
        yield _Ask(connection, {"last_day": last or date.min})


def _weeks(ask: _Ask) -> tuple[Week, ...]:
    return tuple(Week(row["week"], row["days"], _counts(row)) for row in ask("weeks"))


def _coverage(ask: _Ask) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (row["provider"], row["match_method"], row["responses"]) for row in ask("coverage")
    )


def _counts(row: Row) -> Counts:
    return Counts(row["responses"], row["promoters"], row["passives"], row["detractors"])


def _periods(ask: _Ask, held_days: Collection[date]) -> tuple[Period, ...]:
    answers = {(row["window_days"], row["is_current"]): _counts(row) for row in ask("periods")}
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


def _channels(ask: _Ask, bounds: Bounds) -> tuple[Channel, ...]:
    rows = ask("channels", most=bounds.channels)
    groups: dict[tuple[int, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["window_days"], row["model"], row["level"]), []).append(row)
    channels = []
    for (window, model, level), found in groups.items():
        whole = Counts(
            *(
                sum(row[name] for row in found)
                for name in ("responses", "promoters", "passives", "detractors")
            )
        )
        compared = [
            row
            for row in found
            if not row["is_uncredited"]
            and _name(row, level) != SMALLER
            and row["responses"] >= bounds.few_answers
        ]
        for row in found:
            verdict = _verdict(row, level, whole, bounds, len(compared))
            name = _name(row, level)
            channels.append(
                Channel(window, model, level, name, row["channels"], _counts(row), verdict)
            )
    return tuple(channels)


def _name(row: Row, level: str) -> str:
    if row["is_uncredited"]:
        return bounded(str(row["source"] or row["medium"]))
    parts = {
        "source": [row["source"]],
        "medium": [row["medium"]],
        "campaign": [row["source"], row["medium"], row["campaign"]],
    }[level]
    return SMALLER if parts[0] is None else bounded(" / ".join(parts))


def _verdict(row: Row, level: str, whole: Counts, bounds: Bounds, comparisons: int) -> str:
    if row["is_uncredited"]:
        return "uncredited"
    if _name(row, level) == SMALLER:
        return "smaller"
    if row["responses"] < bounds.few_answers:
        return "few"
    counts = _counts(row)
    difference = nps_difference(counts, whole.without(counts))
    if difference is None or not difference.beyond_chance(comparisons):
        return "alike"
    return "above" if difference.points > 0 else "below"


def _survey(row: Row) -> Survey:
    named = ("survey_name", "sending_type")
    return Survey(**row | {name: row[name] and bounded(row[name]) for name in named})


def _values(ask: _Ask, bounds: Bounds) -> tuple[Value, ...]:
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


def _products(ask: _Ask, bounds: Bounds) -> tuple[tuple[Product, ...], int]:
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


def _said(ask: _Ask, bounds: Bounds) -> Said:
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
