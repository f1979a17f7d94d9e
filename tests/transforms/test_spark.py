"""The same SQL on a standalone Spark of two workers gives DuckDB's rows, hash for hash."""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.support import history
from feedback_assets.schema.table import Table
from feedback_assets.settings import SettingsError, load_settings
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES
from feedback_assets.transforms import Parameters
from feedback_assets.transforms.engines import DuckDBEngine, Engine, engine_of
from feedback_assets.transforms.sources import ArrowTables, connect
from feedback_assets.transforms.spark import _session
from feedback_assets.transforms.spark_sql import spark_query
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import Project
from tests.servers.object_store import ObjectStore
from tests.transforms.test_dialect import LETTERS, PIECES
from tests.transforms.test_engine import _fill
from tests.transforms.worlds import FIRST, LAST, World, worlds
from tests.warehouse.rows import sample

PARAMETERS = Parameters(customer_secret=b"secret", threads=1)
WAIT_SECONDS = 240


@contextmanager
def _process(name: str, arguments: list[str], log: Path, ready: str) -> Iterator[re.Match[str]]:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = os.environ | {"SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *arguments]
    with log.open("w") as sink, subprocess.Popen(command, env=environment, stderr=sink) as process:
        try:
            end = time.monotonic() + WAIT_SECONDS
            while not (found := re.search(ready, log.read_text())):
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < end, log.read_text()[-2000:]
                time.sleep(0.2)
            yield found
        finally:
            process.kill()


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("java"):
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    logs = tmp_path_factory.mktemp("spark")
    # 200 partitions with a few rows each would take most of the time.
    (logs / "spark-defaults.conf").write_text("spark.sql.shuffle.partitions 4\n")
    with ExitStack() as processes, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(logs))
        arguments = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        ready = r"Starting Spark master at (spark://\S+)"
        url = processes.enter_context(_process("master.Master", arguments, logs / "master", ready))[
            1
        ]
        for number in range(2):
            place = ["--cores", "1", "--memory", "1g", "--host", "127.0.0.1", "--webui-port", "0"]
            place += ["--work-dir", str(logs / f"work-{number}"), url]
            processes.enter_context(
                _process("worker.Worker", place, logs / f"{number}", "Successfully registered")
            )
        yield url
        if _session.cache_info().currsize:
            _session(url).stop()
            _session.cache_clear()


def _hashes(engine: Engine, table: Table, first, last, warehouse: Warehouse) -> dict[str, str]:
    if not table.partitioned:
        return {"": content_hash(engine.build_whole(table, warehouse, PARAMETERS))}
    built = engine.build_days(table, first, last, warehouse, PARAMETERS)
    return {day.isoformat(): content_hash(rows) for day, rows in built}


def _build(engine: Engine, table: Table, first, last, warehouse: Warehouse) -> None:
    if not table.partitioned:
        warehouse.replace_whole(table, engine.build_whole(table, warehouse, PARAMETERS))
        return
    for day, rows in engine.build_days(table, first, last, warehouse, PARAMETERS):
        warehouse.replace_day(table, day, rows)


@pytest.mark.slow
def test_two_spark_workers_build_the_same_rows_as_duckdb(master: str, tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "it's a warehouse"))
    # Spark's time depends on the number of days more than on that of rows.
    held = history.History(days=int(os.environ.get("SPARK_DAYS", "5")), orders=300)
    history.write(held, warehouse)
    duckdb, spark = DuckDBEngine(), engine_of("spark", master)
    assert _session(master).sparkContext.master == master
    seconds = {"duckdb": 0.0, "spark": 0.0}
    for table in DERIVED_TABLES:
        start = time.monotonic()
        wanted = _hashes(duckdb, table, held.first, history.LAST, warehouse)
        between = time.monotonic()
        found = _hashes(spark, table, held.first, history.LAST, warehouse)
        seconds["duckdb"] += between - start
        seconds["spark"] += time.monotonic() - between
        assert found == wanted, table.full_name
        _build(duckdb, table, held.first, history.LAST, warehouse)
    print(f"{held.days} days of {held.orders} orders: {seconds}")  # noqa: T201


