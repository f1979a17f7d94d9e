"""Runs that have ended and runs that have not."""

from datetime import UTC, datetime, timedelta

import dagster as dg

ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
UNFINISHED = tuple(status for status in dg.DagsterRunStatus if status not in ENDED)
# A process that was killed may leave its run unfinished for ever.
_FORGOTTEN_AFTER = timedelta(hours=6)


def under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs that are queued or running, without those of which nothing was heard for hours."""
    since = datetime.now(UTC) - _FORGOTTEN_AFTER
    return list(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, updated_after=since)))
