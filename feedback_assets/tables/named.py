"""The tables named by a list of patterns such as ``marts.*, unified.orders``."""

import re
from fnmatch import fnmatchcase

from feedback_assets.schema.table import Table
from feedback_assets.tables import STORED_TABLES


def named_tables(patterns: str) -> tuple[Table, ...]:
    """The tables that the patterns name, in the order of their declaration.

    Each is ``group.table`` or ``group.*``. The group is always written out, so that no wildcard
    alone includes tables with personal data. Raises ``ValueError`` with the rest of a sentence.
    """
    wanted = [part for part in re.split(r"[\s,]+", patterns.strip()) if part]
    if not wanted:
        raise ValueError("names no table; use a list such as marts.*, unified.orders")
    groups = sorted({table.group for table in STORED_TABLES})
    for pattern in wanted:
        if pattern.partition(".")[0] not in groups:
            raise ValueError(
                f"{pattern!r} names no group; use {', '.join(f'{g}.*' for g in groups)}"
            )
        if not any(fnmatchcase(table.full_name, pattern) for table in STORED_TABLES):
            group = pattern.partition(".")[0]
            names = [table.full_name for table in STORED_TABLES if table.group == group]
            raise ValueError(f"{pattern!r} names no table; choose from {', '.join(names)}")
    return tuple(
        table
        for table in STORED_TABLES
        if any(fnmatchcase(table.full_name, pattern) for pattern in wanted)
    )
