"""Who a person is in the warehouse: from an e-mail to all that is theirs, and where it lies.

What leads on is declared (``Column.points_at``): an e-mail to the ids beside it, an id to the
orders, an order to the answers on it and to the ids of whoever gave them, until nothing new comes.
"""

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from feedback_assets.store.erased import Addition, Erased, forms, is_pseudonym, same_text
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import STORED_TABLES, Table
from feedback_assets.tables.columns import TEXT, Column, Personal, PointsAt, leaves
from feedback_assets.transforms.dialect import quoted
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.transforms.sources import connect

KINDS: tuple[PointsAt, ...] = ("email", "contact", "order", "answer")


@dataclass
class Person:
    """What somebody is known by: texts as they were written, by kind; and what they are called."""

    known: dict[PointsAt, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    names: set[str] = field(default_factory=set)

    @property
    def emails(self) -> frozenset[str]:
        """Their e-mails as they were written, and in normal form."""
        written = self.known["email"]
        return frozenset(written | {same_text("email", text) for text in written})

    def count(self, kind: PointsAt) -> int:
        return len({same_text(kind, text) for text in self.known[kind]})

    def addition(self, erased: Erased, person: str, customer_secret: bytes) -> Addition:
        """What is put on the list, with the customer keys that change."""
        keys = {}
        for text in self.known["email"]:
            for form in forms("email", text):
                keys[form] = erased.pseudonym("email", text)
        for text in self.known["contact"]:
            keys[text] = erased.pseudonym("contact", text)
        keys = {
            _customer_key(customer_secret, was): _customer_key(customer_secret, now)
            for was, now in keys.items()
        }
        hashes = {
            name
            for kind in KINDS
            for text in self.known[kind]
            for name in erased.hashes_of(kind, text)
        }
        hashes |= {erased.hash_of("customer", key) for key in keys}
        return Addition(person, frozenset(hashes), keys)


def find_person(warehouse: Warehouse, email: str) -> Person:
    """All that the tables know of whoever has the e-mail; the e-mail alone where they know none."""
    person = Person()
    person.known["email"].add(email)
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    with connect(warehouse, held) as connection:
        size = 0
        while size != (size := sum(len(texts) for texts in person.known.values())):
            _offer(connection, person)
            for table in held:
                _look(connection, table, person)
    return person


def find_partitions(
    warehouse: Warehouse, erased: Erased, person: str, emails: Collection[str]
) -> list[tuple[Table, date | None]]:
    """The partitions with a row of the erased person, or one that mentions their e-mail."""
    hashes = [text for text, owner in erased.persons.items() if owner == person]
    pattern = "|".join(sorted({re.escape(same_text("email", email)) for email in emails}))
    inner, outer = hmac_pads(erased.key)
    found: list[tuple[Table, date | None]] = []
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    with connect(warehouse, held) as connection:
        connection.register("listed", pa.table({"hash": pa.array(hashes, TEXT)}))
        for table in held:
            if not table.partitioned:
                found.append((table, None))
                continue
            tests = [
                f"{hashed} in (from listed)"
                for path, column in leaves(table.columns)
                if column.points_at
                for hashed in _hashes(path, column)
            ]
            values: dict[str, Any] = {"inner": inner, "outer": outer} if tests else {}
            mentions = [
                f"regexp_matches(folded({_name(path)}), $emails)"
                for path, column in leaves(table.columns)
                if column.type == TEXT and column.personal is not Personal.EMAIL
            ]
            values |= {"emails": pattern} if mentions else {}
            if not tests + mentions:
                continue
            where = " or ".join(f"coalesce({test}, false)" for test in tests + mentions)
            rows = connection.execute(
                f"select distinct day from {quoted(table.group)}.{quoted(table.name)} "  # noqa: S608
                f"where {where} order by day",
                values,
            ).fetchall()
            found += [(table, day) for (day,) in rows]
    return found


def _offer(connection: duckdb.DuckDBPyConnection, person: Person) -> None:
    for kind, texts in person.known.items():
        same = pa.array({same_text(kind, text) for text in texts}, TEXT)
        connection.register(f"known_{kind}", pa.table({"same": same}))


def _look(connection: duckdb.DuckDBPyConnection, table: Table, person: Person) -> None:
    """Add what stands beside the known names in the rows of one table."""
    pointing = [(p, c) for p, c in leaves(table.columns) if c.points_at in KINDS]
    if not pointing:
        return
    called = [path for path, column in leaves(table.columns) if column.personal is Personal.NAME]
    tests = [
        f"coalesce({_same(path, column)} in (from known_{column.points_at}), false)"
        for path, column in pointing
    ]
    rows = connection.execute(
        f"select distinct {', '.join([*(_text(p, c) for p, c in pointing), *map(_name, called)])} "  # noqa: S608
        f"from {quoted(table.group)}.{quoted(table.name)} where {' or '.join(tests)}"
    ).fetchall()
    for row in rows:
        for (_, column), text in zip(pointing, row, strict=False):
            kind = column.points_at
            if kind and text and _tells(kind, text):
                person.known[kind].add(text)
        name = " ".join(part for part in row[len(pointing) :] if part)
        if name:
            person.names.add(name)


def _tells(kind: PointsAt, text: str) -> bool:
    # A phone number stands where an e-mail may, and is none.
    return bool(same_text(kind, text)) and not is_pseudonym(text)


def _name(path: str) -> str:
    return ".".join(quoted(part) for part in path.split("."))


def _text(path: str, column: Column) -> str:
    text = f"'{column.prefix}' || cast({_name(path)} as varchar)"
    if not column.unless:
        return text
    return f"case when present({_name(column.unless)}) is null then {text} end"


def _same(path: str, column: Column) -> str:
    rule = "normal_email" if column.points_at == "email" else "trimmed"
    return f"{rule}({_text(path, column)})"


def _hashes(path: str, column: Column) -> list[str]:
    """As ``Erased.hashes_of``, in SQL."""
    same = _same(path, column)
    found = [same]
    if column.points_at == "email":
        first = f"lower(trimmed({_text(path, column)}))"
        found.append(f"case when {first} is distinct from {same} then {first} end")
    return [f"customer_key('{column.points_at}:' || {text}, $inner, $outer)" for text in found]


def _customer_key(secret: bytes, text: str) -> str:
    return hmac.digest(secret, text.encode(), "sha256").hex()
