"""Which engine builds the unified tables and marts: DuckDB on one machine, Spark on many."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from typing import Protocol

import pyarrow as pa

from feedback_assets.schema.table import Table
from feedback_assets.transforms.engine import Parameters, build_days, build_whole
from feedback_assets.warehouse.warehouse import Warehouse


class Engine(Protocol):
    """What builds tables; every engine gives the same rows in the same order."""

    def build_days(
        self, table: Table, first: date, last: date, warehouse: Warehouse, parameters: Parameters
    ) -> Iterator[tuple[date, pa.Table]]:
        """Every day from ``first`` to ``last``, both included, in order, with its rows."""
        ...

    def build_whole(self, table: Table, warehouse: Warehouse, parameters: Parameters) -> pa.Table:
        """The rows of a table that has no days."""
        ...


@dataclass(frozen=True)
class DuckDBEngine:
    """DuckDB in this process."""

    def build_days(
        self, table: Table, first: date, last: date, warehouse: Warehouse, parameters: Parameters
    ) -> Iterator[tuple[date, pa.Table]]:
        return build_days(table, first, last, warehouse, parameters)

    def build_whole(self, table: Table, warehouse: Warehouse, parameters: Parameters) -> pa.Table:
        return build_whole(table, warehouse, parameters)


class SparkMissing(RuntimeError):
    """Spark is the engine and is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "FEEDBACK_ENGINE=spark needs PySpark: pip install 'feedback-assets[spark]'"
        )


def engine_of(name: str, spark_master: str) -> Engine:
    """The engine that ``FEEDBACK_ENGINE`` names; raises ``SparkMissing``."""
    if name != "spark":
        return DuckDBEngine()
    if find_spec("pyspark") is None or find_spec("sqlglot") is None:
        raise SparkMissing
    from feedback_assets.transforms.spark import SparkEngine

    return SparkEngine(spark_master)
