"""``show tables`` in a query: the project's tables under the names used in queries."""

import re
from collections.abc import Sequence

from feedback_assets.tables import READ_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import literal, quoted

_SHOW = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(show\s+(?P<all>all\s+)?tables(\s+(from|in)\s+\"?(?P<group>\w+)\"?)?|show|describe)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


def listing(sql: str, accounts: Sequence[str] = ("",)) -> str | None:
    """The ``select`` for ``show tables``, which DuckDB resolves for ``main`` only.

    ``show`` and ``describe`` alone mean the same. ``show all tables`` adds the columns, ``show
    tables from marts`` lists one group. ``None`` for any other SQL. ``accounts``: the databases
    with these tables; empty for the main one.
    """
    found = _SHOW.fullmatch(sql)
    if not found:
        return None
    group = (found["group"] or "").lower()
    rows = [row for account in accounts for row in _rows(f"{account}." if account else "")]
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    columns = "name, one_row_is, columns" if found["all"] else "name, one_row_is"
    where = f" where group_name = {literal(group)}" if group else ""
    names = "group_name, name, one_row_is, columns"
    return f"select {columns} from (values {values}) as listed({names}){where}"  # noqa: S608


def _rows(account: str) -> list[tuple[str, ...]]:
    """Group, name, meaning and columns of every table of an account."""
    rows: list[tuple[str, ...]] = [
        (
            table.group,
            f"{account}{table.full_name}",
            re.split(r"(?<=\.)\s", table.description, maxsplit=1)[0].removeprefix("One row is "),
            ", ".join([*(column.name for column in table.columns), *["day"] * table.partitioned]),
        )
        for table in STORED_TABLES
    ]
    rows += [
        (
            "quarantine",
            f"{account}quarantine.{quoted(table.full_name)}",
            f"a record of {table.full_name} that could not be read",
            "day, table, reason, payload, fetched_at",
        )
        for table in READ_TABLES
    ]
    return rows
