"""The tables and their checks as Dagster definitions: the part that a backfill needs."""

import dagster as dg

from feedback_assets.assets.ad_spend_asset import ad_spend_assets
from feedback_assets.assets.code_references import linked_to_repository
from feedback_assets.assets.derived_assets import derived_assets
from feedback_assets.assets.provider_assets import provider_assets
from feedback_assets.assets.published_assets import published_assets
from feedback_assets.assets.report_asset import report_assets
from feedback_assets.assets.resources import resources
from feedback_assets.checks.asset_checks import asset_checks
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, FILE_TABLES, PROVIDER_TABLES


def loaded_tables(settings: Settings) -> tuple[Table, ...]:
    """The tables of the loaded providers and files, and all tables computed from them."""
    return (
        *(table for table in PROVIDER_TABLES if table.group in settings.providers),
        *(FILE_TABLES if settings.ad_spend is not None else ()),
        *DERIVED_TABLES,
    )


def table_definitions(settings: Settings) -> dg.Definitions:
    """A fresh set of assets, checks and their resources for these settings."""
    tables = loaded_tables(settings)
    assets = [
        *provider_assets(settings, tables),
        *ad_spend_assets(settings, tables),
        *derived_assets(settings, tables),
        *report_assets(settings),
        *published_assets(settings, tables),
    ]
    return dg.Definitions(
        assets=linked_to_repository(assets, settings),
        asset_checks=asset_checks(settings, tables),
        resources=resources(settings),
        # A process per step costs 4.0 s a run instead of 0.3 s; runs are the unit of distribution.
        # In another project, that project chooses.
        executor=None if settings.names.prefix else dg.in_process_executor,
    )
