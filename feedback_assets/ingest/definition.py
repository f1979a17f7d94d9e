"""The definition of a provider table: its declaration, and how its records are typed."""

from collections.abc import Mapping
from functools import cache

from feedback_assets.ingest import READING_RULES
from feedback_assets.ingest.sources import source_of
from feedback_assets.schema.columns import leaves
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.schema.table import Table

# What describes a table or says whose a row is, and changes nothing that is read.
NOT_READ = frozenset(
    {"description", "example", "source", "unit", "names", "prefix", "unless", "depends", "epoch"}
)


def provider_definition(table: Table, settings: Mapping[str, str]) -> Definition:
    """By what records become rows of ``table``; ``settings``: those that its rows depend on."""
    return Definition(_code(table, READING_RULES), settings)


@cache
def _code(table: Table, rules: int) -> str:
    # Apart from the rest, so that a table that counts no seconds has the hash that it had before.
    epochs = {
        path: column.epoch for path, column in leaves(table.columns, in_lists=True) if column.epoch
    }
    parts = (epochs,) if epochs else ()
    return code_of(declared(table, without=NOT_READ), source_of(table).null_text, rules, *parts)
