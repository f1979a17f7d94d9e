"""What providers declare of their answers, held against the SQL of each."""

from datetime import date

import pytest
from sqlglot import exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify

from feedback_assets.providers.answers import COLUMNS, NEEDED
from feedback_assets.providers.provider import Provider
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.tables import find_table
from feedback_assets.tables.unified import FEEDBACK
from feedback_assets.transforms.dialect import duckdb_type
from feedback_assets.transforms.restated import with_restated
from feedback_assets.transforms.sources import ArrowTables, connect

ANSWERING = [provider for provider in REGISTRY if provider.answers]
each_provider = pytest.mark.parametrize(
    "provider", ANSWERING, ids=[provider.name for provider in ANSWERING]
)


def _schema(provider: Provider) -> dict[str, dict[str, dict[str, str]]]:
    return {
        provider.name: {
            table.name: {column.name: duckdb_type(column.type) for column in table.columns}
            | {"day": "date"}
            for table in provider.tables
        }
    }


def _leaves(node: Node) -> set[str]:
    """The columns ``table.column`` that a node of the lineage comes from."""
    if node.downstream:
        return set().union(*map(_leaves, node.downstream))
    if not isinstance(node.expression, exp.Table):
        return set()
    return {f"{node.expression.name}.{node.name.rpartition('.')[2].strip(chr(34))}"}


@each_provider
def test_a_column_of_the_answers_is_declared_to_come_from_what_the_query_takes(
    provider: Provider,
) -> None:
    assert provider.answers is not None
    for name, declared in provider.answers.columns.items():
        found = lineage(name, provider.answers.sql, schema=_schema(provider), dialect="duckdb")
        assert _leaves(found) == set(declared), name


@each_provider
def test_the_query_reads_the_tables_that_are_declared_and_gives_the_columns(
    provider: Provider,
) -> None:
    assert provider.answers is not None
    tree = parse_one(with_restated(provider.answers.sql), dialect="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = {table.name for table in tree.find_all(exp.Table) if table.name not in own}
    assert read == set(provider.answers.depends)
    qualified = qualify(tree, schema=_schema(provider), dialect="duckdb")
    given = [column.alias_or_name for column in qualified.selects]
    assert given[0] == "day"
    assert sorted(given[1:]) == sorted(provider.answers.columns)
    assert set(NEEDED) <= set(given)


@each_provider
def test_the_types_of_the_answers_are_those_of_the_table(provider: Provider) -> None:
    assert provider.answers is not None
    day = {"first_day": date(2024, 5, 1), "last_day": date(2024, 5, 2), "match_days": 90}
    named = {name: value for name, value in day.items() if f"${name}" in provider.answers.sql}
    with connect(ArrowTables({}), provider.tables) as connection:
        query = with_restated(provider.answers.sql)
        rows = connection.sql(query, params=named).to_arrow_table()
    kinds = {column.name: column.type for column in COLUMNS}
    for name in provider.answers.columns:
        assert rows.schema.field(name).type == kinds[name], name


def test_the_table_of_all_answers_depends_on_and_comes_from_what_the_providers_declare() -> None:
    assert set(FEEDBACK.depends) == {
        f"{provider.name}.{name}"
        for provider in ANSWERING
        for name in (provider.answers.depends if provider.answers else ())
    }
    for name in FEEDBACK.depends:
        assert find_table(name)
    comment = FEEDBACK.column("comment").source
    assert comment == (
        "thanx.feedbacks.review",
        "feedbackpulse.submissions.text_feedback",
        "retargeting.order_feedback.comment",
    )
    assert {column.name for column in COLUMNS} | {"feedback_id", "provider", "nps_class"} == {
        column.name for column in FEEDBACK.columns
    }
