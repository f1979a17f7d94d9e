"""The names of schemas, namespaces and tables at a target."""

from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table

ASSET_GROUP = "published"


def schema_name(names: Names) -> str:
    """The Postgres schema and the Iceberg namespace of an account."""
    return names.called("feedback")


def table_name(table: Table) -> str:
    """The table's name within the schema or namespace."""
    return f"{table.group}__{table.name}"
