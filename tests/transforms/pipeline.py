"""Runs the SQL over rows in memory, next to the reference."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, find_table
from feedback_assets.transforms import ArrowTables, Parameters, connect
from feedback_assets.transforms.engine import PARTS, days_to_read, part_of, query_of
from tests.transforms import reference, scorecard_reference
from tests.transforms.worlds import DAYS, LAST, Row, World, arrow


def _target(table: Table) -> str:
    return f'"{table.group}"."{table.name}"'


class Session:
    """One DuckDB session for many worlds, because opening it and parsing take longest."""

    def __init__(self) -> None:
        self._filled: set[str] = set()
        self._parsed: dict[str, duckdb.Statement] = {}
        self._connection = connect(ArrowTables({}), ALL_TABLES, threads=1)
        self._connection.execute(f"create schema {PARTS}")
        for table in ALL_TABLES:
            # Tables with the same columns in place of the views, filled again and again.
            name = _target(table)
            self._connection.execute(
                f"create or replace table mould as from {name}; drop view {name};"
                f"create table {name} as from mould; drop table mould"
            )

    def close(self) -> None:
        self._parsed.clear()
        self._connection.close()

    def hold(self, held: Mapping[str, list[Row]], names: Iterable[str]) -> None:
        """Fill the tables ``names`` with the rows of ``held``, and no others."""
        for name in names:
            target = _target(find_table(name))
            rows = held.get(name, [])
            if name in self._filled:
                self._connection.execute(f"truncate {target}")
                self._filled.remove(name)
            if rows:
                self._connection.register("given", arrow(find_table(name), rows))
                self._connection.execute(f"insert into {target} from given")
                self._connection.unregister("given")
                self._filled.add(name)

    def query(
        self,
        name: str,
        parameters: Parameters,
        first: date | None,
        last: date,
        held: Sequence[date] = DAYS,
    ) -> list[Row]:
        """The table's rows over those days, in the order of the SQL."""
        table = find_table(name)
        for part in table.parts:
            query, values = part_of(table, part, parameters, last, held)
            self._run(f"create or replace table {PARTS}.{part} as {query}", values)
        query, values = query_of(table, parameters, first, last, held)
        result = self._run(query, values)
        names = [*table.schema.names, *(["day"] if table.partitioned else [])]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _run(self, query: str, values: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        if query not in self._parsed:
            self._parsed[query] = self._connection.extract_statements(query)[0]
        return self._connection.execute(self._parsed[query], values)


def by_reference(world: World, parameters: Parameters) -> dict[str, list[Row]]:
    """The provider tables of a world, and every derived table by the reference."""
    match_days, secret = parameters.match_days, parameters.customer_secret
    trackers = world.get("fullwhere.survey_trackers", [])
    reviews = world.get("retargeting.product_reviews", [])
    answers = reference.feedback(world, match_days)
    orders = reference.orders(world)
    touches = reference.attribution(world, parameters.touch_days)
    rows = reference.order_feedback(answers, orders, touches, trackers, match_days, secret)
    daily = reference.nps_by_attribution(rows, touches)
    return world | {
        "unified.feedback": answers,
        "unified.orders": orders,
        "unified.attribution": touches,
        "marts.order_feedback": rows,
        "marts.nps_daily": reference.nps_daily(rows),
        "marts.nps_by_attribution": daily,
        "marts.nps_by_channel": reference.nps_by_channel(daily, LAST),
        "marts.channel_scorecard": scorecard_reference.channel_scorecard(
            rows,
            orders,
            touches,
            world.get("wicked_reports.contacts", []),
            world.get("ad_spend.daily", []),
            last=LAST,
            held=DAYS,
            secret=secret,
        ),
        "marts.customer_value_spread": scorecard_reference.customer_value_spread(
            rows, orders, LAST, secret
        ),
        "marts.nps_by_location": scorecard_reference.nps_by_location(answers, LAST),
        "marts.customers": reference.customers(rows, orders, secret),
        "marts.customer_value": reference.customer_value(rows, orders, secret),
        "marts.survey_funnel": reference.survey_funnel(trackers, rows, match_days),
        "marts.product_scores": reference.product_scores(
            reviews, world.get("wicked_reports.orders", [])
        ),
        "marts.match_coverage": reference.match_coverage(rows),
        "marts.detractor_queue": reference.detractor_queue(rows, orders, LAST, secret),
    }


def days_read_of(table: Table, held: World, parameters: Parameters, day: date) -> World:
    """The rows of the partitions that ``day`` of a table reads, or a table whose last day it is."""
    read = {}
    for name, days in days_to_read(table, day, day, parameters).items():
        first, last = days[0] or date.min, days[1] or date.max
        read[name] = [
            row for row in held.get(name, []) if "day" not in row or first <= row["day"] <= last
        ]
    return read


def assert_same_rows(name: str, found: list[Row], wanted: list[Row], within: float = 1e-9) -> None:
    """Assert the same rows in any order; floats equal ``within`` a share, the rest exactly."""
    table = find_table(name)
    found, wanted = _sorted(table, found), _sorted(table, wanted)
    assert [_exact(row) for row in found] == [_exact(row) for row in wanted], name
    for one, other in zip(found, wanted, strict=True):
        for column, value in one.items():
            if isinstance(value, float):
                close = abs(value - other[column]) <= within * max(1.0, abs(value))
                assert close, (name, column, one, other)


def _exact(row: Row) -> Row:
    return {
        name: "a float" if isinstance(value, float) else value
        for name, value in sorted(row.items())
    }


def _sorted(table: Table, rows: list[Row]) -> list[Row]:
    def place(row: Row) -> list[tuple[bool, str]]:
        names = [*table.key, "day", "responded_at"]
        return [(row.get(name) is None, str(row.get(name))) for name in names]

    return sorted(rows, key=place)
