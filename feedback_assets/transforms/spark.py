"""Runs the transforms on a Spark cluster: the same SQL files, the same rows.

Spark reads the partitions, computes, and returns the rows as Arrow, some days at a time; the caller
writes them, so that a partition is replaced the same way with every engine. Workers must be able to
read a warehouse that is a path. From an object store, this process reads the rows and passes them
to Spark: Hadoop's object store clients are not part of PySpark.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from feedback_assets.days import days_between
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.engine import (
    PARTS,
    Parameters,
    cut_days,
    days_asked,
    days_to_read,
    last_day_held,
    part_of,
    query_of,
)
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.transforms.sources import Days
from feedback_assets.transforms.spark_sql import SECRETS, spark_query
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Rows that reach this process at once: some hundred megabytes of the widest table.
_ROWS_AT_ONCE = 1_000_000
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # A value that does not fit is an error and not null, as in DuckDB.
    "spark.sql.ansi.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
    # With more than 32 paths Spark lists each in a task, here one per day: 2.9 s for three years,
    # and 0.3 s when the driver does it.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
# A local Spark runs entirely in this process's child. By default its ports are open to the network:
# the driver's and the block manager's on the host's address, and the UI's, unprotected, on all.
_LOCAL_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
}


@dataclass(frozen=True)
class SparkEngine:
    """A Spark engine.

    ``address`` is a master (``spark://host:7077``, ``local[4]``) or a Spark Connect URL
    (``sc://host:15002``).
    """

    address: str

    def build_days(
        self, table: Table, first: date, last: date, warehouse: Warehouse, parameters: Parameters
    ) -> Iterator[tuple[date, pa.Table]]:
        """As ``engine.build_days``, day for day and row for row."""
        if not table.partitioned:
            raise ValueError(f"{table.full_name} has no days")
        if last < first:
            raise ValueError(f"{last} is before {first}")
        with self._rows(table, first, last, warehouse, parameters) as computed:
            # Cached on the cluster while it is fetched in pieces; otherwise each piece recomputes
            # it all.
            rows = computed.persist()
            try:
                for some in _portions(rows, days_between(first, last)):
                    found = rows.where(rows["day"].between(some[0], some[-1])).toArrow()
                    yield from cut_days(found.to_reader(), table, some[0], some[-1])
            finally:
                rows.unpersist()

    def build_whole(self, table: Table, warehouse: Warehouse, parameters: Parameters) -> pa.Table:
        """As ``engine.build_whole``, row for row."""
        if table.partitioned:
            raise ValueError(f"{table.full_name} has days")
        last = last_day_held(table, warehouse)
        with self._rows(table, None, last, warehouse, parameters) as rows:
            return rows.toArrow().cast(table.schema)

    @contextmanager
    def _rows(
        self,
        table: Table,
        first: date | None,
        last: date | None,
        warehouse: Warehouse,
        parameters: Parameters,
    ) -> Iterator["DataFrame"]:
        session = _session(self.address)
        start = first if table.partitioned else last
        days = days_to_read(table, start, last, parameters)
        views: dict[str, str] = {}
        try:
            for name in table.depends:
                frame = _partitions(session, warehouse, find_table(name), days[name])
                views[name] = _view(frame)
            pads = hmac_pads(parameters.customer_secret)
            secrets = pa.table({"inner_pad": [pads[0]], "outer_pad": [pads[1]]})
            views[SECRETS] = _view(session.createDataFrame(secrets))
            held = days_asked(table, warehouse)

            def asked(query: str, values: dict[str, Any]) -> "DataFrame":
                bound = {name: values[name] for name in values.keys() - set(secrets.column_names)}
                return session.sql(spark_query(query, views), args=bound)

            for name in table.parts:
                # Computed at once and kept on the cluster: as one query, parts of parts take the
                # driver minutes to plan.
                part = asked(*part_of(table, name, parameters, last, held)).localCheckpoint()
                views[f"{PARTS}.{name}"] = _view(part)
            yield asked(*query_of(table, parameters, first, last, held))
        finally:
            for view in views.values():
                session.catalog.dropTempView(view)


@cache
def _session(address: str) -> "SparkSession":
    # Takes some seconds, so only if Spark is the engine.
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("feedback_assets")
    chosen = _SETTINGS | (_LOCAL_SETTINGS if address.startswith("local") else {})
    for name, value in chosen.items():
        builder = builder.config(name, value)
    if address.startswith("sc://"):
        return builder.remote(address).getOrCreate()
    return builder.master(address).getOrCreate()


def _view(frame: "DataFrame") -> str:
    # Runs share a session, and with it the names of its views.
    name = f"v{uuid.uuid4().hex}"
    frame.createTempView(name)
    return name


def _partitions(
    session: "SparkSession", warehouse: Warehouse, table: Table, days: Days
) -> "DataFrame":
    schema = spark_schema(table)
    if not warehouse.is_local:
        # In one chunk: Spark loses rows of a table with empty chunks, which empty days produce.
        rows = warehouse.read_arrow(table, *days).combine_chunks()
        return session.createDataFrame(rows, schema) if len(rows) else _no_rows(session, schema)
    files = warehouse.files(table, *days)
    if not files:
        return _no_rows(session, schema)
    reader = session.read.schema(schema)
    if table.partitioned:
        reader = reader.option("basePath", f"file://{warehouse.directory(table)}")
    return reader.parquet(*(f"file://{path}" for path in files))


def _no_rows(session: "SparkSession", schema: Any) -> "DataFrame":
    return session.createDataFrame([], schema)


@cache
def spark_schema(table: Table) -> Any:
    """The columns of a table's views in Spark, with ``day`` if it has days."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = table.schema
    if table.partitioned:
        schema = schema.append(pa.field("day", pa.date32()))
    return from_arrow_schema(schema)


def _portions(rows: "DataFrame", days: list[date]) -> Iterator[list[date]]:
    """Yield the days in order, in groups of limited row count."""
    counted = {row["day"]: row["count"] for row in rows.groupBy("day").count().collect()}
    portion: list[date] = []
    held = 0
    for day in days:
        if portion and held + counted.get(day, 0) > _ROWS_AT_ONCE:
            yield portion
            portion, held = [], 0
        portion.append(day)
        held += counted.get(day, 0)
    yield portion
