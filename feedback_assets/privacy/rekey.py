"""Permanently changes the customer secret of a warehouse."""

from dataclasses import dataclass
from datetime import date

from feedback_assets.assets.resources import open_warehouse
from feedback_assets.days import last_complete_day
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, REPORT_PAGES
from feedback_assets.warehouse.customer_secret import accept_secret


def selection(names: Names) -> str:
    """The tables that contain customer keys, and everything built from them."""
    groups = dict.fromkeys(names.group(table) for table in (*DERIVED_TABLES, *REPORT_PAGES))
    return " or ".join(f"group:{group}" for group in groups)


@dataclass(frozen=True)
class Rekeyed:
    """Whether the secret has changed, and the days whose tables still contain the former keys."""

    changed: bool
    first: date | None = None
    last: date | None = None


def rekey(settings: Settings) -> Rekeyed:
    """Accept the configured customer secret, or generate one; tables are rebuilt afterwards.

    Rebuilds nothing itself: a backfill or the sensor does, and until then marts count a customer
    twice.
    """
    warehouse = open_warehouse(settings)
    if not accept_secret(warehouse, settings.customer_secret()):
        return Rekeyed(changed=False)
    yesterday = last_complete_day()
    held = {
        day for table in DERIVED_TABLES if table.partitioned for day in warehouse.days_held(table)
    }
    days = [day for day in held if settings.feedback_start_date <= day <= yesterday]
    return Rekeyed(changed=True, first=min(days, default=None), last=max(days, default=None))
