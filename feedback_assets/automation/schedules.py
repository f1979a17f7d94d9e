"""The schedules that read the providers again: the last days daily, everything once a month.

They read only. What is computed from what was read follows by ``refresh_sensor``.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, timedelta

import dagster as dg

from feedback_assets.days import ranges
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS
from feedback_assets.providers.retargeting import tables as retargeting
from feedback_assets.providers.wicked_reports import tables as wicked_reports
from feedback_assets.runtime.tags import range_tags
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import PROVIDER_TABLES
from feedback_assets.warehouse.layout import days_between

DAILY = "read_last_days"
MONTHLY = "read_all_that_is_restated"
# Retargeting tells neither what changed nor when, and serves its whole list anyway. A contact
# lies on the day it was made, and may be changed years later.
RESTATED_FOR_EVER = (wicked_reports.CONTACTS, *retargeting.TABLES)
_HOURS_AFTER_DAILY = 3


def schedules(settings: Settings, tables: Collection[Table]) -> list[dg.ScheduleDefinition]:
    """The daily and the monthly schedule over the provider tables among ``tables``; both off."""
    read = [table for table in PROVIDER_TABLES if table in tables]
    restated = [table for table in read if table in RESTATED_FOR_EVER]
    made = [
        _schedule(
            DAILY,
            settings,
            read,
            description=(
                f"Reads the last {settings.feedback_refresh_days} days of every provider again."
            ),
            cron=_cron(settings, "* * *"),
            days=settings.feedback_refresh_days,
        )
    ]
    if restated:
        names = ", ".join(table.full_name for table in restated)
        made.append(
            _schedule(
                MONTHLY,
                settings,
                restated,
                description=f"Reads every day of {names} again since FEEDBACK_START_DATE.",
                cron=_cron(settings, "1 * *", _HOURS_AFTER_DAILY),
                days=None,
            )
        )
    return made


def monthly_schedule(
    job: dg.JobDefinition, settings: Settings, *, hours_after_daily: int
) -> dg.ScheduleDefinition:
    """Starts the job on the first of each month, so long after the daily schedule; off at first."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_monthly",
        job=job,
        cron_schedule=_cron(settings, "1 * *", hours_after_daily),
        execution_timezone=settings.feedback_refresh_timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts {job.name} on the first of each month.",
    )


def _cron(settings: Settings, days: str, hours_after_daily: int = 0) -> str:
    hour, minute = (int(part) for part in settings.feedback_refresh_at.split(":"))
    return f"{minute} {(hour + hours_after_daily) % 24} {days}"


def _schedule(
    name: str,
    settings: Settings,
    tables: Collection[Table],
    *,
    description: str,
    cron: str,
    days: int | None,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone=settings.feedback_refresh_timezone,
        target=dg.AssetSelection.assets(*(dg.AssetKey(table.asset_key) for table in tables)),
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=description,
    )
    def read(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.SkipReason | list[dg.RunRequest]:
        yesterday = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        first = settings.feedback_start_date
        if days is not None:
            first = max(first, yesterday - timedelta(days=days - 1))
        requests = list(_requests(tables, first, yesterday))
        return requests or dg.SkipReason(f"No day since FEEDBACK_START_DATE={first} is over yet.")

    return read


def _requests(tables: Iterable[Table], first: date, last: date) -> Iterator[dg.RunRequest]:
    """A run for each window that can be asked of a list, its tables together."""
    wanted = set(tables)
    for source in SOURCES:
        chosen = [table for table in source.tables if table in wanted]
        if not chosen or last < first:
            continue
        longest = None if source.whole_list else WINDOW_DAYS
        for start, end in ranges(days_between(first, last), longest):
            names = "+".join(table.full_name for table in chosen)
            yield dg.RunRequest(
                run_key=f"{names} {start}..{end}",
                asset_selection=[dg.AssetKey(table.asset_key) for table in chosen],
                tags=range_tags(start, end),
            )
