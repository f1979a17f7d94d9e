"""The event log after a year of mornings that each refresh 30 days of all tables.

One morning of a small shop is run. Its events are then stored again for each day of the year, with
days and times shifted, and cleaned up once a week as by ``remove_old_run_logs``. The size of the
run logs is that of the first morning, times the number of days that they are kept.
"""

import os
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.support.measuring import (
    ROOT,
    clean_environment,
    module,
    options,
    run,
    say,
    scratch,
)
from benchmarks.support.sandboxes import sandbox_without_limits
from feedback_assets.automation.old_run_logs import KEEP_DAYS, KEEP_SUPERSEDED_DAYS
from feedback_assets.runtime.event_history import remove_run_logs, remove_superseded

_MOST_MB = 300
_WEEK = 7
Entries = list[dg.EventLogEntry]


def morning(customers: int, days: int, home: Path, warehouse: Path) -> list[Entries]:
    """The events of each run of a refresh of all tables of a shop."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    with sandbox_without_limits(customers, 90) as settings:
        env = clean_environment(home, warehouse) | settings
        env["FEEDBACK_START_DATE"] = str(first)
        run(module("feedback_assets.cli", "backfill", "--from", first, "--to", last), env)
    with opened(home) as instance:
        runs = instance.get_run_records(ascending=True)
        return [list(instance.all_logs(record.dagster_run.run_id)) for record in runs]


def opened(home: Path) -> dg.DagsterInstance:
    """The instance of a home, whose event log is below ``DAGSTER_HOME``."""
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.from_config(str(home))


def moved(entry: dg.EventLogEntry, days: int, run_id: str) -> dg.EventLogEntry:
    """The same event of another run, some days later."""
    event = entry.dagster_event
    data: Any = event.event_specific_data if event else None
    if event and event.partition:
        day = str(date.fromisoformat(event.partition) + timedelta(days=days))
        if event.is_step_materialization:
            data = data._replace(materialization=data.materialization._replace(partition=day))
        else:
            data = data._replace(partition=day)
        event = event._replace(event_specific_data=data)
    later = entry.timestamp + days * 86400
    return entry._replace(run_id=run_id, timestamp=later, dagster_event=event)


def mornings(instance: dg.DagsterInstance, runs: list[Entries], days: Iterable[int]) -> float:
    """Store the runs of these mornings; returns the largest size of the index, in MB.

    The databases of the runs, which are the same every morning, are removed at once.
    """
    log: Any = instance.event_log_storage
    with log.run_connection("empty"):
        pass
    log.dispose()
    largest = 0.0
    for day in days:
        for number, entries in enumerate(runs):
            path = log.path_for_shard(_run_id(day, number))
            shutil.copy(log.path_for_shard("empty"), path)
            log.store_event_batch([moved(entry, day, _run_id(day, number)) for entry in entries])
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        if day % _WEEK == 0:
            largest = max(largest, megabytes(instance)[0])
            now = datetime.now(UTC) + timedelta(days=day)
            remove_superseded(instance, now - timedelta(days=KEEP_SUPERSEDED_DAYS))
            remove_run_logs(instance, now - timedelta(days=KEEP_DAYS))
    return max(largest, megabytes(instance)[0])


def _run_id(day: int, number: int) -> str:
    return f"{day:08}-0000-4000-8000-{number:012}"


def megabytes(instance: dg.DagsterInstance) -> tuple[float, float]:
    """The size of the index of all runs, and of the databases of single runs."""
    log: Any = instance.event_log_storage
    log.dispose()  # empties the journals
    directory = Path(log.path_for_shard("index")).parent
    sizes = {path.name: path.stat().st_size / 1e6 for path in directory.glob("*.db")}
    return sizes.pop("index.db"), sum(sizes.values())


def main() -> None:
    chosen = options(__doc__, size=365, small=3, times=1)
    days = 2 if chosen.small else 30
    with scratch() as directory:
        home = directory / "home"
        runs = morning(300, days, home, directory / "warehouse")
        with opened(home) as instance:
            index, logs = megabytes(instance)
        year = directory / "year"
        year.mkdir()
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", year)
        with opened(year) as instance:
            largest = mornings(instance, runs, range(1, chosen.size + 1))
    kept = logs * (KEEP_DAYS + _WEEK)
    say(
        f"a year of daily refreshes, largest event log against {_MOST_MB} MB",
        (largest + kept) / _MOST_MB,
        "≤ 1",
        f"{chosen.size} mornings of {len(runs)} runs over {days} days; the first {index:.1f} MB "
        f"of index and {logs:.1f} MB of logs of runs; at most {largest:.0f} and {kept:.0f} MB",
    )


if __name__ == "__main__":
    main()
