"""Keys that moved to another day and are stored on both: a check, and the days to re-read.

The old day loses such a row when it is re-read, which the daily schedule does for recent days
only. The check covers all stored days regardless of its run: days read by the run hold the new
row, and any other day may hold the old one.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.days import days_of_names, named_days
from feedback_assets.freshness.out_of_date import command_line, spans_to_ask
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES
from feedback_assets.transforms.dialect import quoted, view_of
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

CHECK = "keys_on_one_day"

_MOST_EXAMPLES = 3
_MOST_COMMANDS = 10
# Checks of runs that did not reach them, or were killed, leave records without a result.
_RECORDS_LOOKED_AT = 20


def checked(table: Table) -> bool:
    """Whether a key of the table can be on two days."""
    return table in PROVIDER_TABLES and table.may_move


def description(table: Table) -> str:
    """The description of the check in the UI."""
    return f"Each {', '.join(table.key)} is stored on one day only."


def numbers(warehouse: Warehouse, table: Table, names: Names, **bounds: Any) -> dict[str, Any]:
    """The numbers of ``keys_on_one_day``; ``bounds`` are passed to ``connect``.

    Reads the key column of all stored days: 1 s for 500,000 orders on 365 days.
    """
    with connect(warehouse, [table], **bounds) as connection:
        found = ask(connection, _moved(table))
    keys = found.num_rows
    shown: dict[str, Any] = {
        "days_stored": len(warehouse.days_held(table)),
        "keys_on_several_days": keys,
        "violations": keys,
    }
    if keys:
        days = found.column("days").combine_chunks().flatten().unique().to_pylist()
        shown["days"] = named_days(days)
        # A person's id would stay in the event log after erasure.
        if not any(table.column(column).personal for column in table.key):
            shown["examples"] = "; ".join(
                f"{row['key']} on {' and '.join(map(str, row['days']))}"
                for row in found.slice(0, _MOST_EXAMPLES).to_pylist()
            )
        shown["what_to_do"] = _what_to_do(table, names, days)
    return shown


def days_to_read_again(instance: dg.DagsterInstance, table: Table, names: Names) -> list[date]:
    """The days named by the last finished check of the table, at most 50 ranges."""
    if not checked(table):
        return []
    key = dg.AssetCheckKey(dg.AssetKey(names.key(table)), CHECK)
    for record in instance.event_log_storage.get_asset_check_execution_history(
        key, _RECORDS_LOOKED_AT
    ):
        event = record.event.dagster_event if record.event else None
        result = event.event_specific_data if event else None
        if isinstance(result, dg.AssetCheckEvaluation):
            named = result.metadata.get("days")
            return days_of_names(str(named.value)) if named else []
    return []


def _moved(table: Table) -> str:
    name = view_of(table)
    columns = ", ".join(quoted(column) for column in table.key)
    # Hashes take a third of the memory of keys; without duplicates the query ends there.
    return f"""
        with several as (
            select hash({columns}) as hashed from {name}
            group by hashed having min(day) < max(day)
        )
        select concat_ws(' ', {columns}) as key, list(distinct day order by day) as days
        from {name}
        where hash({columns}) in (select hashed from several)
        group by {columns} having min(day) < max(day)
        order by key
    """  # noqa: S608 - names of our own declarations


def _what_to_do(table: Table, names: Names, days: Iterable[date]) -> str:
    select = f'key:"{"/".join(names.key(table))}"'
    commands = [
        command_line("backfill", "--from", f"{first}", "--to", f"{last}", "--select", select)
        + names.option
        for first, last in spans_to_ask(days)
    ]
    more = len(commands) - _MOST_COMMANDS
    if more > 0:
        commands[_MOST_COMMANDS:] = [f"and {more} more"]
    how = (
        "read these days again, as read_all_that_is_restated does on the first of the month; "
        "build_what_changed rebuilds what is computed from them:"
    )
    return "\n".join([how, *commands])
