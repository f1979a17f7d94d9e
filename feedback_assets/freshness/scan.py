"""Finds provider days of the first version that would be read differently now.

Sends no requests. The result is recorded on each day, so that no day is scanned twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg
import pyarrow as pa

from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.recorded import latest_metadata, read_recorded, record_days
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.ingest.again import SecondReading, read_again
from feedback_assets.ingest.sources import source_of
from feedback_assets.schema.definition import FIRST_VERSION
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing
from feedback_assets.settings import Settings
from feedback_assets.tables import PROVIDER_TABLES
from feedback_assets.warehouse.erased import Erased
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.warehouse import Warehouse

Scanned = dict[Table, dict[date, bool]]
"""For each table and day, whether any row is read differently now."""


def scan(
    instance: dg.DagsterInstance,
    settings: Settings,
    tables: Iterable[Table],
    first: date,
    last: date,
) -> Scanned:
    """Scan the days from ``first`` to ``last`` that have no definition, and record the result."""
    warehouse = open_warehouse(settings)
    erased = warehouse.erased()
    unknown = {
        table: _unknown_days(instance, warehouse, table, settings.names, (first, last))
        for table in PROVIDER_TABLES
        if table in set(tables)
    }
    found: Scanned = {}
    inside: dict[Table, set[date]] = defaultdict(set)
    # Tables whose records contain those of other tables first: nested records may be of any day.
    for table, days in sorted(unknown.items(), key=lambda pair: _is_inside_another(pair[0])):
        typing = _typing(settings, table)
        found[table] = {}
        # Before reading the files: a file that is replaced meanwhile then differs from its record.
        marks = warehouse.marks(table)
        for day in days:
            rows = warehouse.read_arrow(table, day, day).drop_columns("day")
            second = _second_reading(table, rows, typing, erased)
            for other, days_inside in second.inside.items():
                inside[other] |= days_inside
            found[table][day] = second.differs or day in inside[table]
        _record(instance, settings, table, found[table], marks)
    return found


def lines(scanned: Scanned) -> list[str]:
    """The number of scanned days, and the tables with days that would be read differently now."""
    days = sum(len(of_table) for of_table in scanned.values())
    if not days:
        return ["Nothing to scan: the definition of every stored day is recorded."]
    counts = {
        table.full_name: sum(of_table.values())
        for table, of_table in scanned.items()
        if any(of_table.values())
    }
    if not counts:
        return [f"{days} partitions scanned; all of them would be read the same way now."]
    named = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return [f"{days} partitions scanned; some would be read differently now: {named}"]


def _unknown_days(
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    table: Table,
    names: Names,
    days: tuple[date, date],
) -> list[date]:
    recorded = read_recorded(instance, table, names, days)
    # A day without a record on the instance would look newly read.
    return [
        day
        for day in warehouse.days_held(table)
        if day in recorded.content and day not in recorded.built_by
    ]


def _second_reading(
    table: Table, rows: pa.Table, typing: Typing, erased: Erased | None
) -> SecondReading:
    if erased and erase_rows(table, rows, erased).changed:
        return SecondReading(differs=True)
    return read_again(table, rows, typing)


def _typing(settings: Settings, table: Table) -> Typing:
    return source_of(table).typing(settings.zone(table.group))


def _is_inside_another(table: Table) -> bool:
    return table is not source_of(table).tables[0]


def _record(
    instance: dg.DagsterInstance,
    settings: Settings,
    table: Table,
    days: dict[date, bool],
    marks: Mapping[date | None, str],
) -> None:
    now = definition_of(table, settings).text
    before = latest_metadata(instance, table, settings.names, days)
    record_days(
        instance,
        table,
        settings.names,
        {
            day: {
                **before[day],
                "definition": FIRST_VERSION if differs else now,
                "file": marks[day],
            }
            for day, differs in days.items()
            if day in before and day in marks
        },
    )
