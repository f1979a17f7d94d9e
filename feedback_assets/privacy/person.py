"""Identifies a person in the warehouse: from an e-mail to all their identifiers.

``Column.points_at`` declares the links: an e-mail to the ids in its row, an id to the orders, an
order to its answers and to the ids of those who gave them, until nothing new is found. A record in
the quarantine links its identifiers like a row.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from feedback_assets.privacy.order_numbers import add_order_numbers
from feedback_assets.schema.columns import TEXT, Column, Personal, PointsAt, leaves
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings, kept_secret
from feedback_assets.tables import READ_TABLES, STORED_TABLES
from feedback_assets.transforms.dialect import literal, quoted, view_of
from feedback_assets.transforms.sources import again_if_replaced, connect
from feedback_assets.warehouse.addresses import AT_SIGN, whole_addresses
from feedback_assets.warehouse.erased import Addition, Erased, forms, is_pseudonym, same_text
from feedback_assets.warehouse.erasing import names_in_payload
from feedback_assets.warehouse.owners import PLAIN, Name, is_placeholder
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse

KINDS: tuple[PointsAt, ...] = ("email", "contact", "order", "answer")


@dataclass
class Person:
    """A person's identifiers as they were written, by kind, and the names used for them."""

    known: dict[PointsAt, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    names: set[str] = field(default_factory=set)

    def count(self, kind: PointsAt) -> int:
        return len({same_text(kind, text) for text in self.known[kind]})

    def addition(
        self,
        erased: Erased,
        person: str,
        customer_secrets: Iterable[bytes],
        *,
        spelled_out: bool = False,
    ) -> Addition:
        """The entry for the erasure list, with the customer keys under each secret."""
        instead = {}
        for text in self.known["email"]:
            for form in forms("email", text):
                instead[form] = erased.pseudonym("email", text)
        for text in self.known["contact"]:
            instead[text] = erased.pseudonym("contact", text)
        keys = {
            erased.hash_of("customer", customer_key(secret, was)): customer_key(secret, now)
            for was, now in instead.items()
            for secret in customer_secrets
        }
        hashes = {
            name
            for kind in KINDS
            for text in self.known[kind]
            for name in erased.hashes_of(kind, text)
        }
        emails = {erased.hash_of("email", text) for text in self.known["email"]} & hashes
        spelled = frozenset(emails if spelled_out else ())
        return Addition(person, frozenset(hashes | keys.keys()), keys, spelled)


@again_if_replaced
def find_person(warehouse: Warehouse, email: str) -> Person:
    """All identifiers linked to the e-mail in tables and quarantine; the e-mail if there are none.

    Names are collected from tables only.
    """
    person = Person()
    person.known["email"].add(email)
    held = [table for table in STORED_TABLES if warehouse.files(table)]
    quarantined = list(_quarantined(warehouse))
    with connect(warehouse, held) as connection:
        odd = odd_emails(connection, held)
        add_order_numbers(connection, held)
        size = 0
        while size != (size := sum(len(texts) for texts in person.known.values())):
            _suggest(connection, person, odd)
            for table in held:
                _add_names_beside(connection, table, person)
            _add_quarantined(quarantined, person)
    return person


def _quarantined(warehouse: Warehouse) -> Iterator[dict[Name, str]]:
    """The identifiers in each quarantined record that links several, and how they are written."""
    for table in READ_TABLES:
        for path in quarantine_files(warehouse, table):
            for payload in read_quarantine_file(warehouse, path).column("payload").to_pylist():
                names = {
                    (kind, same): text
                    for kind, served in names_in_payload(table, payload)
                    if kind in KINDS and not is_pseudonym(served)
                    for text in _names_in(kind, served)
                    if (same := same_text(kind, text))
                }
                if len(names) > 1:
                    yield names


def _add_quarantined(records: Iterable[dict[Name, str]], person: Person) -> None:
    """Add the identifiers in records that contain a known one."""
    known = {
        (kind, same_text(kind, text)) for kind, texts in person.known.items() for text in texts
    }
    for names in records:
        if not known.isdisjoint(names):
            for (kind, _), text in names.items():
                person.known[kind].add(text)


def odd_emails(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]
) -> dict[str, frozenset[str]]:
    """E-mail columns' values with an encoded address or text around it.

    Returns the addresses that each value may stand for.
    """
    found: dict[str, frozenset[str]] = {}
    for table in tables:
        for path, column in leaves(table.columns):
            if column.points_at != "email":
                continue
            email = column_name(path)
            rows = connection.execute(
                f"select distinct {email} from {view_of(table)} "  # noqa: S608
                f"where regexp_matches({email}, {literal(AT_SIGN)}) "
                f"and not regexp_full_match(trimmed({email}), {literal(PLAIN)})"
            ).fetchall()
            for (text,) in rows:
                meant = (same_text("email", at.address) for at in whole_addresses(text))
                found[text] = frozenset(address for address in meant if address)
    return found


