"""The definition of a provider table: its declaration, and how its records are typed."""

from collections.abc import Mapping
from functools import cache

from feedback_assets.ingest import READING_RULES
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.schema.table import Table

# What describes a table or says whose a row is, and changes nothing that is read.
NOT_READ = frozenset(
    {"description", "example", "source", "unit", "names", "prefix", "unless", "depends"}
)


def provider_definition(table: Table, settings: Mapping[str, str]) -> Definition:
    """By what records become rows of ``table``; ``settings``: those that its rows depend on."""
    return Definition(_code(table, READING_RULES), settings)


@cache
def _code(table: Table, rules: int) -> str:
    source = next(source for source in SOURCES if table in source.tables)
    return code_of(declared(table, without=NOT_READ), source.null_text, rules)
