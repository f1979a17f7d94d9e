"""The code location: everything Dagster loads, built from the settings alone."""

import dagster as dg

from feedback_assets.assets.derived_assets import derived_assets
from feedback_assets.assets.provider_assets import provider_assets
from feedback_assets.assets.report_asset import report_assets
from feedback_assets.assets.resources import resources
from feedback_assets.operations.alert_sensors import alert_sensors
from feedback_assets.operations.checks import asset_checks
from feedback_assets.operations.failed_days import failed_days_sensor
from feedback_assets.operations.jobs import operation_jobs
from feedback_assets.operations.new_answers_sensors import new_answers_sensors
from feedback_assets.operations.refresh_sensor import refresh_sensor
from feedback_assets.operations.schedules import schedules
from feedback_assets.settings import Settings, load_settings
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, Table


def loaded_tables(settings: Settings) -> tuple[Table, ...]:
    """The tables of the loaded providers, and all that is computed from them."""
    return (
        *(table for table in PROVIDER_TABLES if table.group in settings.providers),
        *DERIVED_TABLES,
    )


def build_defs(settings: Settings) -> dg.Definitions:
    """A fresh set of definitions for these settings; tests build their own."""
    tables = loaded_tables(settings)
    return dg.Definitions(
        assets=[
            *provider_assets(settings, tables),
            *derived_assets(settings, tables),
            *report_assets(settings),
        ],
        asset_checks=asset_checks(settings, tables),
        schedules=schedules(settings, tables),
        sensors=[
            refresh_sensor(settings, tables),
            failed_days_sensor(settings, tables),
            *new_answers_sensors(settings),
            *alert_sensors(settings),
        ],
        jobs=operation_jobs(settings),
        resources=resources(settings),
        # A process a step costs 4.0 s a run against 0.3 s; runs are what is distributed.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster dev`` and ``dg dev`` load."""
    return build_defs(load_settings())
