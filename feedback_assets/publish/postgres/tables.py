"""Brings one table at the target to its declared shape, and fills it."""

import re
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.publish.names import table_name
from feedback_assets.publish.plan import Changes, Day, Published, with_day
from feedback_assets.publish.postgres.session import Session
from feedback_assets.publish.postgres.shape import (
    PgColumn,
    columns_of,
    indexes_of,
    literal,
    quoted,
)
from feedback_assets.publish.postgres.target import Existing
from feedback_assets.schema.table import Table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

_ROWS_AT_ONCE = 20_000
_NESTED_AT_ONCE = 2_000
_STAGE = "stage"
_json = msgspec.json.Encoder(decimal_format="number")
# Read from left to right, an escaped backslash takes its pair: what follows is text, not an escape.
_ESCAPE = re.compile(r"\\(?:u0000|.)")


def create(session: Session, table: Table) -> None:
    """Create the table without its key and indexes, which are added once it is filled."""
    columns = ", ".join(f"{quoted(one.name)} {one.type}" for one in columns_of(table))
    place = quoted(table_name(table))
    session.run(
        f"create table {place} ({columns})",
        f"create trigger _touched after insert or update or delete or truncate on {place} "
        "for each statement execute function _mark_touched()",
    )
    describe(session, table, Existing())


def alter(session: Session, table: Table, existing: Existing, *, relaxed: bool) -> bool:
    """Adapt an existing table to the declaration; returns whether its rows must be sent again.

    ``relaxed``: also drop its key, indexes and ``not null``, because new rows break one of them.
    """
    place = quoted(table_name(table))
    wanted = {one.name: one for one in columns_of(table)}
    other = {
        name
        for name, there in existing.columns.items()
        if name not in wanted or there.type != wanted[name].type
    }
    kept = existing.columns.keys() - other
    statements = list(_outdated_indexes(table, existing, relaxed=relaxed))
    statements += [f"alter table {place} drop column {quoted(name)}" for name in sorted(other)]
    statements += [
        f"alter table {place} alter column {quoted(name)} drop not null"
        for name in sorted(kept)
        if not existing.columns[name].nullable and (relaxed or wanted[name].nullable)
    ]
    statements += [
        f"alter table {place} add column {quoted(name)} {one.type}"
        for name, one in wanted.items()
        if name not in kept
    ]
    session.run_together(statements)
    describe(session, table, existing)
    # A column that was added has no values, also if somebody else had dropped it.
    return bool(wanted.keys() - kept) or "day" in other


def _outdated_indexes(table: Table, existing: Existing, *, relaxed: bool) -> Iterator[str]:
    place, declared = quoted(table_name(table)), set(indexes_of(table))
    for name, there in sorted(existing.indexes.items()):
        # A key has the same name whatever its kind and columns.
        if name.startswith(f"{table_name(table)}__") and (relaxed or there not in declared):
            # Dropping the constraint drops a primary key; the other statement then does nothing.
            yield f"alter table {place} drop constraint if exists {quoted(name)}"
            yield f"drop index if exists {quoted(name)}"


def describe(session: Session, table: Table, existing: Existing) -> None:
    """Set the comments of the table and its columns where they differ."""
    place = quoted(table_name(table))
    statements = []
    if existing.comment != table.description:
        statements.append(f"comment on table {place} is {literal(table.description)}")
    for one in columns_of(table):
        there = existing.columns.get(one.name)
        if there is None or there.comment != one.comment or there.type != one.type:
            comment = literal(one.comment)
            statements.append(f"comment on column {place}.{quoted(one.name)} is {comment}")
    session.run_together(statements)


def constrain(session: Session, table: Table, existing: Existing) -> None:
    """Add ``not null``, key and indexes that are missing, as far as the rows allow."""
    place = quoted(table_name(table))
    missing = [
        one.name
        for one in columns_of(table)
        if not one.nullable
        and (one.name not in existing.columns or existing.columns[one.name].nullable)
    ]
    if missing:
        clauses = ", ".join(f"alter column {quoted(name)} set not null" for name in missing)
        session.run(_if_it_fits(f"alter table {place} {clauses}"))
    for index in indexes_of(table):
        if existing.indexes.get(index.name) != index:
            session.run(_if_it_fits(index.create(table_name(table))))


