"""The same SQL by Spark Connect, of a warehouse in an object store: DuckDB's rows, hash for hash."""

from collections.abc import Iterator

import pytest

from benchmarks.support import history
from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import DERIVED_TABLES
from feedback_assets.transforms.engines import DuckDBEngine, engine_of
from tests.conftest import Project
from tests.servers.object_store import ObjectStore
from tests.servers.spark_connect import running_spark_connect
from tests.transforms.test_spark import _build, _hashes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
COMPARED = {"unified.feedback", "marts.order_feedback", "marts.nps_by_channel"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_spark_connect(tmp_path_factory.mktemp("spark-connect")) as address:
        yield address
        from pyspark.sql import SparkSession

        if (session := SparkSession.getActiveSession()) is not None:
            session.stop()


def test_spark_connect_builds_what_duckdb_does_of_a_warehouse_in_an_object_store(
    address: str, s3: ObjectStore, project: Project
) -> None:
    warehouse: Warehouse = project.warehouse
    held = history.History(days=8, orders=40)
    history.write(held, warehouse)
    duckdb, spark = DuckDBEngine(), engine_of("spark", address)
    for table in DERIVED_TABLES:
        if table.full_name in COMPARED:
            wanted = _hashes(duckdb, table, held.first, history.LAST, warehouse)
            assert _hashes(spark, table, held.first, history.LAST, warehouse) == wanted
        _build(duckdb, table, held.first, history.LAST, warehouse)
