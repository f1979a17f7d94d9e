"""Searches for erased people in tables, quarantine, page and any other files of the warehouse.

The same search finds what to rewrite, and afterwards verifies that nothing is left.
"""

import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from feedback_assets.privacy.person import column_name, forms_in_sql
from feedback_assets.schema.columns import TEXT, Column, Personal, leaves
from feedback_assets.schema.table import Table
from feedback_assets.tables import READ_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import literal, quoted, view_of
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.transforms.sources import again_if_replaced, connect
from feedback_assets.warehouse.addresses import AT_SIGN, SPELLED_OUT
from feedback_assets.warehouse.erased import DIRECTORY, Erased, is_pseudonym
from feedback_assets.warehouse.erasing import erase_rows
from feedback_assets.warehouse.owners import PLAIN
from feedback_assets.warehouse.quarantine import (
    quarantine_files,
    quarantine_of,
    read_quarantine_file,
)
from feedback_assets.warehouse.warehouse import Warehouse

_PARQUET = b"PAR1"
Partition = tuple[Table, date | None]


@dataclass(frozen=True, order=True)
class Passage:
    """The place of a finding: table, day, the row's key, and the column."""

    table: str
    day: str
    key: str
    column: str

    def __str__(self) -> str:
        return ", ".join(part for part in (self.table, self.day, self.key, self.column) if part)


@again_if_replaced
def find_partitions(
    warehouse: Warehouse, erased: Erased, persons: Collection[str]
) -> list[Partition]:
    """The partitions with a row of these persons, or with a mention of anyone on the list."""
    wanted = set(persons)
    hashes = [text for text, owner in erased.persons.items() if owner in wanted]
    inner, outer = hmac_pads(erased.key)
    found: set[tuple[str, date | None]] = set()
    changed: dict[str, bool] = {}
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    with connect(warehouse, held) as connection:
        connection.register("listed", pa.table({"hash": pa.array(hashes, TEXT)}))
        for table in held:
            tests = [
                f"coalesce({_hashed(column, form)} in (from listed), false)"
                for path, column in leaves(table.columns)
                if column.points_at
                for form in forms_in_sql(path, column)
            ]
            if tests:
                rows = connection.execute(
                    f"select distinct {_day(table)} from {view_of(table)} "  # noqa: S608
                    f"where {' or '.join(tests)}",
                    {"inner": inner, "outer": outer},
                ).fetchall()
                found |= {(table.full_name, day) for (day,) in rows}
            for day, text in _texts(connection, table, erased.mention):
                if text not in changed:
                    changed[text] = erased.scrubbed(text) != text or bool(erased.person_in(text))
                if changed[text]:
                    found.add((table.full_name, day))
    return [
        (table, day)
        for table in held
        for day in sorted(
            (day for name, day in found if name == table.full_name), key=lambda day: day or date.min
        )
    ]


def rows_of(warehouse: Warehouse, table: Table, day: date | None) -> pa.Table:
    """The rows of one partition, without the day column."""
    rows = warehouse.read_arrow(table, day, day)
    return rows.drop_columns("day") if table.partitioned else rows


def left_in_tables(
    warehouse: Warehouse, erased: Erased, persons: Collection[str]
) -> list[Partition]:
    """The partitions that erasing would still change, found by a new search."""
    return [
        (table, day)
        for table, day in find_partitions(warehouse, erased, persons)
        if erase_rows(table, rows_of(warehouse, table, day), erased).changed
    ]


def left_elsewhere(warehouse: Warehouse, erased: Erased) -> list[str]:
    """Files of the warehouse and its quarantine that contain data of an erased person."""
    left = {
        warehouse.inside(path)
        for table in READ_TABLES
        for path, _ in quarantine_of(warehouse, table, erased)
    }
    looked_through = {path for table in STORED_TABLES for path in warehouse.files(table)}
    looked_through |= {path for table in READ_TABLES for path in quarantine_files(warehouse, table)}
    for path in warehouse.list_files(warehouse.base):
        inside = warehouse.inside(path)
        if path in looked_through or inside.startswith(f"{DIRECTORY}/"):
            continue
        # A temporary file that was renamed meanwhile belongs to a writer that applies the list.
        with suppress(FileNotFoundError):
            texts = texts_in(warehouse.read_bytes(path))
            if any(erased.scrubbed(text) != text for text in texts):
                left.add(inside)
    return sorted(left)


