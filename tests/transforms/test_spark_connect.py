"""The same SQL by Spark Connect, from a path and an object store: DuckDB's rows, hash for hash."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks.support import history
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.transforms.engines import DuckDBEngine, engine_of
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.servers.object_store import ObjectStore
from tests.servers.spark_connect import running_spark_connect
from tests.transforms.test_spark import _build, _hashes

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
OF_A_PATH = "unified.feedback"
OF_AN_OBJECT_STORE = "marts.nps_by_channel"


def _by_connect(address: str, root: str, name: str, first: date, last: date) -> dict[str, str]:
    """In a separate process: after using Connect, a process cannot have any other Spark session."""
    arguments = [address, root, name, first.isoformat(), last.isoformat()]
    command = [sys.executable, "-m", "tests.transforms.test_spark_connect", *arguments]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    found: dict[str, str] = json.loads(said)
    return found


def test_spark_connect_builds_the_duckdb_rows_from_a_path_and_an_object_store(
    s3: ObjectStore, project: Project, tmp_path: Path
) -> None:
    held = history.History(days=5, orders=40)
    span = (held.first, history.LAST)
    duckdb = DuckDBEngine()
    local, remote = Warehouse(str(tmp_path / "held")), project.warehouse
    history.write(held, local)
    for table in DERIVED_TABLES:
        _build(duckdb, table, *span, local)
    remote.filesystem.put(f"{local.base}/", f"{remote.base}/", recursive=True)
    (tmp_path / "spark").mkdir()
    with running_spark_connect(tmp_path / "spark") as address:
        wanted = _hashes(duckdb, find_table(OF_A_PATH), *span, local)
        assert _by_connect(address, local.root, OF_A_PATH, *span) == wanted
        wanted = _hashes(duckdb, find_table(OF_AN_OBJECT_STORE), *span, local)
        assert _by_connect(address, remote.root, OF_AN_OBJECT_STORE, *span) == wanted


if __name__ == "__main__":
    address, root, name, *days = sys.argv[1:]
    first, last = map(date.fromisoformat, days)
    spark = engine_of("spark", address)
    print(json.dumps(_hashes(spark, find_table(name), first, last, Warehouse(root))))  # noqa: T201
