"""Finds the days of ``ad_spend.daily`` that differ from the user's files, however old."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.ad_spend.days import Spend, read_spend
from feedback_assets.ad_spend.replacing import differing
from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.assets.ad_spend_asset import held_contents
from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.days import days_between, last_complete_day, named_days
from feedback_assets.settings import Settings
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.warehouse import Warehouse

CHECK = "files_are_read"
DESCRIPTION = (
    "Every day since FEEDBACK_START_DATE has the rows of the current FEEDBACK_AD_SPEND files."
)


def changed_days(
    instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse
) -> dict[date, str]:
    """The days since ``FEEDBACK_START_DATE`` that must be read again, each with a version.

    A version is the same until the files change or the day is read.
    Raises ``SpendTrouble`` or ``StoreTrouble`` if the files cannot be read.
    """
    if settings.ad_spend is None:
        return {}
    spend = read_spend(settings.ad_spend)
    if spend.refusals:
        raise SpendTrouble(" ".join(spend.refusals))
    return _changed(instance, settings, warehouse, spend)


def _changed(
    instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse, spend: Spend
) -> dict[date, str]:
    yesterday = last_complete_day()
    days = days_between(settings.feedback_start_date, yesterday)
    recorded = read_recorded(instance, DAILY, settings.names)
    held = held_contents(recorded, warehouse)
    now = definition_of(DAILY, settings).text
    by_another = {
        day: now
        for day, definition in recorded.built_by.items()
        if day in held and day >= settings.feedback_start_date and definition != now
    }
    found = by_another | differing(spend, warehouse, days, held)
    # Files may return to earlier content, so the version includes the last read.
    return {day: f"{recorded.events.get(day)} {version}" for day, version in found.items()}


def numbers(
    instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse
) -> dict[str, Any]:
    """The numbers of ``files_are_read``."""
    try:
        days: Iterable[date] = changed_days(instance, settings, warehouse)
    except (SpendTrouble, StoreTrouble) as error:
        return {"problem": str(error), "violations": 1}
    found = sorted(days)
    shown: dict[str, Any] = {"days_that_differ": len(found), "violations": len(found)}
    if found:
        shown["days"] = named_days(found)
        shown["what_to_do"] = (
            "the sensor read_changed_ad_spend reads them; without it: feedback-assets "
            "backfill --missing for these days"
        )
    return shown
