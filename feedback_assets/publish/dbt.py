"""A ``sources.yml`` for dbt, from the declarations: descriptions, types and tests."""

from typing import Any

import yaml

from feedback_assets.publish.names import schema_name, table_name
from feedback_assets.publish.postgres.shape import columns_of, key_of
from feedback_assets.publish.postgres.target import PUBLICATIONS
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables.named import named_tables

# The tables have no column with a load time; this table records the publications.
_PUBLICATIONS = {
    "name": PUBLICATIONS,
    "description": "When the tables were brought up to date.",
    "loaded_at_field": "published_at",
    "freshness": {
        "warn_after": {"count": 30, "period": "hour"},
        "error_after": {"count": 54, "period": "hour"},
    },
    "columns": [{"name": "published_at", "data_tests": ["not_null", "unique"]}],
}


def sources_yml(settings: Settings) -> str:
    """The published tables as one dbt source; dbt's profile names the database."""
    tables = named_tables(settings.feedback_publish_tables)
    schema = schema_name(settings.names)
    source = {
        "name": schema,
        "description": "Orders, attribution and NPS, published by feedback-assets.",
        "schema": schema,
        "tables": [*map(_table, tables), _PUBLICATIONS],
    }
    text: str = yaml.safe_dump(
        {"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def _table(table: Table) -> dict[str, Any]:
    key = key_of(table)
    found: dict[str, Any] = {
        "name": table_name(table),
        "description": table.description,
        "columns": [],
    }
    if key:
        found["config"] = {"meta": {"primary_key": list(key)}}
    for column in columns_of(table):
        about: dict[str, Any] = {
            "name": column.name,
            "description": column.comment,
            "data_type": column.type,
        }
        tests: list[Any] = [] if column.nullable else ["not_null"]
        if key == (column.name,):
            tests.append("unique")
        if tests:
            about["data_tests"] = tests
        found["columns"].append(about)
    return found
