"""Translates a table's DuckDB query to Spark SQL with sqlglot."""

from collections.abc import Mapping

import sqlglot
from sqlglot import exp

from feedback_assets.transforms.dialect import FUNCTIONS

_BODIES = {function.name: function for function in FUNCTIONS if function.spark is not None}
# The pads of the pseudonym come from a one-row table, since a bound value is part of the query's
# plan, which Spark's UI and event log show.
_SECRET = frozenset({"inner_pad", "outer_pad"})
SECRETS = "secrets"


def spark_query(query: str, views: Mapping[str, str]) -> str:
    """The query for Spark: its functions expanded, ``:name`` for ``$name``.

    ``views`` maps ``group.table`` to its view, and ``SECRETS`` to the one-row view with the columns
    ``inner_pad`` and ``outer_pad``.
    """

    def named(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and node.db:
            view = exp.to_table(views[f"{node.db}.{node.name}"])
            # A column may have the same name as its table.
            return exp.alias_(view, node.alias or node.name, table=True)
        if isinstance(node, exp.CTE):
            # Spark decides this itself.
            node.set("materialized", None)
        if isinstance(node, exp.Parameter | exp.Placeholder) and node.name in _SECRET:
            return exp.select(node.name).from_(views[SECRETS]).subquery()
        return node

    tree = sqlglot.parse_one(query, read="duckdb")
    return tree.transform(_written_out).transform(named).sql(dialect="spark", comments=False)


def _written_out(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Anonymous) or node.name.lower() not in _BODIES:
        return node
    function = _BODIES[node.name.lower()]
    given = dict(zip(function.parameters, node.expressions, strict=True))
    body = sqlglot.parse_one(str(function.spark), read="spark")

    def filled(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Column) and not part.table and part.name in given:
            return exp.Paren(this=given[part.name].copy())
        return part

    written = body.transform(filled)
    return exp.Paren(this=written.transform(_written_out))
