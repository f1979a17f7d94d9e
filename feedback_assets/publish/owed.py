"""Which targets were published to, and the erasures still to be made there.

Both are files beside the tables. A queued erasure stays until a publication reaches the target. It
is a file of its own, so that completing some cannot remove one that is queued meanwhile. Its name
has the target and a random token, but nothing about a person.
"""

import secrets
from collections.abc import Collection, Sequence

from feedback_assets.warehouse.warehouse import Warehouse

_DIRECTORY = "_publishing"
_PUBLISHED_TO = "published-to-"


def record_target(warehouse: Warehouse, target: str) -> None:
    """Record that the target was published to, so that ``forget`` remembers it if it is not set."""
    if target not in recorded_targets(warehouse):
        warehouse.write_bytes(mark_of(warehouse, target), b"published\n")


def recorded_targets(warehouse: Warehouse) -> tuple[str, ...]:
    """The names of the targets that were ever published to."""
    names = (path.rsplit("/", 1)[-1] for path in _files(warehouse))
    return tuple(
        name.removeprefix(_PUBLISHED_TO).removesuffix(".txt")
        for name in names
        if name.startswith(_PUBLISHED_TO)
    )


def mark_of(warehouse: Warehouse, target: str) -> str:
    """The file that records that the target was published to."""
    return f"{warehouse.base}/{_DIRECTORY}/{_PUBLISHED_TO}{target}.txt"


def owe(warehouse: Warehouse, target: str) -> None:
    """Queue an erasure: the next publication to the target has to remove all old rows."""
    name = f"{_start(target)}{secrets.token_hex(16)}.txt"
    warehouse.write_bytes(f"{warehouse.base}/{_DIRECTORY}/{name}", b"queued\n")


def owed(warehouse: Warehouse, target: str) -> tuple[str, ...]:
    """The paths of the queued erasures, read before a publication."""
    return tuple(
        path
        for path in _files(warehouse)
        if path.rsplit("/", 1)[-1].startswith(_start(target)) and path.endswith(".txt")
    )


def settle(warehouse: Warehouse, erasures: Collection[str]) -> None:
    """Remove these erasures from the queue; those queued since they were read stay."""
    for path in erasures:
        warehouse.remove(path)


def _files(warehouse: Warehouse) -> Sequence[str]:
    return warehouse.list_files(f"{warehouse.base}/{_DIRECTORY}")


def _start(target: str) -> str:
    # Version 0.2.0 had one file for all erasures: its name is this and "txt".
    return f"erasure-owed-by-{target}."
