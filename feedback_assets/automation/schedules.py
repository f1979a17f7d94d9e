"""The schedules that re-read the providers: recent days daily, all days monthly.

They only read. The monthly schedule includes days for which ``moved`` found a key that is also
stored on another day. ``refresh_sensor`` rebuilds the tables computed from them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, timedelta

import dagster as dg

from feedback_assets.days import days_between, ranges
from feedback_assets.freshness import moved
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS
from feedback_assets.runtime.tags import range_tags
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, READ_TABLES

DAILY = "read_last_days"
MONTHLY = "read_all_that_is_restated"
RESTATED_FOR_EVER = tuple(table for source in SOURCES if source.restated for table in source.tables)
_HOURS_AFTER_DAILY = 3

Days = Mapping[Table, Collection[date]]


def schedules(settings: Settings, tables: Collection[Table]) -> list[dg.ScheduleDefinition]:
    """The daily and monthly schedules over the read tables among ``tables``; both off."""
    read = [table for table in READ_TABLES if table in tables]
    for_ever = [table for table in read if table in RESTATED_FOR_EVER]
    others = [table for table in read if table not in RESTATED_FOR_EVER and moved.checked(table)]
    names = ", ".join(table.full_name for table in for_ever)
    every_day = f"every day of {names} since FEEDBACK_START_DATE, and " if for_ever else ""

    def last_days(_: dg.ScheduleEvaluationContext, first: date, last: date) -> Days:
        first = max(first, last - timedelta(days=settings.feedback_refresh_days - 1))
        return {table: days_between(first, last) for table in read}

    def restated(context: dg.ScheduleEvaluationContext, first: date, last: date) -> Days:
        days = dict.fromkeys(for_ever, days_between(first, last))
        for table in others:
            again = moved.days_to_read_again(context.instance, table, settings.names)
            days[table] = [day for day in again if first <= day <= last]
        return days

    return [
        _schedule(
            DAILY,
            settings,
            read,
            description=(
                f"Reads the last {settings.feedback_refresh_days} days of every provider again."
            ),
            cron=_cron(settings, "* * *"),
            days_of=last_days,
            nothing="",
        ),
        _schedule(
            MONTHLY,
            settings,
            for_ever + others,
            description=f"Rereads {every_day}the days that {moved.CHECK} listed.",
            cron=_cron(settings, "1 * *", _HOURS_AFTER_DAILY),
            days_of=restated,
            nothing=f"{moved.CHECK} listed no days.",
        ),
    ]


def monthly_schedule(
    job: dg.JobDefinition, settings: Settings, *, hours_after_daily: int
) -> dg.ScheduleDefinition:
    """Starts the job on the first of each month, hours after the daily schedule; off by default."""
    cron = _cron(settings, "1 * *", hours_after_daily)
    return _starting(job, settings, "monthly", cron, "on the first of each month")


def weekly_schedule(
    job: dg.JobDefinition, settings: Settings, *, hours_after_daily: int
) -> dg.ScheduleDefinition:
    """Starts the job on Mondays, hours after the daily schedule; off by default."""
    cron = _cron(settings, "* * 1", hours_after_daily)
    return _starting(job, settings, "weekly", cron, "every Monday")


def _starting(
    job: dg.JobDefinition, settings: Settings, how_often: str, cron: str, when: str
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{job.name}_{how_often}",
        job=job,
        cron_schedule=cron,
        execution_timezone=settings.feedback_refresh_timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Starts {job.name} {when}.",
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
    days_of: Callable[[dg.ScheduleEvaluationContext, date, date], Days],
    nothing: str,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=settings.names.called(name),
        cron_schedule=cron,
        execution_timezone=settings.feedback_refresh_timezone,
        target=dg.AssetSelection.assets(
            *(dg.AssetKey(settings.names.key(table)) for table in tables)
        ),
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=description,
    )
    def read(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.SkipReason | list[dg.RunRequest]:
        yesterday = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
        first = settings.feedback_start_date
        if yesterday < first:
            return dg.SkipReason(f"No day since FEEDBACK_START_DATE={first} is complete yet.")
        requests = list(_requests(days_of(context, first, yesterday), settings.names))
        return requests or dg.SkipReason(nothing)

    return read


def _requests(days: Days, names: Names) -> Iterator[dg.RunRequest]:
    """One run per window of a list, for all its tables."""
    for source in SOURCES:
        chosen = [table for table in source.tables if days.get(table)]
        longest = None if source.whole_list else WINDOW_DAYS
        for start, end in ranges({day for table in chosen for day in days[table]}, longest):
            tables = "+".join(table.full_name for table in chosen)
            yield dg.RunRequest(
                run_key=f"{tables} {start}..{end}",
                asset_selection=[dg.AssetKey(names.key(table)) for table in chosen],
                tags=range_tags(start, end),
            )
    # All files are read, whatever the days; older days are ``ad_spend_sensor``'s.
    for table in FILE_TABLES:
        for start, end in ranges(days.get(table, ())):
            yield dg.RunRequest(
                run_key=f"{table.full_name} {start}..{end}",
                asset_selection=[dg.AssetKey(names.key(table))],
                tags=range_tags(start, end),
            )
