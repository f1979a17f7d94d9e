"""Erasures still to be made at a target, queued beside the tables until a publication reaches it.

Each file names a target and contains a random token, but nothing about a person.
"""

import secrets

from feedback_assets.warehouse.warehouse import Warehouse

_DIRECTORY = "_publishing"


def owe(warehouse: Warehouse, target: str) -> None:
    """Queue an erasure: the next publication to the target has to remove all old rows."""
    warehouse.write_bytes(_path(warehouse, target), secrets.token_hex(16).encode())


def owed_token(warehouse: Warehouse, target: str) -> str | None:
    """The token of the queued erasure, read before a publication; None if none is queued."""
    path = _path(warehouse, target)
    try:
        return warehouse.read_bytes(path).decode() if warehouse.exists(path) else None
    except FileNotFoundError:
        return None


def settle(warehouse: Warehouse, target: str, token: str) -> None:
    """Remove the erasure from the queue, unless another was queued during the publication."""
    if owed_token(warehouse, target) == token:
        warehouse.remove(_path(warehouse, target))


def _path(warehouse: Warehouse, target: str) -> str:
    return f"{warehouse.base}/{_DIRECTORY}/erasure-owed-by-{target}.txt"
