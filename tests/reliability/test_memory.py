"""Memory use of a hostile or huge response: a multiple of its body, not of its Content-Length."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.documents import DOCUMENTED
from tests.reliability.processes import ROOT
from tests.reliability.wire import Exchange, gzipped, running_wire

pytestmark = pytest.mark.slow

READING = """
import json, sys
from datetime import date
from pathlib import Path
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.ingest.window import asked, read_window
from feedback_assets.http.errors import ProviderError
from feedback_assets.providers.registry import find_provider
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.warehouse.warehouse import Warehouse

def peak():
    # Of this program alone: getrusage would count what its parent held when it was forked.
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1]) / 1024

(source,) = [s for s in SOURCES if s.tables[0].full_name == "wicked_reports.orders"]
client = find_provider("wicked_reports").client(
    api_key="a-key-of-a-test", url=sys.argv[1], retry=RetryPolicy(attempts=1))
day = date(2020, 6, 18)
before = peak()
try:
    counts = read_window(
        lambda: source.read(client, *asked(day, day)),
        {table: source.typing("UTC") for table in source.tables}, day, day, Warehouse(sys.argv[2]))
    said = str(sum(c.rows for c in counts[source.tables[0]]))
except ProviderError as error:
    said = str(error)
print(json.dumps([peak() - before, said]))
"""
ORDER = json.dumps(DOCUMENTED["wicked_reports.orders"])
MEGABYTE = 1 << 20


def page(records: list[str]) -> bytes:
    head = '{"status": "success", "page": 1, "totalPages": 1, "total": '
    return f'{head}{len(records)}, "results": [{",".join(records)}]}}'.encode()


def with_field(value: str) -> bytes:
    return page([f'{{"new": {value}, {ORDER[1:]}'])


def orders(megabytes: int) -> bytes:
    count = megabytes * MEGABYTE // len(ORDER)
    return page([ORDER.replace('"id": "WR', f'"id": "{n} WR', 1) for n in range(count)])


CASES: dict[str, tuple[Callable[[], bytes], dict[str, str], float, str]] = {
    "a page of 100 MB of orders": (lambda: orders(100), {}, 600, r""),
    "one text of 100 MB": (lambda: with_field(f'"{"x" * 100 * MEGABYTE}"'), {}, 1200, r"1"),
    "100 MB of white space": (lambda: page([" " * 100 * MEGABYTE + ORDER]), {}, 600, r"1"),
    "a gzip bomb of 1 GB": (
        lambda: gzipped(1 << 30),
        {"Content-Encoding": "gzip"},
        800,
        "larger than 262,144 KiB",
    ),
    "100 MB of numbers": (
        lambda: b"[1" + b",1" * 50 * MEGABYTE + b"]",
        {},
        600,
        "more than 20,000,000 values",
    ),
    "10⁶ levels of nesting": (lambda: b"[" * 1_000_000, {}, 100, "nested too deeply"),
    "10⁶ levels of nesting in a record": (
        lambda: with_field("[" * 1_000_000 + "]" * 1_000_000),
        {},
        100,
        "nested too deeply",
    ),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc")
@pytest.mark.parametrize("name", CASES)
def test_the_memory_used_by_a_response_is_bounded(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    make, headers, megabytes, says = CASES[name]
    body = make()

    def send(exchange: Exchange) -> None:
        exchange.send(body, 200, headers)

    with running_wire("http://127.0.0.1:9", send) as wire:
        finished = subprocess.run(
            [sys.executable, "-c", READING, wire.url, str(tmp_path / "held")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    peak, said = json.loads(finished.stdout)
    record_property("megabytes", peak)
    assert says in said
    assert peak <= megabytes
