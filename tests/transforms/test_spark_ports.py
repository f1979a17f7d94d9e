"""A local Spark is reachable only from this machine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In a separate process, because the other Spark tests have a session in theirs.
LISTENING = """
import json, os
from pathlib import Path
from feedback_assets.transforms.spark import _session

def below(pid):
    yield pid
    for threads in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in threads.read_text().split():
            yield from below(int(child))

session = _session("local[2]")
assert session.range(100).repartition(2).groupBy("id").count().count() == 100
sockets = {
    os.readlink(descriptor)
    for pid in below(os.getpid())
    for descriptor in Path(f"/proc/{pid}/fd").iterdir()
    if descriptor.is_symlink() and os.path.lexists(descriptor)
}
lines = [
    line.split()
    for name in ("tcp", "tcp6")
    for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
]
print(json.dumps([
    line[1].partition(":")[0]
    for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets
]))
session.stop()
"""
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.slow
def test_every_port_of_a_local_spark_listens_on_loopback() -> None:
    if not shutil.which("java"):
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    pytest.importorskip("pyspark")
    done = subprocess.run(
        [sys.executable, "-c", LISTENING], cwd=ROOT, capture_output=True, text=True, timeout=240,
        check=True,
    )  # fmt: skip
    addresses = json.loads(done.stdout.splitlines()[-1])
    # The gateway to Python, the driver and the block manager.
    assert len(addresses) >= 3
    assert set(addresses) <= LOOPBACK
