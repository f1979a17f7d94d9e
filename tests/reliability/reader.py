"""A process that reads tables again and again beside a writer, and says what it saw.

``python -m tests.reliability.reader WAREHOUSE EXPECTED``: ``EXPECTED`` is a JSON file with, for
each table, the content hashes that a partition of it may have, by day. It ends when its standard
input does, and prints how often it read and everything that was not whole.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.sources import connect
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

Marks = dict[str, list[str]]
"""By day, or "" for a table without days: the marks that its content may have."""


def marks_by_arrow(warehouse: Warehouse, table: Table) -> dict[str, str]:
    """The content hash of every partition, read file by file."""
    found = {}
    for path in warehouse.files(table):
        day = path.rsplit("day=", 1)[1][:10] if table.partitioned else ""
        # Opened once; read_table opens twice, and fails where the file is replaced in between.
        found[day] = content_hash(pq.ParquetFile(path).read())
    return found


def marks_by_duckdb(warehouse: Warehouse, table: Table) -> dict[str, str]:
    """A mark of every partition that changes with any of its values, by one query over all."""
    day = "cast(day as varchar)" if table.partitioned else "''"
    with connect(warehouse, [table], threads=1) as connection:
        rows = connection.sql(
            f"select {day}, count(*), sum(hash(held)) "
            f'from "{table.group}"."{table.name}" as held group by 1'
        ).fetchall()
    return {found: f"{count} {mark}" for found, count, mark in rows}


def expected_of(warehouse: Warehouse, names: list[str]) -> dict[str, dict[str, Marks]]:
    """What is there now, as the one thing that may be seen."""
    return {
        kind: {
            name: {day: [mark] for day, mark in marks_of(warehouse, find_table(name)).items()}
            for name in names
        }
        for kind, marks_of in READERS.items()
    }


def either(one: dict[str, dict[str, Marks]], other: dict[str, dict[str, Marks]]) -> Any:
    """Both may be seen, each partition by itself."""
    return {
        kind: {
            name: {
                day: sorted({*marks.get(day, []), *other[kind][name].get(day, [])})
                for day in marks.keys() | other[kind][name].keys()
            }
            for name, marks in tables.items()
        }
        for kind, tables in one.items()
    }


def wrong(warehouse: Warehouse, expected: dict[str, dict[str, Marks]]) -> list[str]:
    """Every partition that is not one of those expected, read in both ways."""
    found = []
    for kind, tables in expected.items():
        for name, marks in tables.items():
            seen = READERS[kind](warehouse, find_table(name))
            found += [
                f"{kind} {name} {day}: {mark}"
                for day, mark in seen.items()
                if mark not in marks.get(day, [])
            ]
    return found


READERS = {"arrow": marks_by_arrow, "duckdb": marks_by_duckdb}


def main(root: str, file: str) -> None:
    expected = json.loads(Path(file).read_text())
    warehouse = Warehouse(root)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    rounds, again, trouble = 0, 0, []
    _say("reading")
    while not ended.is_set():
        try:
            trouble += wrong(warehouse, expected)
        except duckdb.Error:
            # DuckDB opens a file anew between planning and reading: replaced in between, it says
            # that the file is invalid. That is an error and no wrong row; asked again it reads.
            again += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, a reader saw it
            trouble.append(f"{type(error).__name__}: {error}")
        rounds += 1
    _say(json.dumps({"rounds": rounds, "again": again, "trouble": trouble}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
