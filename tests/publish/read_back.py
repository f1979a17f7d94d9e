"""Rows of the warehouse, of Postgres and of Iceberg in one comparable form."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from feedback_assets.publish.iceberg.catalog import Place
from feedback_assets.publish.names import table_name
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.warehouse import Warehouse

Rows = list[str]


def in_warehouse(warehouse: Warehouse, table: Table, *, lists: bool = True) -> Rows:
    """All rows with their day, sorted; without ``lists``, a missing list is an empty one."""
    rows = warehouse.read_arrow(table).to_pylist()
    if not lists:
        names = [one.name for one in table.schema if pa.types.is_list(one.type)]
        rows = [row | {name: row[name] or [] for name in names} for row in rows]
    return sorted(map(_shown, rows))


def in_postgres(url: str, table: Table, schema: str = "feedback") -> Rows:
    """All rows, converted to their declared types."""
    found = fetch(url, f'select * from "{schema}"."{table_name(table)}"')
    nested = {one.name for one in table.schema if pa.types.is_nested(one.type)}
    decimals = {one.name for one in table.schema if pa.types.is_decimal(one.type)}
    rows = []
    for row in found.to_pylist():
        for name, value in row.items():
            if value is not None and name in nested:
                row[name] = json.loads(value, parse_float=Decimal)
            elif value is not None and name in decimals:
                row[name] = Decimal(value)
        rows.append(row)
    return sorted(map(_shown, rows))


def fetch(url: str, query: str) -> pa.Table:
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def _shown(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return _stamp(value)
    if isinstance(value, Decimal):
        return f"number {value.normalize():f}"
    return str(value)


def _stamp(value: datetime) -> str:
    # As in the JSON of nested columns.
    return value.isoformat().replace("+00:00", "Z")


def in_iceberg(place: Place, table: Table, namespace: str = "feedback") -> Rows:
    """All rows as PyIceberg reads them."""
    found = place.connect().load_table((namespace, table_name(table)))
    return sorted(map(_shown, found.scan().to_arrow().to_pylist()))
