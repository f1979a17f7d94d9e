"""All tables of the warehouse: each is declared once here, and everything else follows from it."""

from feedback_assets.providers.feedbackpulse import tables as feedbackpulse
from feedback_assets.providers.fullwhere import survey_links
from feedback_assets.providers.fullwhere import tables as fullwhere
from feedback_assets.providers.retargeting import tables as retargeting
from feedback_assets.providers.thanx import tables as thanx
from feedback_assets.providers.wicked_reports import tables as wicked_reports
from feedback_assets.schema.table import Table
from feedback_assets.tables import ad_spend, marts, reports, scorecard, unified

PROVIDER_TABLES: tuple[Table, ...] = (
    *wicked_reports.TABLES,
    *thanx.TABLES,
    *fullwhere.TABLES,
    *feedbackpulse.TABLES,
    *retargeting.TABLES,
)
UNIFIED_TABLES: tuple[Table, ...] = unified.TABLES
MART_TABLES: tuple[Table, ...] = marts.TABLES + scorecard.TABLES
DERIVED_TABLES: tuple[Table, ...] = UNIFIED_TABLES + MART_TABLES
ALL_TABLES: tuple[Table, ...] = PROVIDER_TABLES + DERIVED_TABLES
"""The tables that are assets: read from a provider, or computed from what was read."""
FILE_TABLES: tuple[Table, ...] = ad_spend.TABLES
"""The tables that are filled from files of the user's own; without a file they are empty."""
REPORT_PAGES: tuple[Table, ...] = reports.PAGES
"""The pages built from the marts; what they depend on is declared as for a table."""
OPERATION_TABLES: tuple[Table, ...] = survey_links.TABLES
"""The tables that jobs write; nothing materialises them."""
STORED_TABLES: tuple[Table, ...] = ALL_TABLES + FILE_TABLES + OPERATION_TABLES
"""Every table that the warehouse may hold."""

_MODULES = (marts, scorecard, unified)


def declared_in(table: Table) -> str:
    """The file that declares a derived table; ``StopIteration`` for any other."""
    return next(str(module.__file__) for module in _MODULES if table in module.TABLES)


_BY_NAME = {table.full_name: table for table in STORED_TABLES}


def find_table(full_name: str) -> Table:
    """The table named ``group.table``; ``KeyError`` naming those there are, if there is none."""
    if full_name not in _BY_NAME:
        raise KeyError(f"no table {full_name!r}; there are: {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[full_name]


__all__ = [
    "ALL_TABLES",
    "DERIVED_TABLES",
    "FILE_TABLES",
    "MART_TABLES",
    "OPERATION_TABLES",
    "PROVIDER_TABLES",
    "REPORT_PAGES",
    "STORED_TABLES",
    "UNIFIED_TABLES",
    "Table",
    "declared_in",
    "find_table",
]
