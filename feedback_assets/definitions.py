"""The code location: everything Dagster loads, built from the settings alone."""

import os
from contextlib import suppress
from pathlib import Path

import dagster as dg

from feedback_assets.alerts.sensors import alert_sensors
from feedback_assets.automation.ad_spend_sensor import ad_spend_sensors
from feedback_assets.automation.new_answers_sensors import new_answers_sensors
from feedback_assets.automation.old_run_logs import old_run_definitions
from feedback_assets.automation.refresh_sensor import refresh_sensor
from feedback_assets.automation.schedules import schedules
from feedback_assets.backfill.definitions import loaded_tables, table_definitions
from feedback_assets.freshness.failed_days import failed_days_sensor
from feedback_assets.jobs.definitions import operation_jobs
from feedback_assets.privacy.retention import retention_definitions
from feedback_assets.runtime.instance import keep_private
from feedback_assets.service.location import carry_over
from feedback_assets.settings import Settings, load_settings


def build_defs(settings: Settings) -> dg.Definitions:
    """A fresh set of definitions for these settings; tests build their own."""
    tables = loaded_tables(settings)
    around = dg.Definitions(
        schedules=schedules(settings, tables),
        sensors=[
            refresh_sensor(settings, tables),
            failed_days_sensor(settings, tables),
            *ad_spend_sensors(settings),
            *new_answers_sensors(settings),
            *alert_sensors(settings),
        ],
        jobs=operation_jobs(settings),
    )
    return dg.Definitions.merge(
        table_definitions(settings),
        around,
        retention_definitions(settings),
        old_run_definitions(settings),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions loaded by Dagster, however it is started."""
    settings = load_settings()
    _keep_private(settings)
    _keep_switches(settings)
    return dg.Definitions.merge(build_defs(settings), _own_defs())


def _own_defs() -> dg.Definitions:
    """Definitions created by ``dg scaffold defs`` in ``feedback_assets/defs`` of a checkout."""
    here = Path(__file__).resolve().parent
    if not (here.parent / "pyproject.toml").is_file():
        return dg.Definitions()
    return dg.load_from_defs_folder(path_within_project=here)


def _keep_private(settings: Settings) -> None:
    """Restrict access to Dagster's directories if another program created the home first."""
    home = settings.dagster_home.absolute()
    if home.is_dir():
        # In a read-only home Dagster stores nothing.
        with suppress(OSError):
            keep_private(home)


def _keep_switches(settings: Settings) -> None:
    """Keep the switches stored under a former name of the code location.

    Only under ``dagster dev`` and ``dg dev``, which run no other code of this project; deployments
    never had another name.
    """
    home = settings.dagster_home.absolute()
    if os.environ.get("DAGSTER_IS_DEV_CLI") and home.is_dir():
        with dg.DagsterInstance.from_config(str(home)) as instance:
            carry_over(instance)
