"""The code location: everything Dagster loads, built from the settings alone."""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg

from feedback_assets.alerts.new_answers import NewAnswerAlerts
from feedback_assets.alerts.sensors import DETRACTORS, FAILURES, alert_sensors
from feedback_assets.alerts.weekly_sensor import NAME as WEEKLY
from feedback_assets.alerts.weekly_sensor import weekly_sensor
from feedback_assets.automation.ad_spend_sensor import NAME as AD_SPEND
from feedback_assets.automation.ad_spend_sensor import ad_spend_sensors
from feedback_assets.automation.new_answers_sensors import new_answers_sensors, sensor_name
from feedback_assets.automation.old_run_logs import old_run_definitions
from feedback_assets.automation.refresh_sensor import NAME as REFRESH
from feedback_assets.automation.refresh_sensor import refresh_sensor
from feedback_assets.automation.schedules import DAILY, MONTHLY, schedules
from feedback_assets.backfill.definitions import loaded_tables, table_definitions
from feedback_assets.freshness.failed_days import SENSOR as FAILED_DAYS
from feedback_assets.freshness.failed_days import failed_days_sensor
from feedback_assets.jobs.definitions import operation_jobs
from feedback_assets.privacy.retention import SCHEDULE as RETENTION
from feedback_assets.privacy.retention import retention_definitions
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.runtime.instance import keep_private
from feedback_assets.schema.names import Names
from feedback_assets.service.location import carry_over
from feedback_assets.settings import Settings, load_settings

SCHEDULES = (DAILY, MONTHLY, RETENTION)
"""The schedules of an account; ``build_defs`` adds one for the instance."""
SENSORS = (
    REFRESH,
    FAILED_DAYS,
    AD_SPEND,
    *(sensor_name(provider.name) for provider in REGISTRY if provider.feed is not None),
    DETRACTORS,
    FAILURES,
    WEEKLY,
)
"""The sensors of an account."""


def build_defs(settings: Settings) -> dg.Definitions:
    """A fresh set of definitions for these settings; tests build their own."""
    tables = loaded_tables(settings)
    retention = retention_definitions(settings)
    all_schedules = [*schedules(settings, tables), *(retention.schedules or ())]
    all_sensors = [
        refresh_sensor(settings, tables),
        failed_days_sensor(settings, tables),
        *ad_spend_sensors(settings),
        *new_answers_sensors(settings, alerts=NewAnswerAlerts(settings)),
        *alert_sensors(settings),
        weekly_sensor(settings),
    ]
    around = dg.Definitions(
        schedules=_chosen(all_schedules, settings.account.schedules, settings.names),
        sensors=_chosen(all_sensors, settings.account.sensors, settings.names),
        jobs=[*operation_jobs(settings), *(retention.jobs or ())],
    )
    parts = [table_definitions(settings), around]
    if not settings.names.prefix:
        # In another project, that project decides how long the logs of its runs are kept.
        parts.append(old_run_definitions(settings))
    return dg.Definitions.merge(*parts)


def _chosen(found: Iterable[Any] | None, wanted: Collection[str] | None, names: Names) -> list[Any]:
    """The schedules or sensors that are wanted, by the name of an account without a prefix."""
    kept = None if wanted is None else {names.called(name) for name in wanted}
    return [one for one in found or () if kept is None or one.name in kept]


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
    # Without any, looking for them would take a tenth of the time that loading takes.
    if {path.name for path in (here / "defs").iterdir()} <= {"__init__.py", "__pycache__"}:
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
