"""Whether the warehouse can be read and written to, and whether the shared database responds."""

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from feedback_assets.coordination.database import Coordination, CoordinationUnavailable
from feedback_assets.diagnosis.providers import Verdict
from feedback_assets.files.unusable import Unusable
from feedback_assets.settings import Settings
from feedback_assets.warehouse.customer_secret import SETTING, OtherSecret, confirm_secret
from feedback_assets.warehouse.remote import StoreTrouble, store_errors
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_PATIENCE_SECONDS = 5.0
_USABLE = """
select to_regclass('feedback_quota') is not null
    or has_schema_privilege(current_schema(), 'create')
"""


def check_places(settings: Settings) -> list[Verdict]:
    """A verdict for the warehouse, and one for the coordination database if there is one."""
    verdicts = [_check_warehouse(settings)]
    if settings.coordination is not None:
        verdicts.append(_check_coordination(settings.coordination))
    return verdicts


def _check_warehouse(settings: Settings) -> Verdict:
    try:
        warehouse = Warehouse(settings.warehouse)
        text = _try_warehouse(warehouse)
        confirm_secret(warehouse, settings.customer_secret_if_any())
    except (StoreTrouble, Unusable, OSError, OtherSecret) as error:
        passing = isinstance(error, StoreTrouble) and error.transient
        return Verdict(
            "warehouse",
            configured=True,
            failed=True,
            text=str(error),
            fix=() if passing else _to_fix(str(error)),
        )
    return Verdict("warehouse", configured=True, failed=False, text=text)


def _try_warehouse(warehouse: Warehouse) -> str:
    root = warehouse.base
    if warehouse.is_local and not Path(root).exists():
        nearest = next(parent for parent in Path(root).parents if parent.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise Unusable(
                f"{root} cannot be created: {nearest} is not writable by this user. Fix its "
                "permissions, or set FEEDBACK_WAREHOUSE to another directory"
            )
        return f"{root} does not exist yet; the first backfill creates it"
    with store_errors(root):
        try:
            warehouse.filesystem.ls(root, detail=False, refresh=True)
        except TypeError:  # a file system without a listing cache
            warehouse.filesystem.ls(root, detail=False)
        except FileNotFoundError as error:
            # An empty prefix of a bucket does not exist either, but a missing bucket is an error.
            if "bucket" in str(error):
                raise
    probe = f"{root}/.check-{secrets.token_hex(8)}"
    warehouse.write_bytes(probe, b"")
    warehouse.remove(probe)
    return f"{root} can be listed and written to"


def _to_fix(text: str) -> tuple[str, ...]:
    if SETTING in text:
        return (SETTING,)
    named = [name for name in re.findall(r"\bAWS_[A-Z_]+\b", text) if os.environ.get(name)]
    return tuple(dict.fromkeys(named)) or ("FEEDBACK_WAREHOUSE",)


def _check_coordination(coordination: Coordination) -> Verdict:
    try:
        usable = Coordination(coordination.url, patience=_PATIENCE_SECONDS).run(_is_usable)
    except CoordinationUnavailable as error:
        return _uncoordinated(str(error))
    if not usable:
        return _uncoordinated(
            f"the Postgres at {coordination.address} has no table feedback_quota, and its user is "
            "not allowed to create one: grant it that right, or create the table as "
            "described in docs/deploy.md"
        )
    return Verdict(
        "coordination",
        configured=True,
        failed=False,
        text=f"the Postgres at {coordination.address} can be reached and used",
    )


def _uncoordinated(text: str) -> Verdict:
    return Verdict(
        "coordination",
        configured=True,
        failed=True,
        text=text,
        fix=("FEEDBACK_COORDINATION_URL",),
    )


def _is_usable(connection: "Connection") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_USABLE)
        (usable,) = cursor.fetchone() or (False,)
    return bool(usable)
