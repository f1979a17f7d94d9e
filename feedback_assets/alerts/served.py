"""The answers in rows that a provider has just served, and their orders in the stored tables.

The queries that build ``unified.feedback`` and ``marts.order_feedback`` run over the served rows
and the stored days: nothing is written, and no rule is defined twice.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.alerts.book import REMEMBERED_DAYS
from feedback_assets.alerts.detractors import Detractor
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import find_table
from feedback_assets.tables.marts import ORDER_FEEDBACK
from feedback_assets.tables.unified import ATTRIBUTION, FEEDBACK, ORDERS
from feedback_assets.transforms.engine import Parameters, days_to_read, query_of
from feedback_assets.transforms.sources import ArrowTables, add_view, ask, connect
from feedback_assets.warehouse.erased import Erased, is_pseudonym
from feedback_assets.warehouse.erasing import concerned_rows, erase_rows
from feedback_assets.warehouse.warehouse import Warehouse

Answer = Mapping[str, Any]
"""A row of ``unified.feedback``."""
_AHEAD = timedelta(days=1)
"""A provider's clock, or the zone of its timestamps, may be ahead."""
# A superset of the orders that an answer may match: those that share a reference with one. The
# mart's query decides which of them counts.
_SHARING = """
    select * from unified.orders
    where
        trimmed(order_id) in (select trimmed(ref) from (select unnest($orders) as ref))
        or trimmed(source_id) in (select trimmed(ref) from (select unnest($orders) as ref))
        or contact_id in (select unnest($customers))
        or contact_source_id in (select unnest($customers))
        or customer_email in (select unnest($emails))
"""


class Served:
    """Queries over what a provider has just served; they share a connection.

    ``now`` limits the answers to recent ones. Raises ``duckdb.Error`` if a query fails.
    """

    def __init__(self, settings: Settings, warehouse: Warehouse, now: datetime) -> None:
        self._warehouse = warehouse
        # A warehouse without marts may not have one yet; none is generated here.
        secret = settings.customer_secret_if_any()
        self._has_keys = secret is not None
        self._parameters = Parameters(
            match_days=settings.feedback_match_days,
            touch_days=settings.feedback_touch_days,
            customer_secret=secret or b"",
        )
        today = now.astimezone(UTC).date()
        self._first, self._last = today - timedelta(days=REMEMBERED_DAYS), today + _AHEAD
        # A second thread costs more than it saves on so few rows.
        self._connection = connect(warehouse, (), threads=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def answers(self, table: Table, served: pa.Table, erased: Erased | None) -> list[Answer]:
        """The recent answers of people who are not erased, once each, as served last."""
        rows = _without_erased(table, served, erased) if erased else served
        days = pc.cast(rows[table.event_time], pa.date32())
        found = self._rows(FEEDBACK, {table: rows.append_column("day", days)})
        return list({row["feedback_id"]: row for row in found}.values())

    def with_orders(self, answers: Sequence[Answer]) -> list[Detractor]:
        """These answers, each with the stored order that it matches, newest first.

        An answer is omitted if its order belongs to an erased person. If a table cannot be read,
        the answers have no orders.
        """
        matches: dict[str, Answer] = {}
        try:
            if answers:
                matches = self._matches(answers)
        except (duckdb.Error, OSError):
            matches = {row["feedback_id"]: {} for row in answers}
        found = [
            _detractor(row, matches[row["feedback_id"]])
            for row in answers
            if row["feedback_id"] in matches
        ]
        return sorted(found, key=lambda one: (one.responded_at, one.feedback_id), reverse=True)

    def _matches(self, answers: Sequence[Answer]) -> dict[str, Answer]:
        """By answer, its row of ``marts.order_feedback``; none for an erased person's order."""
        orders = self._orders(answers)
        given = pa.Table.from_pylist(list(answers), schema=FEEDBACK.schema)
        days = pa.array([_day(row["responded_at"]) for row in answers], pa.date32())
        credited = [
            self._warehouse.read_arrow(ATTRIBUTION, day, day)
            for day in sorted(set(orders["day"].to_pylist()))
        ]
        tables = {FEEDBACK: given.append_column("day", days), ORDERS: orders}
        if credited:
            tables[ATTRIBUTION] = pa.concat_tables(credited)
        theirs = {
            order["order_id"]
            for order in orders.to_pylist()
            if is_pseudonym(order["customer_email"] or order["contact_id"] or "")
        }
        rows = self._rows(ORDER_FEEDBACK, tables)
        if not self._has_keys:
            rows = [{**row, "customer_key": None} for row in rows]
        return {row["feedback_id"]: row for row in rows if row["order_id"] not in theirs}

    def _orders(self, answers: Sequence[Answer]) -> pa.Table:
        given = [_day(row["responded_at"]) for row in answers]
        days = days_to_read(ORDER_FEEDBACK, min(given), max(given), self._parameters)
        add_view(self._connection, self._warehouse, ORDERS, *days[ORDERS.full_name])

        def texts(*names: str) -> list[str]:
            return [row[name] for row in answers for name in names if row[name]]

        sought = {
            "orders": texts("order_ref", "purchase_ref"),
            "customers": texts("customer_ref"),
            "emails": texts("customer_email"),
        }
        return ask(self._connection, _SHARING, sought)

    def _rows(self, table: Table, given: Mapping[Table, pa.Table]) -> list[Answer]:
        """The rows of a table computed from these tables alone."""
        source = ArrowTables({one.full_name: rows for one, rows in given.items()})
        for name in table.depends:
            add_view(self._connection, source, find_table(name))
        query, values = query_of(table, self._parameters, self._first, self._last)
        return list(ask(self._connection, query, values).to_pylist())


def _without_erased(table: Table, rows: pa.Table, erased: Erased) -> pa.Table:
    """The rows of other people, without mentions of erased ones."""
    theirs = concerned_rows(table, rows, erased).owned
    others = [place for place in range(rows.num_rows) if place not in theirs]
    return erase_rows(table, rows.take(pa.array(others, pa.int64())).combine_chunks(), erased).rows


def _detractor(answer: Answer, match: Answer) -> Detractor:
    def of(name: str) -> Any:
        return match.get(name)

    return Detractor(
        feedback_id=answer["feedback_id"],
        provider=answer["provider"],
        responded_at=answer["responded_at"],
        score=answer["score"],
        comment=answer["comment"],
        answered=answer["reply"] is not None,
        replied_at=answer["replied_at"],
        customer_key=of("customer_key"),
        order_id=of("order_id"),
        order_source_id=of("order_source_id"),
        ordered_at=of("ordered_at"),
        currency=of("currency"),
        net_amount=of("net_amount"),
        customer_net_amount=None,
        first_click_source=of("first_click_source"),
        first_click_medium=of("first_click_medium"),
        first_click_campaign=of("first_click_campaign"),
        last_click_source=of("last_click_source"),
        last_click_medium=of("last_click_medium"),
        last_click_campaign=of("last_click_campaign"),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
