"""Rows whose day the provider changed: which of them count, defined once for all queries.

Until the old day is read again, the key of such a row is stored on two days. A query that reads
several days uses one of two relations instead of the table, for ``unified.orders``:

- ``unified_orders_latest``: the table without the rows that a later day replaces, read once;
- ``unified_orders_replaced``: the key and day of those rows, and in ``replaced_on`` the next day
  that has the key. A row counts before that day, so that a day built alone, which reads no later
  one, has the same rows as that day in a range.

The later day wins, because only Fullwhere's table records when a row was changed.
"""

import re

from feedback_assets.schema.table import Table
from feedback_assets.tables import STORED_TABLES
from feedback_assets.transforms.dialect import quoted, view_of

_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"--[^\n]*")


def _name(table: Table) -> str:
    return f"{table.group}_{table.name}"


_TABLES = {_name(table): table for table in STORED_TABLES if table.may_move}


def restated(sql: str) -> str:
    """The common table expressions that a query uses, as ``a as (…), b as (…)``; often none."""
    words = set(_WORD.findall(_COMMENT.sub("", sql)))
    found = []
    for name, table in _TABLES.items():
        if f"{name}_latest" in words:
            found += [_held(table), _replaced(table, f"{name}_held"), _latest(table)]
        elif f"{name}_replaced" in words:
            found.append(_replaced(table, view_of(table)))
    return ",\n".join(found)


def with_restated(sql: str) -> str:
    """An executable query: unchanged, or with the ``restated`` relations it uses in front."""
    shared = restated(sql)
    return f"with {shared}\nselect * from (\n{sql}\n)" if shared else sql


def _held(table: Table) -> str:
    # DuckDB would open the files of a view once for each of the three times that it is named. It
    # keeps only the columns that are used.
    return f"{_name(table)}_held as materialized (select * from {view_of(table)})"  # noqa: S608


def _replaced(table: Table, source: str) -> str:
    keys = ", ".join(quoted(part) for part in table.key)
    # Few keys are on two days: finding them first is faster than numbering every row.
    twice = " and ".join(f"twice.{quoted(part)} = held.{quoted(part)}" for part in table.key)
    held = ", ".join(f"held.{quoted(part)}" for part in table.key)
    return f"""{_name(table)}_replaced as (
    select {keys}, day, replaced_on
    from (
        select {held}, held.day, lead(held.day) over (partition by {held} order by held.day)
            as replaced_on
        from {source} as held
        inner join (select {keys} from {source} group by {keys} having min(day) < max(day)) as twice
            on {twice}
    ) as stood
    where replaced_on > day
)"""  # noqa: S608 - names of our own declarations


def _latest(table: Table) -> str:
    name = _name(table)
    same = " and ".join(
        f"replaced.{quoted(part)} = held.{quoted(part)}" for part in (*table.key, "day")
    )
    return f"""{name}_latest as (
    select held.*
    from {name}_held as held
    left join {name}_replaced as replaced on {same}
    where replaced.day is null
)"""  # noqa: S608 - names of our own declarations
