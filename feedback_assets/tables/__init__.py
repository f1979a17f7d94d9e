"""All tables of the warehouse: each is declared once here; everything else derives from it."""

from feedback_assets.providers.registry import REGISTRY
from feedback_assets.schema.table import Table
from feedback_assets.tables import ad_spend, marts, reports, unified

PROVIDER_TABLES: tuple[Table, ...] = tuple(
    table for provider in REGISTRY for table in provider.tables
)
FILE_TABLES: tuple[Table, ...] = ad_spend.TABLES
"""The tables read from files that the user names."""
READ_TABLES: tuple[Table, ...] = PROVIDER_TABLES + FILE_TABLES
"""The tables read from providers and files, each with a quarantine for unreadable records."""
UNIFIED_TABLES: tuple[Table, ...] = unified.TABLES
MART_TABLES: tuple[Table, ...] = marts.TABLES
DERIVED_TABLES: tuple[Table, ...] = UNIFIED_TABLES + MART_TABLES
ALL_TABLES: tuple[Table, ...] = READ_TABLES + DERIVED_TABLES
"""The tables that are assets: read from a provider or a file, or derived."""
REPORT_PAGES: tuple[Table, ...] = reports.PAGES
"""The pages built from the marts; their dependencies are declared as for a table."""
OPERATION_TABLES: tuple[Table, ...] = tuple(
    table for provider in REGISTRY for table in provider.job_tables
)
"""The tables that jobs write; they are not materialised."""
STORED_TABLES: tuple[Table, ...] = ALL_TABLES + OPERATION_TABLES
"""Every table that the warehouse may contain."""

_BY_NAME = {table.full_name: table for table in STORED_TABLES}


def find_table(full_name: str) -> Table:
    """The table named ``group.table``; ``KeyError`` lists the existing tables if there is none."""
    if full_name not in _BY_NAME:
        raise KeyError(f"no table {full_name!r}; choose from {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[full_name]


__all__ = [
    "ALL_TABLES",
    "DERIVED_TABLES",
    "FILE_TABLES",
    "MART_TABLES",
    "OPERATION_TABLES",
    "PROVIDER_TABLES",
    "READ_TABLES",
    "REPORT_PAGES",
    "STORED_TABLES",
    "UNIFIED_TABLES",
    "Table",
    "find_table",
]
