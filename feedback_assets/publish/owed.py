"""Erasures still to be made at a target, queued beside the tables until a publication reaches it.

Each is a file of its own, so that completing some cannot remove one that is queued meanwhile. Its
name has the target and a random token, but nothing about a person.
"""

import secrets
from collections.abc import Collection

from feedback_assets.warehouse.warehouse import Warehouse

_DIRECTORY = "_publishing"


def owe(warehouse: Warehouse, target: str) -> None:
    """Queue an erasure: the next publication to the target has to remove all old rows."""
    name = f"{_start(target)}{secrets.token_hex(16)}.txt"
    warehouse.write_bytes(f"{warehouse.base}/{_DIRECTORY}/{name}", b"queued\n")


def owed(warehouse: Warehouse, target: str) -> tuple[str, ...]:
    """The paths of the queued erasures, read before a publication."""
    return tuple(
        path
        for path in warehouse.list_files(f"{warehouse.base}/{_DIRECTORY}")
        if path.rsplit("/", 1)[-1].startswith(_start(target)) and path.endswith(".txt")
    )


def settle(warehouse: Warehouse, erasures: Collection[str]) -> None:
    """Remove these erasures from the queue; those queued since they were read stay."""
    for path in erasures:
        warehouse.remove(path)


def _start(target: str) -> str:
    # Version 0.2.0 had one file for all erasures: its name is this and "txt".
    return f"erasure-owed-by-{target}."
