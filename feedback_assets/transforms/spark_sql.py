"""A table's query as Spark reads it, written by sqlglot from the one that DuckDB runs."""

from collections.abc import Mapping

import sqlglot
from sqlglot import exp

from feedback_assets.transforms.dialect import FUNCTIONS

_BODIES = {function.name: function for function in FUNCTIONS if function.spark is not None}
# The pads of the pseudonym come out of a table of one row, since a value bound to a query stands
# in its plan, which Spark's pages and event log show.
_SECRET = frozenset({"inner_pad", "outer_pad"})
SECRETS = "secrets"


def spark_query(query: str, views: Mapping[str, str]) -> str:
    """The query for Spark: its functions written out, ``:name`` for ``$name``.

    ``views`` says which view stands for ``group.table``, and for ``SECRETS``, the one row that
    has the columns ``inner_pad`` and ``outer_pad``.
    """

    def named(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and node.db:
            view = exp.to_table(views[f"{node.db}.{node.name}"])
            # A column may be named after the table it is of.
            return exp.alias_(view, node.alias or node.name, table=True)
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
