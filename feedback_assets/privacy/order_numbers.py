"""The orders that a number may mean: which numbers exist, and which belong to several customers.

A source system numbers its own orders, so two shops of one account may both have an order 1001.
Such a number identifies nobody by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import duckdb

from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.dialect import view_of
from feedback_assets.warehouse.owners import is_placeholder

ORDERS = find_table("wicked_reports.orders")
_NUMBERS = f"(select unnest([trimmed(id), trimmed(source_id)]) as number, * from {view_of(ORDERS)})"  # noqa: S608


@dataclass(frozen=True)
class Customer:
    """Who placed an order: the e-mail and contact id as compared; None if the order has none."""

    email: str | None
    contact: str | None

    def is_one_of(self, emails: Collection[str], contacts: Collection[str]) -> bool:
        by_contact = self.contact in contacts and not is_placeholder(self.contact or "")
        return self.email in emails or by_contact


def add_order_numbers(connection: duckdb.DuckDBPyConnection, held: Iterable[Table]) -> None:
    """Add the table ``order_numbers`` with every number of the stored orders."""
    found = _NUMBERS if ORDERS in held else "(select cast(null as varchar) as number)"
    connection.execute(
        "create or replace temp table order_numbers as "  # noqa: S608
        f"select distinct number from {found} where number is not null"
    )


def shared_numbers(
    connection: duckdb.DuckDBPyConnection, held: Iterable[Table]
) -> Mapping[str, frozenset[Customer]]:
    """The numbers that several orders of different customers have, with these customers."""
    if ORDERS not in held:
        return {}
    rows = connection.execute(
        f"""
        with numbered as (
            select distinct
                number,
                trimmed(id) as order_id,
                normal_email(contact.email) as email,
                trimmed(contact.id) as contact
            from {_NUMBERS}
            where number is not null
        ),
        shared as (
            select number from numbered group by number
            having count(distinct order_id) > 1
                and count(distinct coalesce(email, contact, order_id)) > 1
        )
        select number, email, contact from numbered where number in (from shared)
        """  # noqa: S608 - names of our own declarations
    ).fetchall()
    found: dict[str, set[Customer]] = defaultdict(set)
    for number, email, contact in rows:
        found[number].add(Customer(email, contact))
    return {number: frozenset(customers) for number, customers in found.items()}
