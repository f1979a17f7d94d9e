"""Changing the customer secret of a warehouse for good."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, REPORT_PAGES
from feedback_assets.warehouse.customer_secret import accept_secret
from feedback_assets.warehouse.warehouse import Warehouse

_GROUPS = dict.fromkeys(table.group for table in (*DERIVED_TABLES, *REPORT_PAGES))
SELECT = " or ".join(f"group:{group}" for group in _GROUPS)
"""The tables that hold customer keys, and what is built from them."""


@dataclass(frozen=True)
class Rekeyed:
    """Whether the secret is another one now, and the days whose tables hold the former keys."""

    changed: bool
    first: date | None = None
    last: date | None = None


def rekey(settings: Settings) -> Rekeyed:
    """Accept the customer secret that is set, or generate one; the tables are rebuilt afterwards.

    Nothing is rebuilt here: a backfill or the sensor does so, and marts count a customer twice
    until then.
    """
    warehouse = Warehouse(
        settings.warehouse, settings.erasure_secret, settings.coordination, settings.dagster_home
    )
    if not accept_secret(warehouse, settings.customer_secret()):
        return Rekeyed(changed=False)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    held = {
        day for table in DERIVED_TABLES if table.partitioned for day in warehouse.days_held(table)
    }
    days = [day for day in held if settings.feedback_start_date <= day <= yesterday]
    return Rekeyed(changed=True, first=min(days, default=None), last=max(days, default=None))
