"""By which customer secret a warehouse was built: a keyed fingerprint beside the tables.

``<root>/customer_secret.json``. The secret cannot be derived from it. Customer keys made with two
secrets do not match, so tables are built with one at a time.
"""

import hmac
import json
from collections.abc import Callable

from feedback_assets.warehouse.warehouse import Warehouse

FILE = "customer_secret.json"
_TEXT = b"the customer secret of a warehouse"


class OtherSecret(RuntimeError):
    """The warehouse was built with another customer secret than the one that is set."""

    def __init__(self, warehouse: Warehouse, what: str) -> None:
        super().__init__(
            f"{what}, and {warehouse.base} was built with another one, so its customer keys would "
            "no longer match. Set FEEDBACK_CUSTOMER_SECRET as it was then (by default it is in the "
            "file customer_secret in the DAGSTER_HOME that built it). To change it for good, run: "
            "feedback-assets rekey"
        )


def confirm_secret(
    warehouse: Warehouse, known: bytes | None, secret: Callable[[], bytes] | None = None
) -> None:
    """Raise ``OtherSecret`` unless the warehouse was built with this customer secret.

    ``known`` is the secret, None if none is set or was generated so far. ``secret`` gives it,
    generating it if need be: a warehouse that was not built with any takes this one.
    """
    recorded = _recorded(warehouse)
    if recorded is None:
        if secret is not None:
            _record_first(warehouse, secret)
        return
    if known is None:
        raise OtherSecret(warehouse, "FEEDBACK_CUSTOMER_SECRET is not set")
    if not hmac.compare_digest(recorded, _fingerprint(known)):
        raise OtherSecret(warehouse, "FEEDBACK_CUSTOMER_SECRET is not the former one")


def accept_secret(warehouse: Warehouse, secret: bytes) -> bool:
    """Have the warehouse built with this customer secret from now on; whether it is another."""
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
    # Another process may have been first, with another secret.
    confirm_secret(warehouse, own)


def _recorded(warehouse: Warehouse) -> str | None:
    try:
        content = warehouse.read_bytes(_path(warehouse))
    except FileNotFoundError:
        return None
    try:
        return str(json.loads(content)["fingerprint"])
    except (ValueError, KeyError, TypeError):  # damaged; no secret has this one
        return ""


def _record(warehouse: Warehouse, fingerprint: str) -> None:
    warehouse.write_bytes(_path(warehouse), json.dumps({"fingerprint": fingerprint}).encode())


def _path(warehouse: Warehouse) -> str:
    return f"{warehouse.base}/{FILE}"


def _fingerprint(secret: bytes) -> str:
    return hmac.digest(secret, _TEXT, "sha256").hex()[:16]
