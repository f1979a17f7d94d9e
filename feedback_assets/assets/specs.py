"""The asset spec of a table: key, description, columns, partitions, dependencies."""

import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta

import dagster as dg

from feedback_assets.assets.code_references import code_references
from feedback_assets.assets.defined import code_version
from feedback_assets.environment.values import split_owners
from feedback_assets.schema.columns import Column
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, PROVIDER_TABLES

# With the daily schedule on, every table is rebuilt once a day because a day was added. One late
# or failed refresh warns, two fail.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=30), fail_window=timedelta(hours=54)
)
# Clients and file systems have already retried; this one covers a server that restarts.
RETRY = dg.RetryPolicy(max_retries=1, delay=30)
_PROVIDER_NAMES = {table.full_name for table in PROVIDER_TABLES}
_FILE_NAMES = {table.full_name for table in FILE_TABLES}


def owners(settings: Settings) -> list[str]:
    """The owners of the assets: e-mail addresses, and teams as ``team:name``."""
    return list(split_owners(settings.feedback_owners))


def tags(table: Table) -> dict[str, str]:
    """Tags to filter by in the UI and in selections: the provider, and personal data."""
    found = {"provider": table.group} if table.full_name in _PROVIDER_NAMES else {}
    if any(_is_personal(column) for column in table.columns):
        found["personal_data"] = "yes"
    return found


def _is_personal(column: Column) -> bool:
    return column.personal is not None or any(map(_is_personal, column.fields))


def daily(start: date) -> dg.DailyPartitionsDefinition:
    """UTC days from ``start`` to yesterday."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC")


def asset_spec(table: Table, settings: Settings, tables: Collection[Table]) -> dg.AssetSpec:
    """The asset of a table, with those of its dependencies that are among ``tables``."""
    loaded = {other.full_name for other in tables}
    names = settings.names
    kinds = {"parquet", _made_by(table)}
    return dg.AssetSpec(
        key=list(names.key(table)),
        deps=[
            _dependency(table, upstream, names) for upstream in table.depends if upstream in loaded
        ],
        description=table.description,
        group_name=names.group(table),
        kinds=kinds,
        tags=tags(table),
        owners=owners(settings),
        freshness_policy=FRESHNESS,
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": ".".join(names.key(table)),
            "primary_key": ", ".join(table.primary_key),
            "example_query": dg.MetadataValue.md(_example(table, names)),
            "dagster/code_references": code_references(table),
        },
        partitions_def=daily(settings.feedback_start_date) if table.partitioned else None,
        code_version=code_version(table, settings),
    )


def _made_by(table: Table) -> str:
    """The kind of asset beside its Parquet: the provider, files of the user's, or the engine."""
    if table.full_name in _FILE_NAMES:
        return "csv"
    return table.group if table.full_name in _PROVIDER_NAMES else "duckdb"


def _example(table: Table, names: Names) -> str:
    text = table.example
    if names.prefix:
        text = text.replace(f' from "{table.group}".', f' from "{names.prefix}"."{table.group}".')
    # One line per clause: the UI shows the query in a narrow column.
    query = re.sub(r" (?=(from|where|group by|order by) )", "\n", text)
    return f"```sql\n{query}\n```"


def _dependency(table: Table, upstream: str, names: Names) -> dg.AssetDep:
    key = list(names.path(upstream))
    if not table.partitioned:
        return dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping())
    # Mapped to the same day, although the query reads up to 90 days before it: with the full window
    # a backfill from the UI would also build the 120 days after the requested ones, from incomplete
    # inputs. The order is guaranteed elsewhere: a provider's range is one run (provider_assets),
    # and the pool builds derived tables one after the other.
    return dg.AssetDep(key, partition_mapping=dg.TimeWindowPartitionMapping())


def column_schema(table: Table) -> dg.TableSchema:
    """The columns as the UI shows them: type, description with unit, and nullability.

    Fields of an object follow as dotted paths: some struct types are 500 characters long, and the
    page shows 40.
    """
    return dg.TableSchema(
        columns=[shown for one in table.columns for shown in _schema_columns(one)]
    )


def _schema_columns(column: Column, within: str = "") -> Iterator[dg.TableColumn]:
    path = f"{within}{column.name}"
    unit = f" [{column.unit}]" if column.unit else ""
    yield dg.TableColumn(
        name=path,
        type={"value": str(column.type), "struct": "struct", "list": "list of structs"}[
            column.shape
        ],
        description=f"{column.description}{unit}",
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
        tags={"personal": str(column.personal).replace(" ", "_")} if column.personal else None,
    )
    for inner in column.fields:
        yield from _schema_columns(inner, f"{path}.")


def column_lineage(table: Table, tables: Collection[Table], names: Names) -> dg.TableColumnLineage:
    """The columns of loaded tables from which each column is computed."""
    loaded = {other.full_name for other in tables}
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column in table.columns:
        found = []
        for source in dict.fromkeys(column.source):
            upstream, _, field = source.rpartition(".")
            if upstream in loaded:
                found.append(dg.TableColumnDep(dg.AssetKey(names.path(upstream)), field))
        if found:
            deps[column.name] = found
    return dg.TableColumnLineage(deps_by_column=deps)
