"""The rows of a warehouse as hashes, by table and day, to compare it with another one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse

Contents = dict[tuple[str, date | None], str]


def contents(warehouse: Warehouse) -> Contents:
    """By table and day, ``None`` for a table without days, the hash of what is held."""
    held: list[tuple[Table, date | None]] = [
        (table, day)
        for table in ALL_TABLES
        for day in (warehouse.days_held(table) if table.partitioned else [None])
    ]

    def one(part: tuple[Table, date | None]) -> str:
        table, day = part
        return content_hash(warehouse.read_arrow(table, day, day))

    with ThreadPoolExecutor(16) as pool:
        hashes = pool.map(one, held)
        return {
            (table.full_name, day): found for (table, day), found in zip(held, hashes, strict=True)
        }
