"""The request for a backfill: selected tables, existing and stale partitions, and the plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import dagster as dg

from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.assets.defined import definitions_of, spans
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.backfill.plan import BUILT, EVERYTHING, Partitions, Plan, make_plan
from feedback_assets.days import days_between, last_complete_day
from feedback_assets.freshness import on_disk
from feedback_assets.freshness.refresh import stale_partitions
from feedback_assets.freshness.spend_files import changed_days
from feedback_assets.providers.registry import PROVIDERS
from feedback_assets.reports.path import page_path
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.selection import selected_assets
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import ALL_TABLES, FILE_TABLES, REPORT_PAGES
from feedback_assets.transforms.inputs import Day
from feedback_assets.warehouse.customer_secret import confirm_secret
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Request:
    """A plan, and what is needed to execute it."""

    plan: Plan
    settings: Settings
    instance: dg.DagsterInstance


def prepare(
    settings: Settings,
    defs: dg.Definitions,
    first: date,
    last: date,
    select: str = "*",
    *,
    missing: bool = False,
) -> Request:
    """Plan a backfill of the tables in ``select``; raises ``ValueError`` for invalid arguments.

    Raises ``OtherSecret`` if tables would be built with a different customer secret than before.

    ``select`` is Dagster's asset selection syntax (``marts/nps_daily``, ``group:thanx``,
    ``+key:"marts/nps_by_channel"``). ``missing``: only partitions, and tables without days, that
    the warehouse does not hold or that are stale.
    """
    if first > last:
        raise ValueError(f"--from {first} is after --to {last}")
    if first < settings.feedback_start_date:
        raise ValueError(
            f"--from {first} is before FEEDBACK_START_DATE={settings.feedback_start_date}"
        )
    yesterday = last_complete_day()
    if last > yesterday:
        raise ValueError(f"--to {last}: the last complete day is {yesterday} (UTC)")
    try:
        chosen = selected_assets(select, defs)
    except ValueError as error:
        reason = _not_loaded(settings, select) or str(error)
        raise ValueError(f"--select {select!r}: {reason}") from None
    names = {settings.names.table_name(key.path) for key in chosen}
    tables = [table for table in EVERYTHING if table.full_name in names]
    if not tables:
        reason = _not_loaded(settings, select) or "it matches no table"
        raise ValueError(f"--select {select!r}: {reason}")
    instance = open_instance(settings)
    warehouse = Warehouse(settings.warehouse)
    if missing:
        held = held_partitions(warehouse, tables)
        stale = _stale(instance, settings, tables, days_between(first, last), held)
        plan = make_plan(tables, first, last, held=held, stale=stale)
    else:
        plan = make_plan(tables, first, last)
    if plan.building:
        # Checked before an hour of reading; recorded once something is built.
        confirm_secret(warehouse, settings.customer_secret_if_any())
    return Request(plan, settings, instance)


def _not_loaded(settings: Settings, select: str) -> str:
    """Why a selected provider has no tables; empty if none is selected."""
    for provider in PROVIDERS:
        if provider in select and provider not in settings.providers:
            missing = settings.missing(provider)
            why = f"set {', '.join(missing)}" if missing else "add it to FEEDBACK_PROVIDERS"
            return f"{provider} is not loaded; {why}"
    return ""


def held_partitions(warehouse: Warehouse, tables: Iterable[Table]) -> Partitions:
    """The partitions of each table that the warehouse holds."""
    return {
        table.full_name: warehouse.days_held(table)
        if table.partitioned
        else [None] * _exists(warehouse, table)
        for table in tables
    }


def _exists(warehouse: Warehouse, table: Table) -> bool:
    if table in REPORT_PAGES:
        return warehouse.exists(page_path(warehouse))
    return bool(warehouse.files(table))


def _stale(
    instance: dg.DagsterInstance,
    settings: Settings,
    tables: Iterable[Table],
    days: list[date],
    held: Partitions,
) -> dict[str, set[Day]]:
    """Derived partitions built from content or definitions that have changed since.

    Includes those whose inputs will change once missing days have been read, and days of edited
    spend files.
    """
    # With the key: files are compared with what is stored, without erased people.
    warehouse = open_warehouse(settings)
    new = {
        table.full_name: set(days).difference(held[table.full_name])
        for table in tables
        if table.partitioned
    }
    on_disk.record_found(instance, warehouse, ALL_TABLES, settings.names)
    files = {table.full_name for table in FILE_TABLES}
    if not files.isdisjoint(new):
        edited = _edited(instance, settings, warehouse, days)
        new = {name: found | edited if name in files else found for name, found in new.items()}
    recorded = {
        table.full_name: on_disk.read_present(instance, warehouse, table, settings.names)
        for table in EVERYTHING
    }
    yesterday = last_complete_day()
    return stale_partitions(
        BUILT,
        recorded,
        spans(settings),
        settings.feedback_start_date,
        yesterday,
        definitions=definitions_of(BUILT, settings),
        new=new,
    )


def _edited(
    instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse, days: list[date]
) -> set[date]:
    """Days that changed in the user's files; the last day if the files cannot be read."""
    try:
        return set(days).intersection(changed_days(instance, settings, warehouse))
    except (SpendTrouble, StoreTrouble):
        return {days[-1]}  # whose run fails and says why
