"""Removes the logs of old runs and superseded events, so that the event log stops growing.

Dagster keeps the events of each run in its own database, ``history/runs/<run id>.db``, and copies
asset and check events to ``index.db``: materialisations with their metadata, check evaluations,
and how each run ended. Sensors, checks and the UI's asset pages read only those copies.
``DagsterInstance.delete_run`` would delete the copies too, and with them the recorded inputs of
each partition, so the run's own database is removed instead, and what ``runtime/event_history.py``
finds in the index. The run stays in the list of runs; its page no longer shows events.
``tests/automation/test_old_run_logs.py`` verifies this behaviour.
"""

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from feedback_assets.automation.schedules import weekly_schedule
from feedback_assets.runtime.event_history import remove_run_logs, remove_superseded
from feedback_assets.runtime.runs import ENDED
from feedback_assets.settings import Settings
from feedback_assets.wording import counted

KEEP_DAYS = 21
"""Three weeks of daily refreshes of a small shop leave 105 MB of logs."""
KEEP_SUPERSEDED_DAYS = 7
"""How long superseded materialisations and check results stay in the UI."""
JOB = "remove_old_run_logs"
SCHEDULE = f"{JOB}_weekly"
# After the reads, so that it does not wait behind them in the queue.
_HOURS_AFTER_DAILY = 9
# Database first, then its journals, which SQLite ignores without the database.
_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Removed:
    """The runs whose logs were removed, the size of these files, and the rows of the index."""

    runs: int = 0
    bytes: int = 0
    events: int = 0

    def __str__(self) -> str:
        return (
            f"Removed the logs of {counted(self.runs, 'run')} that ended more than {KEEP_DAYS} "
            f"days ago ({self.bytes / 1e6:.1f} MB), and {self.events:,} events from the index."
        )


def remove_old_logs(
    instance: dg.DagsterInstance, home: Path, now: datetime | None = None
) -> Removed:
    """Remove superseded events, and the logs, captured output and stored results of old runs."""
    storage: Any = instance.event_log_storage
    now = now or datetime.now(UTC)
    events = remove_superseded(instance, now - timedelta(days=KEEP_SUPERSEDED_DAYS))
    before = now - timedelta(days=KEEP_DAYS)
    events += remove_run_logs(instance, before)
    if not storage.is_run_sharded:
        return Removed(events=events)
    runs = size = 0
    for run_id in instance.get_run_ids(dg.RunsFilter(statuses=ENDED, updated_before=before)):
        database = storage.path_for_shard(run_id)
        output = home / "storage" / run_id
        freed = [_unlink(Path(f"{database}{suffix}")) for suffix in _FILES]
        freed += [_unlink(path) for path in list(output.rglob("*")) if path.is_file()]
        shutil.rmtree(output, ignore_errors=True)
        runs += any(freed)
        size += sum(freed)
    return Removed(runs, size, events)


def _unlink(path: Path) -> int:
    """Remove a file and return its size; 0 if it does not exist or cannot be removed."""
    with suppress(OSError):
        size = path.stat().st_size
        path.unlink()
        return size
    return 0


def old_run_definitions(settings: Settings) -> dg.Definitions:
    """The job and its weekly schedule, which is off until it is switched on."""

    @dg.op(name="remove_logs_of_old_runs")
    def remove(context: dg.OpExecutionContext) -> None:
        removed = remove_old_logs(context.instance, settings.dagster_home)
        context.log.info(str(removed))
        context.add_output_metadata(asdict(removed))

    @dg.job(
        name=JOB,
        description=f"Removes the logs of runs that ended more than {KEEP_DAYS} days ago, and "
        "superseded materialisations and check results older than "
        f"{KEEP_SUPERSEDED_DAYS} days. The last of each partition and check, and the list of "
        "runs, are kept.",
    )
    def job() -> None:
        remove()

    schedule = weekly_schedule(job, settings, hours_after_daily=_HOURS_AFTER_DAILY)
    return dg.Definitions(jobs=[job], schedules=[schedule])
