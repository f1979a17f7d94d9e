"""Memory while reading does not grow with the number of orders."""

import subprocess
import sys
from pathlib import Path

import pytest

PROMISED = 1.3

READING = """
import json, resource, sys
from datetime import date
from feedback_assets.ingest.window import read_window
from feedback_assets.http.paging import Page
from feedback_assets.warehouse.warehouse import Warehouse
from tests.ingest.documents import ORDERS, documented, typing_of

count, root = int(sys.argv[1]), sys.argv[2]

def pages():
    for page in range(count // 1000):
        orders = [
            documented(
                ORDERS,
                id=f"WR-{page * 1000 + number}",
                date=f"2024-03-{1 + number % 28:02}T{number % 24:02}:00:27.000Z",
            )
            for number in range(1000)
        ]
        yield {ORDERS.full_name: Page(json.dumps(orders).encode(), 1000)}

first, last = date(2024, 3, 1), date(2024, 3, 28)
counts = read_window(pages, {ORDERS: typing_of(ORDERS)}, first, last, Warehouse(root))
assert sum(day.rows for day in counts[ORDERS]) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(count: int, root: Path) -> int:
    finished = subprocess.run(
        [sys.executable, "-c", READING, str(count), str(root)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(finished.stdout)


@pytest.mark.slow
def test_ten_times_the_orders_need_hardly_more_memory(tmp_path: Path) -> None:
    few = peak(20_000, tmp_path / "few")
    many = peak(200_000, tmp_path / "many")
    assert many <= PROMISED * few
