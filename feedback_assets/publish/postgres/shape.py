"""The declaration of a table in Postgres: types, nullability, comments, key and indexes."""

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from feedback_assets.publish.names import table_name
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import Table

DAY_COMMENT = "The UTC day that the row belongs to"
# Columns that dashboards filter by, besides days and declared ids.
_FILTERED = ("source", "campaign")
_LONGEST_NAME = 63
_TYPES = {
    pa.string(): "text",
    pa.bool_(): "boolean",
    pa.int8(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp with time zone",
}


@dataclass(frozen=True)
class PgColumn:
    """One column at the target, with its type as ``format_type`` spells it."""

    name: str
    type: str
    nullable: bool
    comment: str

    @property
    def is_json(self) -> bool:
        return self.type == "jsonb"


@dataclass(frozen=True)
class Index:
    """A key or an index: its name, and the clause of ``alter table`` or ``create index``."""

    name: str
    columns: tuple[str, ...]
    kind: str = "index"

    def create(self, table: str) -> str:
        """The statement that creates it."""
        columns = ", ".join(map(quoted, self.columns))
        place = quoted(table)
        if self.kind == "primary key":
            return f"alter table {place} add constraint {quoted(self.name)} primary key ({columns})"
        if self.kind == "unique":
            return (
                f"create unique index {quoted(self.name)} on {place} ({columns}) nulls not distinct"
            )
        return f"create index {quoted(self.name)} on {place} ({columns})"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def columns_of(table: Table) -> tuple[PgColumn, ...]:
    """The columns at the target, ``day`` first if the table is partitioned."""
    day = (PgColumn("day", "date", nullable=False, comment=DAY_COMMENT),)
    return (*(day if table.partitioned else ()), *map(_column, table.columns))


def _column(column: Column) -> PgColumn:
    unit = f" [{column.unit}]" if column.unit else ""
    return PgColumn(column.name, _type(column.type), column.nullable, f"{column.description}{unit}")


def _type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_nested(kind):
        return "jsonb"
    return _TYPES[kind]


def key_of(table: Table) -> tuple[str, ...]:
    """The columns that identify a row, ``day`` first; none if one is nested in another column."""
    key = (*(("day",) if table.partitioned else ()), *table.key)
    names = {column.name for column in columns_of(table)}
    return tuple(dict.fromkeys(key)) if names.issuperset(key) else ()


def indexes_of(table: Table) -> tuple[Index, ...]:
    """The key, if there is one, and an index on each column that people filter by."""
    name, key = table_name(table), key_of(table)
    nullable = {column.name: column.nullable for column in columns_of(table)}
    found = []
    if key:
        kind = "unique" if any(nullable[part] for part in key) else "primary key"
        found.append(Index(_index_name(name, ("key",)), key, kind))
    elif table.partitioned:
        found.append(Index(_index_name(name, ("day",)), ("day",)))
    wanted = [column.name for column in table.columns if column.points_at]
    wanted += [column.name for column in table.columns if column.name in _FILTERED]
    found += [
        Index(_index_name(name, (column,)), (column,))
        for column in dict.fromkeys(wanted)
        if (column,) != key
    ]
    return tuple(found)


def _index_name(table: str, parts: tuple[str, ...]) -> str:
    name = f"{table}__{'_'.join(parts)}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
