"""The definition of a provider table: its declaration, and how its records are typed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from feedback_assets.ingest.rules import READING_RULES
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.tables import Table
from feedback_assets.tables.columns import Column
from feedback_assets.tables.definition import Definition, code_of


def provider_definition(table: Table, settings: Mapping[str, str]) -> Definition:
    """By what records become rows of ``table``; ``settings``: those that its rows depend on."""
    return Definition(_code(table, READING_RULES), settings)


@cache
def _code(table: Table, rules: int) -> str:
    source = next(source for source in SOURCES if table in source.tables)
    return code_of(
        [_column(column) for column in table.columns],
        [table.key, table.event_time, table.order_by],
        [source.null_text, rules],
    )


def _column(column: Column) -> list[Any]:
    return [
        column.name,
        str(column.type),
        column.nullable,
        column.json_name,
        column.fallback,
        [column.low, column.high],
        column.shape,
        [_column(field) for field in column.fields],
    ]
