"""A query sees every table, and the rows of those it reads however it names them."""

from datetime import date

import pyarrow as pa
import pytest

from feedback_assets.operations.query import run_query
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import PROVIDER_TABLES, STORED_TABLES, find_table
from tests.conftest import Project

MATCHES = find_table("marts.match_coverage")


@pytest.fixture
def held(project: Project) -> Warehouse:
    row = {"provider": "thanx", "match_method": "email", "responses": 3}
    project.warehouse.replace_day(
        MATCHES, date(2026, 1, 1), pa.Table.from_pylist([row], schema=MATCHES.schema)
    )
    return project.warehouse


@pytest.mark.parametrize(
    "sql",
    [
        "select sum(responses) from marts.match_coverage",
        'select sum(responses) from "MARTS"."Match_Coverage"',
        "select sum(responses) from query_table('marts.match' || '_coverage')",
        "select sum(responses) from query('from marts.match' || '_coverage')",
    ],
)
def test_a_table_has_its_rows_however_it_is_named(held: Warehouse, sql: str) -> None:
    assert run_query(sql, held).to_pylist() == [{"sum(responses)": 3}]


def test_every_table_is_listed(held: Warehouse) -> None:
    listed = run_query("select table_schema, table_name from information_schema.tables", held)
    names = {f"{row['table_schema']}.{row['table_name']}" for row in listed.to_pylist()}
    assert {table.full_name for table in STORED_TABLES} <= names
    assert {f"quarantine.{table.full_name}" for table in PROVIDER_TABLES} <= names