@pytest.mark.slow
def test_spark_reads_files_without_arrows_schema_like_those_with_it(
    master: str, tmp_path: Path
) -> None:
    session = _session(master)
    for table in ALL_TABLES:
        rows = sample(table, 7)
        with_schema, without = (str(tmp_path / f"{table.name}.{n}.parquet") for n in (1, 2))
        pq.write_table(rows, with_schema, store_schema=True)
        Warehouse(str(tmp_path)).write_parquet(without, rows, table)
        frames = [session.read.parquet(path) for path in (with_schema, without)]
        assert frames[0].schema == frames[1].schema, table.full_name
        assert frames[0].collect() == frames[1].collect(), table.full_name


@pytest.mark.slow
def test_both_engines_normalise_text_and_money_alike(master: str) -> None:
    draw = random.Random(7)
    words = ["".join(draw.choices(PIECES, k=draw.randint(0, 8))) for _ in range(5_000)]
    texts = [None, *words, *LETTERS]
    rows = pa.table({"n": range(len(texts)), "t": pa.array(texts, pa.string())})
    query = """
        select
            n, trimmed(t), present(t), normal_email(t), channel_name(t),
            paid_by(t, n), refunded_by(t || 'refunded ', -n),
            money(n * 12345678901),
            money_each(cast(n * 12345678901234567.4567 as decimal(38, 4)), n + 1),
            money_each(cast(-n * 0.0001 as decimal(38, 4)), 2)
        from given.rows
    """
    with connect(ArrowTables({}), []) as connection:
        connection.execute("create schema given")
        connection.register("held", rows)
        connection.execute("create view given.rows as from held")
        wanted = sorted(connection.sql(query).fetchall())
    session = _session(master)
    session.createDataFrame(rows).createOrReplaceTempView("awkward")
    found = session.sql(spark_query(query, {"given.rows": "awkward"})).collect()
    pairs = zip(sorted(map(tuple, found)), wanted, strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


@pytest.mark.slow
def test_in_crowded_worlds_both_engines_agree(master: str) -> None:
    duckdb, spark = DuckDBEngine(), engine_of("spark", master)

    @settings(
        max_examples=1,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    def agree(world: World) -> None:
        with tempfile.TemporaryDirectory() as directory:
            warehouse = Warehouse(directory)
            _fill(warehouse, world)
            for table in DERIVED_TABLES:
                wanted = _hashes(duckdb, table, FIRST, LAST, warehouse)
                assert _hashes(spark, table, FIRST, LAST, warehouse) == wanted, table.full_name
                _build(duckdb, table, FIRST, LAST, warehouse)

    agree()


@pytest.mark.slow
def test_two_spark_workers_build_the_duckdb_rows_from_an_object_store(
    master: str, s3: ObjectStore, project: Project
) -> None:
    warehouse = project.warehouse
    held = history.History(days=5, orders=40)
    history.write(held, warehouse)
    duckdb, spark = DuckDBEngine(), engine_of("spark", master)
    for table in DERIVED_TABLES:
        if table.full_name == "marts.nps_by_attribution":
            wanted = _hashes(duckdb, table, held.first, history.LAST, warehouse)
            # Most of its days are empty and are not passed to Spark.
            assert _hashes(spark, table, held.first, history.LAST, warehouse) == wanted
            break
        _build(duckdb, table, held.first, history.LAST, warehouse)


def test_an_invalid_engine_or_master_stops_loading() -> None:
    with pytest.raises(SettingsError, match="FEEDBACK_ENGINE='polars': is not an engine"):
        load_settings({"FEEDBACK_ENGINE": "polars"})
    with pytest.raises(SettingsError, match="FEEDBACK_SPARK_MASTER"):
        load_settings({"FEEDBACK_SPARK_MASTER": "http://host"})
    assert load_settings({"FEEDBACK_ENGINE": "Spark"}).feedback_engine == "spark"
