"""A query sees every table, and the rows of the tables it reads under any spelling."""

from datetime import date

import pyarrow as pa
import pytest

from feedback_assets.query.run import QueryError, run_query
from feedback_assets.tables import READ_TABLES, STORED_TABLES, find_table
from feedback_assets.warehouse.warehouse import Warehouse
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
def test_every_spelling_of_a_table_name_returns_its_rows(held: Warehouse, sql: str) -> None:
    assert run_query(sql, held).to_pylist() == [{"sum(responses)": 3}]


def test_every_table_is_listed(held: Warehouse) -> None:
    listed = run_query("select table_schema, table_name from information_schema.tables", held)
    names = {f"{row['table_schema']}.{row['table_name']}" for row in listed.to_pylist()}
    assert {table.full_name for table in STORED_TABLES} <= names
    assert {f"quarantine.{table.full_name}" for table in READ_TABLES} <= names


def test_show_tables_lists_queryable_names(held: Warehouse) -> None:
    named = run_query("show tables", held).to_pylist()
    listed = run_query(" SHOW  all TABLES ;", held).to_pylist()
    assert named == [{key: row[key] for key in ("name", "one_row_is")} for row in listed]
    assert len(listed) == len(STORED_TABLES) + len(READ_TABLES)
    for row in listed:
        columns = run_query(f"describe {row['name']}", held).to_pylist()
        assert [column["column_name"] for column in columns] == row["columns"].split(", ")
    assert all(row["one_row_is"] for row in listed)


def test_show_tables_lists_one_group(held: Warehouse) -> None:
    listed = run_query('show tables from "marts"', held).column("name").to_pylist()
    assert listed == [table.full_name for table in STORED_TABLES if table.group == "marts"]
    assert run_query("show tables in nowhere", held).num_rows == 0


def test_describe_and_summarize_work(held: Warehouse) -> None:
    described = run_query("describe marts.match_coverage", held).to_pylist()
    assert ("responses", "BIGINT") in [(c["column_name"], c["column_type"]) for c in described]
    summary = run_query("summarize marts.match_coverage", held).to_pylist()
    assert [c["max"] for c in summary if c["column_name"] == "responses"] == ["3"]
    with pytest.raises(QueryError, match="does not exist"):
        run_query("describe marts.nothing", held)
