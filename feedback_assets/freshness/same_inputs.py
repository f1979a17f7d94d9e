"""Whether a table was built from the current inputs; otherwise comparing them is meaningless.

While another backfill replaces the inputs, a mart built before differs from them and is correct.
It is due for a rebuild and is checked then.
"""

from collections.abc import Collection, Iterable
from datetime import date

import dagster as dg

from feedback_assets.assets.recorded import read_recorded
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.inputs import Day, Spans, days_read, inputs_hashes
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse


def changed_since(
    table: Table,
    days: Collection[Day],
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
    *,
    names: Names,
    spans: Spans,
    definition: str,
) -> set[Day]:
    """The partitions among ``days`` (None: no days) built from other inputs or another definition.

    Based on the files rather than the records: a run records a file only after replacing it. A
    partition without a record on the instance counts as unchanged.
    """
    held = [day for day in days if day is not None]
    span = (min(held), max(held)) if held else None
    built_from = read_recorded(instance, table, names, span).built_from
    contents = {
        name: dict(
            _contents(
                warehouse,
                find_table(name),
                None if span is None else days_read(table, name, *span, spans),
            )
        )
        for name in table.depends
    }
    now = inputs_hashes(table, days, contents, spans, definition)
    return {day for day, hashed in now.items() if built_from.get(day, hashed) != hashed}


def _contents(
    warehouse: Warehouse, table: Table, span: tuple[date, date] | None
) -> Iterable[tuple[Day, str]]:
    if not table.partitioned:
        rows = warehouse.read_arrow(table)
        yield None, content_hash(rows) if rows.num_rows else ""
        return
    for day in warehouse.days_held(table):
        if span is None or span[0] <= day <= span[1]:
            rows = warehouse.read_arrow(table, day, day).drop_columns(["day"])
            yield day, content_hash(rows) if rows.num_rows else ""
