"""Removes the logs of old runs; about 300 kB per run if events are in SQLite.

Dagster keeps the events of each run in its own database, ``history/runs/<run id>.db``, and copies
asset and check events to ``index.db``: materialisations with their metadata, check evaluations,
and how each run ended. Sensors, checks and the UI's asset pages read only those copies.
``DagsterInstance.delete_run`` would delete the copies too, and with them the recorded inputs of
each partition, so only the run's own database is removed. The run stays in the list of runs; its
page no longer shows events. ``tests/automation/test_old_run_logs.py`` verifies this behaviour.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from feedback_assets.automation.schedules import monthly_schedule
from feedback_assets.runtime.runs import ENDED
from feedback_assets.settings import Settings

KEEP_DAYS = 90
"""As long as ``dagster.yaml`` keeps the ticks of schedules and sensors."""
JOB = "remove_old_run_logs"
SCHEDULE = f"{JOB}_monthly"
# After the reads, so that it does not wait behind them in the queue.
_HOURS_AFTER_DAILY = 9
# Database first, then its journals, which SQLite ignores without the database.
_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Removed:
    """The runs whose logs were removed, and the size of the files."""

    runs: int = 0
    bytes: int = 0

    def __str__(self) -> str:
        return (
            f"Removed the logs of {self.runs} run(s) that ended more than {KEEP_DAYS} days ago "
            f"({self.bytes / 1e6:.1f} MB)."
        )


def remove_old_logs(
    instance: dg.DagsterInstance, home: Path, now: datetime | None = None
) -> Removed:
    """Remove the event databases, captured output and stored results of old runs.

    Does nothing if events are in Postgres, which has no files to remove.
    """
    storage: Any = instance.event_log_storage
    if not storage.is_run_sharded:
        return Removed()
    before = (now or datetime.now(UTC)) - timedelta(days=KEEP_DAYS)
    runs = size = 0
    for run_id in instance.get_run_ids(dg.RunsFilter(statuses=ENDED, updated_before=before)):
        database = storage.path_for_shard(run_id)
        output = home / "storage" / run_id
        freed = [_unlink(Path(f"{database}{suffix}")) for suffix in _FILES]
        freed += [_unlink(path) for path in list(output.rglob("*")) if path.is_file()]
        shutil.rmtree(output, ignore_errors=True)
        runs += any(freed)
        size += sum(freed)
    return Removed(runs, size)


def _unlink(path: Path) -> int:
    """Remove a file and return its size; 0 if it does not exist or cannot be removed."""
    with suppress(OSError):
        size = path.stat().st_size
        path.unlink()
        return size
    return 0


def old_run_definitions(settings: Settings) -> dg.Definitions:
    """The job and its monthly schedule, which is off until it is switched on."""

    @dg.op(name="remove_logs_of_old_runs")
    def remove(context: dg.OpExecutionContext) -> None:
        removed = remove_old_logs(context.instance, settings.dagster_home)
        context.log.info(str(removed))
        context.add_output_metadata({"runs": removed.runs, "bytes": removed.bytes})

    @dg.job(
        name=JOB,
        description=f"Removes the logs of runs that ended more than {KEEP_DAYS} days ago, where "
        "they are files in DAGSTER_HOME. The history of assets is kept.",
    )
    def job() -> None:
        remove()

    schedule = monthly_schedule(job, settings, hours_after_daily=_HOURS_AFTER_DAILY)
    return dg.Definitions(jobs=[job], schedules=[schedule])