def _suggest(
    connection: duckdb.DuckDBPyConnection, person: Person, odd: Mapping[str, frozenset[str]]
) -> None:
    for kind, texts in person.known.items():
        same = pa.array({same_text(kind, text) for text in texts}, TEXT)
        connection.register(f"known_{kind}", pa.table({"same": same}))
    emails = {same_text("email", text) for text in person.known["email"]}
    theirs = [text for text, meant in odd.items() if meant & emails]
    connection.register("known_odd", pa.table({"text": pa.array(theirs, TEXT)}))


def _add_names_beside(connection: duckdb.DuckDBPyConnection, table: Table, person: Person) -> None:
    """Add the identifiers in rows of one table that contain a known one."""
    pointing = [(p, c) for p, c in leaves(table.columns) if c.points_at in KINDS]
    if not pointing:
        return
    called = [path for path, column in leaves(table.columns) if column.personal is Personal.NAME]
    tests = [
        f"coalesce({same_in_sql(path, column)} in (from known_{column.points_at}), false)"
        for path, column in pointing
    ] + [
        f"coalesce({column_name(path)} in (from known_odd), false)"
        for path, column in pointing
        if column.points_at == "email"
    ]
    texts = (_linking(path, column) for path, column in pointing)
    columns = ", ".join([*texts, *map(column_name, called)])
    rows = connection.execute(
        f"select distinct {columns} "  # noqa: S608
        f"from {view_of(table)} where {' or '.join(tests)}"
    ).fetchall()
    for row in rows:
        for (_, column), text in zip(pointing, row, strict=False):
            kind = column.points_at
            if kind and text and not is_pseudonym(text):
                person.known[kind].update(_names_in(kind, text))
        name = " ".join(part for part in row[len(pointing) :] if part)
        if name:
            person.names.add(name)


def _names_in(kind: PointsAt, text: str) -> list[str]:
    if kind != "email":
        return [text] if same_text(kind, text) and not is_placeholder(text) else []
    # A phone number may occur in place of an e-mail, or text such as "none@@none".
    meant = (found.address for found in whole_addresses(text))
    return [each for each in (text, *meant) if same_text(kind, each)]


def column_name(path: str) -> str:
    """A dotted path as a SQL name."""
    return ".".join(quoted(part) for part in path.split("."))


def _text(path: str, column: Column) -> str:
    return f"'{column.prefix}' || cast({column_name(path)} as varchar)"


def _linking(path: str, column: Column) -> str:
    """The text, or null where another column of the row already names an order."""
    text = _text(path, column)
    if not column.unless:
        return text
    other = f"trimmed({column_name(column.unless)})"
    return f"case when {other} in (from order_numbers) then null else {text} end"


def forms_in_sql(path: str, column: Column) -> list[str]:
    """``forms`` in SQL."""
    same = _same(column, _text(path, column))
    if column.points_at != "email":
        return [same]
    first = f"lower(trimmed({_text(path, column)}))"
    return [same, f"case when {first} is distinct from {same} then {first} end"]


def same_in_sql(path: str, column: Column) -> str:
    """``same_text`` in SQL, of an identifier that links its row; needs ``add_order_numbers``."""
    return _same(column, _linking(path, column))


def _same(column: Column, text: str) -> str:
    rule = "normal_email" if column.points_at == "email" else "trimmed"
    return f"{rule}({text})"


def customer_secrets(settings: Settings) -> tuple[bytes, ...]:
    """The secret of ``customer_key``, then the one in ``DAGSTER_HOME`` if another was set since.

    Tables that were not rebuilt since then contain keys of the earlier secret.
    """
    found = [settings.customer_secret_if_any()]
    file = settings.customer_secret_file
    if file.is_file():
        found.append(kept_secret(file, "FEEDBACK_CUSTOMER_SECRET", shared=False))
    return tuple(dict.fromkeys(secret for secret in found if secret is not None))


def customer_key(secret: bytes, text: str) -> str:
    """The key computed as in the marts."""
    return hmac.digest(secret, text.encode(), "sha256").hex()
