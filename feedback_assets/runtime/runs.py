"""Finished and unfinished runs."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from feedback_assets.runtime.tags import ACCOUNT
from feedback_assets.schema.names import Names

ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
UNFINISHED = tuple(status for status in dg.DagsterRunStatus if status not in ENDED)
# A killed process may leave its run unfinished forever.
_FORGOTTEN_AFTER = timedelta(hours=6)


def belongs(run: dg.DagsterRun, names: Names) -> bool:
    """Whether the run builds assets of the account, or is one of its jobs.

    Without a prefix every run belongs to the account, since no other one shares its instance.
    """
    if not names.prefix:
        return True
    if run.tags.get(ACCOUNT) == names.prefix:
        return True
    return any(names.owns(key.path) for key in run.asset_selection or ())


def under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The queued and running runs, except those without an update for hours."""
    since = datetime.now(UTC) - _FORGOTTEN_AFTER
    return list(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, updated_after=since)))
