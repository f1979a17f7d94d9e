"""Finished and unfinished runs."""

from datetime import UTC, datetime, timedelta

import dagster as dg

ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
UNFINISHED = tuple(status for status in dg.DagsterRunStatus if status not in ENDED)
# A killed process may leave its run unfinished forever.
_FORGOTTEN_AFTER = timedelta(hours=6)


def under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The queued and running runs, except those without an update for hours."""
    since = datetime.now(UTC) - _FORGOTTEN_AFTER
    return list(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, updated_after=since)))
