"""The definition of ``ad_spend.daily``: its declaration and the version of its reading rules."""

from feedback_assets.ingest.definition import NOT_READ
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.tables.ad_spend import DAILY

# Increase it when a file would be read differently.
_RULES = 2


def spend_definition() -> Definition:
    """The current definition."""
    return Definition(code_of(declared(DAILY, without=NOT_READ), _RULES))