def texts_in(content: bytes) -> Iterator[str]:
    """All readable content of a file: the values of a Parquet file, otherwise its text."""
    if content.startswith(_PARQUET):
        try:
            rows = pq.read_table(io.BytesIO(content)).to_pylist()
        except pa.ArrowInvalid:
            rows = []
        for row in rows:
            yield str(row)
    yield content.decode(errors="replace")


@again_if_replaced
def pseudonyms(warehouse: Warehouse) -> set[str]:
    """The pseudonyms that replace e-mails and ids in the tables."""
    found: set[str] = set()
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    with connect(warehouse, held) as connection:
        for table in held:
            for path, column in leaves(table.columns):
                if column.personal in (Personal.EMAIL, Personal.CONTACT_ID):
                    rows = connection.execute(
                        f"select distinct {column_name(path)} from {view_of(table)} "  # noqa: S608
                        f"where {column_name(path)} like 'erased:%'"
                    ).fetchall()
                    found |= {text for (text,) in rows if is_pseudonym(text)}
    return found


@again_if_replaced
def find_doubtful(warehouse: Warehouse, erased: Erased) -> list[Passage]:
    """Texts that may contain the e-mail of an erased person; these need a human decision."""
    pattern = f"(?:{AT_SIGN})|(?:{SPELLED_OUT})"
    found: set[Passage] = set()
    doubts: dict[str, bool] = {}
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    with connect(warehouse, held) as connection:
        for table in held:
            for day, text in _texts(connection, table, pattern):
                if text not in doubts:
                    doubts[text] = erased.doubtful(text)
                if doubts[text]:
                    found |= set(_passages(connection, table, day, text))
    for table in READ_TABLES:
        for path in quarantine_files(warehouse, table):
            for row in read_quarantine_file(warehouse, path).to_pylist():
                for name in ("payload", "reason"):
                    if row[name] and erased.doubtful(row[name]):
                        place = f'quarantine."{table.full_name}"'
                        found.add(Passage(place, str(row["day"] or ""), "", name))
    return sorted(found)


def _texts(
    connection: duckdb.DuckDBPyConnection, table: Table, pattern: str
) -> Iterator[tuple[date | None, str]]:
    columns = list(_text_columns(table))
    if not columns:
        return
    texts = ", ".join(text for _, text in columns)
    rows = connection.execute(
        f"select distinct day, text from "  # noqa: S608
        f"(select {_day(table)} as day, unnest([{texts}]) as text from {view_of(table)}) "
        f"where regexp_matches(text, {literal(pattern)})"
    )
    while batch := rows.fetchmany(10_000):
        yield from batch


def _text_columns(table: Table) -> Iterator[tuple[str, str]]:
    """Path and SQL of every text column; a list as one text. E-mail columns are excluded."""
    for path, column in leaves(table.columns):
        name = column_name(path)
        if column.points_at == "email":
            plain = f"regexp_full_match(trimmed({name}), {literal(PLAIN)})"
            yield path, f"case when {plain} then null else {name} end"
        elif column.type == TEXT:
            yield path, name
    for column in table.columns:
        if column.shape == "list":
            yield column.name, f"cast({quoted(column.name)} as varchar)"


def _passages(
    connection: duckdb.DuckDBPyConnection, table: Table, day: date | None, text: str
) -> Iterator[Passage]:
    keys = [path for path in table.key if path != "day"]
    names = ", ".join(f"cast({column_name(path)} as varchar)" for path in keys) or "''"
    for path, sql in _text_columns(table):
        where = f"{sql} = $text" + (" and day = $day" if table.partitioned else "")
        values: dict[str, Any] = {"text": text} | ({"day": day} if table.partitioned else {})
        rows = connection.execute(
            f"select distinct {names} from {view_of(table)} where {where}",  # noqa: S608
            values,
        ).fetchall()
        for row in rows:
            key = " ".join(f"{name}={value}" for name, value in zip(keys, row, strict=False))
            yield Passage(table.full_name, str(day or ""), key, path)


def _day(table: Table) -> str:
    return "day" if table.partitioned else "cast(null as date)"


def _hashed(column: Column, form: str) -> str:
    """``Erased.hashes_of`` in SQL."""
    return f"customer_key('{column.points_at}:' || {form}, $inner, $outer)"
