"""PySpark's own Spark Connect server on loopback."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WAIT_SECONDS = 240
_STARTED = re.compile(r"Spark Connect server started")


@contextmanager
def running_spark_connect(directory: Path) -> Iterator[str]:
    """The address (``sc://host:port``) of a server with two cores, running until the block ends."""
    if not shutil.which("java"):
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
        # 200 partitions with a few rows each would take most of the time.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(directory / "spark-warehouse"),
    }
    command = [
        str(home / "bin" / "spark-submit"), "--master", "local[2]",
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        *(part for pair in settings.items() for part in ("--conf", "=".join(pair))),
        "spark-internal",
    ]  # fmt: skip
    environment = os.environ | {"SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    log = directory / "connect.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=sink, stderr=sink,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        end = time.monotonic() + WAIT_SECONDS
        while not _STARTED.search(log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text(errors="replace")[-2000:])
            time.sleep(0.2)
        yield f"sc://127.0.0.1:{port}"
    finally:
        # The shell that starts Java ends with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
