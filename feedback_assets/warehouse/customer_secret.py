"""The customer secret that a warehouse was built with: a keyed fingerprint beside the tables.

``<root>/customer_secret.json``. The secret cannot be derived from it. Customer keys made with
different secrets do not match, so tables are built with one secret at a time.
"""

import hmac
import json
from collections.abc import Callable

from feedback_assets.warehouse.warehouse import Warehouse

FILE = "customer_secret.json"
SETTING = "FEEDBACK_CUSTOMER_SECRET"
_TEXT = b"the customer secret of a warehouse"


class OtherSecret(RuntimeError):
    """The warehouse was built with a different customer secret than the configured one."""

    def __init__(self, warehouse: Warehouse, what: str) -> None:
        super().__init__(
            f"{what}, so the customer keys in {warehouse.base} would no longer match. Restore the "
            "value that it was built with (by default it is in the file customer_secret in the "
            "DAGSTER_HOME that built it). To change it permanently, run: feedback-assets rekey"
        )


def confirm_secret(
    warehouse: Warehouse, known: bytes | None, secret: Callable[[], bytes] | None = None
) -> None:
    """Raise ``OtherSecret`` unless the warehouse was built with this customer secret.

    ``known`` is the secret, or None if it is neither set nor generated yet. ``secret`` returns it
    and generates it if necessary: a warehouse without a recorded secret adopts this one.
    """
    recorded = _recorded(warehouse)
    if recorded is None:
        if secret is not None:
            _record_first(warehouse, secret)
        return
    if known is None:
        raise OtherSecret(warehouse, f"{SETTING} is not set")
    if not hmac.compare_digest(recorded, _fingerprint(known)):
        raise OtherSecret(warehouse, f"{SETTING} has changed")


def accept_secret(warehouse: Warehouse, secret: bytes) -> bool:
    """Record this customer secret as the warehouse's; return whether it differs from the old."""
    fingerprint = _fingerprint(secret)
    with warehouse.locks.alone_with(FILE):
        if _recorded(warehouse) == fingerprint:
            return False
        _record(warehouse, fingerprint)
    return True


def _record_first(warehouse: Warehouse, secret: Callable[[], bytes]) -> None:
    own = secret()
    with warehouse.locks.alone_with(FILE):
        if _recorded(warehouse) is None:
            _record(warehouse, _fingerprint(own))
    # Another process may have recorded a different secret first.
    confirm_secret(warehouse, own)


def _recorded(warehouse: Warehouse) -> str | None:
    try:
        content = warehouse.read_bytes(_path(warehouse))
    except FileNotFoundError:
        return None
    try:
        return str(json.loads(content)["fingerprint"])
    except (ValueError, KeyError, TypeError):  # damaged; matches no secret
        return ""


def _record(warehouse: Warehouse, fingerprint: str) -> None:
    warehouse.write_bytes(_path(warehouse), json.dumps({"fingerprint": fingerprint}).encode())


def _path(warehouse: Warehouse) -> str:
    return f"{warehouse.base}/{FILE}"


def _fingerprint(secret: bytes) -> str:
    return hmac.digest(secret, _TEXT, "sha256").hex()[:16]
