"""Declares a table: the source for parsing, schema, checks and docs."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pyarrow as pa

from feedback_assets.schema.columns import TEXT, Column, leaves

EXTRA = Column(
    "extra", TEXT, "Fields that the provider does not document, as a JSON object; otherwise null"
)


@dataclass(frozen=True)
class Total:
    """A sum over a list within one record, which must fit the type of the summed values.

    ``name`` is the derived column that holds it; ``items`` the list, ``amount`` the summed field;
    with ``having``, only items whose field ``by`` is one of these words, compared trimmed and
    without case.
    """

    name: str
    items: str
    amount: str
    by: str = ""
    having: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the warehouse; declared once, so compared and hashed by identity.

    ``key`` and ``event_time`` are (dotted) column names; ``depends`` says, for each table that it
    is computed from, which of that table's days one day of this one reads; ``totals`` the sums
    within a record that must fit. ``parts`` are queries that its own query reads as
    ``parts.<name>``, in the order in which they are computed; ``asks_days_of`` names the table
    whose stored days they read as ``$days_held``.
    """

    group: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str | None = None
    partitioned: bool = True
    order_by: tuple[str, ...] = ()
    example: str = ""
    depends: dict[str, "Depends"] = field(default_factory=dict)
    totals: tuple[Total, ...] = ()
    parts: tuple[str, ...] = ()
    asks_days_of: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.group}.{self.name}"

    @property
    def primary_key(self) -> tuple[str, ...]:
        """``key``, preceded by ``day`` if the table has no time, so keys are unique per day."""
        day = ("day",) if self.partitioned and self.event_time is None else ()
        return (*day, *self.key)

    @property
    def may_move(self) -> bool:
        """Whether one key may be stored on two days: if its time is not part of the key."""
        return self.partitioned and self.event_time is not None and self.event_time not in self.key

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of its Parquet files; ``day`` is in the path, never in the file."""
        return pa.schema([column.arrow_field for column in self.columns])

    @cached_property
    def recurring(self) -> tuple[str, ...]:
        """Parquet's paths of the columns whose values repeat."""
        own = {EXTRA.name, *(self.key if len(self.key) == 1 else ())}
        found = leaves(self.columns, in_lists=True)
        return tuple(path for path, column in found if column.recurs and path not in own)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Depends:
    """The days of an upstream table that one day of a downstream table is computed from.

    ``back`` and ``ahead`` count days; ``span`` adds one of the configured spans to ``back``.
    """

    span: Literal["match", "touch"] | None = None
    back: int = 0
    ahead: int = 0
    every: bool = False

    def days_back(self, match_days: int, touch_days: int) -> int:
        spans = {"match": match_days, "touch": touch_days, None: 0}
        return self.back + spans[self.span]


SAME_DAY = Depends()
ALL_DAYS = Depends(every=True)
MATCH_WINDOW = Depends(span="match")
TOUCH_WINDOW = Depends(span="touch")


def provider_table(
    provider: str,
    name: str,
    description: str,
    *columns: Column,
    key: tuple[str, ...],
    event_time: str,
    example: str = "",
    totals: tuple[Total, ...] = (),
) -> Table:
    """A table of a provider's records as served, one row per record, plus ``extra``."""
    return Table(
        provider,
        name,
        description,
        (*columns, EXTRA),
        key=key,
        event_time=event_time,
        order_by=(event_time, *(part for part in key if part != event_time)),
        example=example,
        totals=totals,
    )
