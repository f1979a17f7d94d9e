"""The definition of ``ad_spend.daily``: its declaration, and the rules by which rows are read."""

from feedback_assets.ingest.definition import NOT_READ
from feedback_assets.schema.definition import Definition, code_of, declared
from feedback_assets.tables.ad_spend import DAILY

# One more with each change by which a file reads differently.
_RULES = 1


def spend_definition() -> Definition:
    """By what the files become rows."""
    return Definition(code_of(declared(DAILY, without=NOT_READ), _RULES))