def left_out(table: Table, existing: Existing) -> Iterator[str]:
    """Descriptions of what ``constrain`` could not add."""
    name = table_name(table)
    for index in indexes_of(table):
        if existing.indexes.get(index.name) != index:
            what = "index" if index.kind == "index" else "key"
            yield f"{what} ({', '.join(index.columns)}) of {name}"
    for one in columns_of(table):
        if (
            not one.nullable
            and one.name in existing.columns
            and existing.columns[one.name].nullable
        ):
            yield f"not null of {name}.{one.name}"


def _if_it_fits(statement: str) -> str:
    # ADBC cannot roll back to a savepoint after an error; a PL/pgSQL block does so itself.
    return (
        f"do $$ begin {statement}; exception when not_null_violation or unique_violation or "
        "program_limit_exceeded then null; end $$"
    )


def fill(
    session: Session, schema: str, warehouse: Warehouse, todo: Changes
) -> dict[Day, Published]:
    """Append the partitions to send, with one in memory at a time; returns what was sent."""
    sent: dict[Day, Published] = {}
    if not todo.send:
        return sent
    columns = columns_of(todo.table)
    nested = any(one.is_json for one in columns)
    batches = _batches(warehouse, todo, sent, _NESTED_AT_ONCE if nested else _ROWS_AT_ONCE)
    arrow, name = _arrow_schema(todo.table), table_name(todo.table)
    if not nested:
        session.copy(name, arrow, batches, into=schema)
        return sent
    # JSON is first copied as text: the driver cannot write ``jsonb``.
    session.run(_stage(columns))
    session.copy(_STAGE, arrow, batches, into=None)
    session.insert(name, _from_stage(quoted(name), columns))
    session.run(f"drop table {_STAGE}")
    return sent


def _stage(columns: tuple[PgColumn, ...]) -> str:
    staged = ", ".join(
        f"{quoted(one.name)} {'text' if one.is_json else one.type}" for one in columns
    )
    return f"create temporary table {_STAGE} ({staged}) on commit drop"


def _from_stage(place: str, columns: tuple[PgColumn, ...]) -> str:
    names = ", ".join(quoted(one.name) for one in columns)
    values = ", ".join(
        f"{quoted(one.name)}::jsonb" if one.is_json else quoted(one.name) for one in columns
    )
    return f"insert into {place} ({names}) select {values} from {_STAGE}"


def _batches(
    warehouse: Warehouse, todo: Changes, sent: dict[Day, Published], size: int
) -> Iterator[pa.RecordBatch]:
    for day, rows in warehouse.read_partitions(todo.table, todo.send):
        sent[day] = Published(content_hash(rows), todo.marks[day], rows.num_rows)
        for batch in with_day(todo.table, day, rows).to_batches(max_chunksize=size):
            yield _storable(batch)


def _arrow_schema(table: Table) -> pa.Schema:
    rows = with_day(table, None, table.schema.empty_table())
    return _storable(pa.RecordBatch.from_pylist([], schema=rows.schema)).schema


def _storable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with nested columns as JSON, and without NUL, which Postgres cannot store."""
    arrays = [_storable_array(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _storable_array(values: pa.Array) -> pa.Array:
    if pa.types.is_nested(values.type):
        return pa.array([_storable_json(one) for one in values.to_pylist()], pa.string())
    if pa.types.is_string(values.type) and pc.any(pc.match_substring(values, "\0")).as_py():
        return pc.replace_substring(values, "\0", "\ufffd")
    return values


def _storable_json(value: object) -> str | None:
    if value is None:
        return None
    text = _json.encode(value).decode()
    if "\\u0000" not in text:
        return text
    return _ESCAPE.sub(lambda found: found[0].replace("\\u0000", "\\ufffd"), text)
