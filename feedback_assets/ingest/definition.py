"""The definition of a provider table: its declaration, and how its records are parsed."""

from collections.abc import Mapping
from functools import cache

from feedback_assets.ingest import READING_RULES
from feedback_assets.ingest.sources import source_of
from feedback_assets.schema.columns import leaves
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.schema.table import Table

# Fields that describe a table or identify persons; they do not affect how records are read.
NOT_READ = frozenset(
    {"description", "example", "source", "unit", "names", "prefix", "unless", "depends", "epoch"}
)


def provider_definition(table: Table, settings: Mapping[str, str]) -> Definition:
    """The definition of ``table``'s rows; ``settings``: the settings that they depend on."""
    return Definition(_code(table, READING_RULES), settings)


@cache
def _code(table: Table, rules: int) -> str:
    # Kept separate, so that the hash of a table without epoch columns does not change.
    epochs = {
        path: column.epoch for path, column in leaves(table.columns, in_lists=True) if column.epoch
    }
    parts = (epochs,) if epochs else ()
    return code_of(declared(table, without=NOT_READ), source_of(table).null_text, rules, *parts)
