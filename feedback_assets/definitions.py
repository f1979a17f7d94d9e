"""The code location: everything Dagster loads, built from the settings alone."""

import dagster as dg

from feedback_assets.operations.alert_sensors import alert_sensors
from feedback_assets.operations.failed_days import failed_days_sensor
from feedback_assets.operations.jobs import operation_jobs
from feedback_assets.operations.new_answers_sensors import new_answers_sensors
from feedback_assets.operations.refresh_sensor import refresh_sensor
from feedback_assets.operations.retention import retention_definitions
from feedback_assets.operations.schedules import schedules
from feedback_assets.operations.table_definitions import loaded_tables, table_definitions
from feedback_assets.settings import Settings, load_settings


def build_defs(settings: Settings) -> dg.Definitions:
    """A fresh set of definitions for these settings; tests build their own."""
    tables = loaded_tables(settings)
    around = dg.Definitions(
        schedules=schedules(settings, tables),
        sensors=[
            refresh_sensor(settings, tables),
            failed_days_sensor(settings, tables),
            *new_answers_sensors(settings),
            *alert_sensors(settings),
        ],
        jobs=operation_jobs(settings),
    )
    return dg.Definitions.merge(
        table_definitions(settings), around, retention_definitions(settings)
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster dev`` and ``dg dev`` load."""
    return build_defs(load_settings())
