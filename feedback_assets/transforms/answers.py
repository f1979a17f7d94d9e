"""The answers of all providers as one query, out of the ``feedback.sql`` of each."""

from functools import cache

from feedback_assets.providers.answers import COLUMNS, Answers
from feedback_assets.schema.columns import Column
from feedback_assets.tables.unified import ANSWERS
from feedback_assets.transforms.dialect import duckdb_type


@cache
def answers_sql() -> str:
    """The common table expressions that ``unified/feedback.sql`` selects from, ``answers`` last.

    Every provider's part has the same columns in the same order, whichever of them it fills.
    """
    queries = [
        f"answers_of_{name} as (\n{answers.sql.strip()}\n)" for name, answers in ANSWERS.items()
    ]
    parts = "\n\nunion all\n\n".join(_part(name, answers) for name, answers in ANSWERS.items())
    return "with\n\n" + ",\n\n".join([*queries, f"answers as (\n{parts}\n)"])


def _part(name: str, answers: Answers) -> str:
    columns = ",\n".join(f"    {_value(column, answers)} as {column.name}" for column in COLUMNS)
    return f"select\n    day,\n    '{name}' as provider,\n{columns}\nfrom answers_of_{name}"


def _value(column: Column, answers: Answers) -> str:
    given = column.name in answers.columns
    value = column.name if given else ("null" if column.nullable else "false")
    return f"cast({value} as {duckdb_type(column.type)})"
