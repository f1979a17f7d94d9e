"""The declaration of a table in Iceberg: fields, partitions, properties, and their evolution."""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from feedback_assets.publish.names import table_name
from feedback_assets.publish.postgres.shape import DAY_COMMENT
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import Table

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Transaction
    from pyiceberg.types import IcebergType

PROPERTIES = {
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    # Manifests would keep the bounds of columns, and so the values of erased people.
    "write.metadata.metrics.default": "none",
    "write.metadata.metrics.column.day": "full",
    # Without these two, a commit takes longer with each one before it.
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    # Its own retry would append after another publisher's rows: days would be there twice.
    "commit.retry.num-retries": "0",
    # For engines that expire snapshots themselves.
    "history.expire.max-snapshot-age-ms": str(7 * 24 * 3600 * 1000),
}


def properties_of(table: Table) -> dict[str, str]:
    """The properties of the table, with its description and key."""
    return {**PROPERTIES, "comment": table.description, "feedback.key": ", ".join(table.key)}


def arrow_schema(table: Table) -> pa.Schema:
    """The schema of the rows as written: ``day`` first, and only types that Iceberg has."""
    fields = [_storable(field) for field in table.schema]
    if table.partitioned:
        fields.insert(0, pa.field("day", pa.date32(), nullable=False))
    return pa.schema(fields)


def _storable(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _storable_type(field.type), nullable=field.nullable)


def _storable_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_int8(kind):
        return pa.int32()
    if pa.types.is_struct(kind):
        return pa.struct([_storable(field) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(pa.field("element", _storable_type(kind.value_type)))
    return kind


def schema_of(table: Table) -> "Schema":
    """The Iceberg schema, with documentation for each column."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    docs = {"day": DAY_COMMENT} | {one.name: _doc(one) for one in table.columns}
    fields = list(arrow_schema(table))
    # Nested fields are numbered after those of the first level.
    inner = count(len(fields) + 1)
    return Schema(
        *(
            NestedField(
                number,
                field.name,
                _iceberg_type(field.type, inner),
                required=not field.nullable,
                doc=docs[field.name],
            )
            for number, field in enumerate(fields, start=1)
        )
    )


def _doc(column: Column) -> str:
    return f"{column.description} [{column.unit}]" if column.unit else column.description


def _iceberg_type(kind: pa.DataType, ids: Iterator[int]) -> "IcebergType":
    from pyiceberg import types

    if pa.types.is_struct(kind):
        return types.StructType(
            *(
                types.NestedField(
                    next(ids), field.name, _iceberg_type(field.type, ids), required=False
                )
                for field in kind
            )
        )
    if pa.types.is_list(kind):
        return types.ListType(
            next(ids), _iceberg_type(kind.value_type, ids), element_required=False
        )
    if pa.types.is_decimal(kind):
        return types.DecimalType(kind.precision, kind.scale)
    plain: dict[pa.DataType, Any] = {
        pa.string(): types.StringType,
        pa.bool_(): types.BooleanType,
        pa.int32(): types.IntegerType,
        pa.int64(): types.LongType,
        pa.float64(): types.DoubleType,
        pa.date32(): types.DateType,
        pa.timestamp("us", "UTC"): types.TimestamptzType,
    }
    found: IcebergType = plain[kind]()
    return found


def spec_of(table: Table) -> "PartitionSpec":
    """Partitioned by the identity of ``day``, or not at all."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    if not table.partitioned:
        return PartitionSpec()
    return PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "day"))


def evolve(transaction: "Transaction", table: Table) -> bool:
    """Give an existing table the declared columns; returns whether rows must be sent again.

    A column whose type differs is dropped and added again, so that its old values are not read as
    the new type.
    """
    there = {field.name: field for field in transaction.table_metadata.schema().fields}
    wanted = {field.name: field for field in schema_of(table).fields}
    other = {
        name
        for name, field in there.items()
        if name not in wanted or _spelt(field.field_type) != _spelt(wanted[name].field_type)
    }
    if other:
        with transaction.update_schema(allow_incompatible_changes=True) as update:
            for name in sorted(other):
                update.delete_column(name)
    kept = there.keys() - other
    with transaction.update_schema() as update:
        for name, field in wanted.items():
            if name not in kept:
                # Optional: until they are sent again, the rows have no value.
                update.add_column(name, field.field_type, field.doc)
                continue
            if there[name].required and not field.required:
                update.make_column_optional(name)
            if there[name].doc != field.doc:
                update.update_column(name, doc=field.doc)
    # Also if somebody else had dropped a column: the warehouse still has its values.
    return bool(wanted.keys() - kept)


def _spelt(kind: "IcebergType") -> str:
    """The type without the numbers of its fields."""
    from pyiceberg import types

    if isinstance(kind, types.StructType):
        return f"struct<{', '.join(f'{f.name}: {_spelt(f.field_type)}' for f in kind.fields)}>"
    if isinstance(kind, types.ListType):
        return f"list<{_spelt(kind.element_type)}>"
    return str(kind)


def identifier(namespace: str, table: Table) -> tuple[str, str]:
    """The table's name in the catalog."""
    return namespace, table_name(table)
