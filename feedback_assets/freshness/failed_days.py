"""The days of a table whose last run failed: a check after each run, updated when none is left.

A check is a step after its table's step and does not run if that fails. So the result is also
reported without a run: by the sensor after a failed run, and at the end of a command.
"""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.assets.recorded import failed_days
from feedback_assets.days import named_days
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings

CHECK = "no_day_still_failed"
DESCRIPTION = "The last run of every day succeeded. A day that recovers is no longer listed."
SENSOR = "name_failed_days"


def numbers(
    instance: dg.DagsterInstance, table: Table, names: Names, start: date
) -> dict[str, Any]:
    """The number of failed days of a table since ``start``, and their ranges."""
    days = failed_days(instance, table, names, start)
    return {
        "failed_days": len(days),
        "days": named_days(days) or "none",
        "violations": len(days),
    }


def report(
    instance: dg.DagsterInstance, tables: Iterable[Table], names: Names, start: date
) -> None:
    """Record the current check result of each partitioned table among ``tables``, without a run."""
    for table in tables:
        if table.partitioned:
            found = numbers(instance, table, names, start)
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(names.key(table)),
                    check_name=CHECK,
                    passed=not found["violations"],
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata=_as_metadata(found),
                )
            )


def failed_days_sensor(settings: Settings, tables: Collection[Table]) -> dg.SensorDefinition:
    """The sensor that reports the failed days of a run's tables; off until switched on."""
    names = settings.names
    by_key = {dg.AssetKey(names.key(table)): table for table in tables}

    @dg.run_failure_sensor(
        name=names.called(SENSOR),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="After a failed run, lists the days of its tables that are still failed.",
    )
    def name_failed_days(context: dg.RunFailureSensorContext) -> None:
        keys = context.dagster_run.asset_selection or set()
        chosen = [table for key, table in by_key.items() if key in keys]
        report(context.instance, chosen, names, settings.feedback_start_date)

    return name_failed_days


def _as_metadata(found: dict[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    return {
        name: dg.MetadataValue.text(value)
        if isinstance(value, str)
        else dg.MetadataValue.int(value)
        for name, value in found.items()
    }
