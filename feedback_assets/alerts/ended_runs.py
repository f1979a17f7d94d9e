"""Runs that ended, read from the instance: what they were to build, and why they failed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from feedback_assets.alerts.failures import Ended, Failure
from feedback_assets.runtime import runs
from feedback_assets.runtime.tags import WILL_RETRY, days_of
from feedback_assets.schema.names import Names

_AT_ONCE = 1000
# Processes write concurrently: a later record may carry an earlier time.
_OVERLAP_SECONDS = 120.0
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def newest(instance: dg.DagsterInstance) -> float:
    """When any run was last changed, in epoch seconds; 0 if there is none."""
    records = instance.get_run_records(limit=1, order_by="update_timestamp")
    return records[0].update_timestamp.timestamp() if records else 0.0


def ended_since(
    instance: dg.DagsterInstance, names: Names, since: float, seen: Mapping[str, float]
) -> tuple[list[Ended], float, dict[str, float]]:
    """The account's runs that ended since ``since`` and are not ``seen``; both for the next call.

    A run that Dagster will retry does not count as ended.
    """
    after = max(0.0, since - _OVERLAP_SECONDS)
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_ENDED, updated_after=datetime.fromtimestamp(after, UTC)),
        limit=_AT_ONCE,
        order_by="update_timestamp",
        ascending=True,
    )
    found = []
    recent = dict(seen)
    for record in records:
        changed = record.update_timestamp.timestamp()
        since = max(since, changed)
        ended = record.end_time or changed
        run = record.dagster_run
        # An old run is also updated when a tag is added.
        if run.run_id in seen or ended < after:
            continue
        recent[run.run_id] = changed
        if run.tags.get(WILL_RETRY) != "true" and runs.belongs(run, names):
            found.append(_ended(instance, run, names, ended))
    oldest = since - _OVERLAP_SECONDS
    return found, since, {run: at for run, at in recent.items() if at >= oldest}


def under_way(instance: dg.DagsterInstance, names: Names) -> set[str]:
    """What queued and running runs are to build, without stalled runs."""
    mine = (run for run in runs.under_way(instance) if runs.belongs(run, names))
    return {subject for run in mine for subject in _subjects(run, names)}


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun, names: Names, ended: float) -> Ended:
    failures: tuple[Failure, ...] = ()
    if run.status is dg.DagsterRunStatus.FAILURE:
        failures = tuple(_failures(instance, run, names))
    return Ended(run.run_id, ended, _subjects(run, names), days_of(run.tags), failures)


def _subjects(run: dg.DagsterRun, names: Names) -> tuple[str, ...]:
    if not run.asset_selection:
        return (run.job_name,)
    own = (key.path for key in run.asset_selection if names.owns(key.path))
    return tuple(sorted(names.table_name(path) for path in own))


def _failures(instance: dg.DagsterInstance, run: dg.DagsterRun, names: Names) -> Iterator[Failure]:
    """One failure per cause; the death of the process if no step failed."""
    records = instance.get_records_for_run(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE}
    ).records
    events = [record.event_log_entry.dagster_event for record in records]
    by_cause: dict[str, Failure] = {}
    for event in events:
        if event is None:
            continue
        failure = _of_step(event, _affected(event.step_key or "", run, names))
        known = by_cause.get(failure.cause)
        hit = (*known.subjects, *failure.subjects) if known else failure.subjects
        by_cause[failure.cause] = Failure(
            failure.cause, hit, failure.title, failure.what, failure.cure
        )
    yield from by_cause.values()
    if not by_cause:
        subjects = _subjects(run, names)
        name = ", ".join(subjects)
        yield Failure(
            f"{name}: died",
            subjects,
            f"{name}: the run ended without a failed step",
            "Its process was killed (out of memory, a restart), or the project did not load.",
            "look at the run's events, and start it again",
        )


def _affected(step: str, run: dg.DagsterRun, names: Names) -> tuple[str, ...]:
    """The run's subjects that this step builds: a step is named after its tables."""
    subjects = _subjects(run, names)
    mine = []
    for subject in subjects:
        group, _, name = subject.partition(".")
        start = names.called(f"{group}__")
        if step.startswith(start) and name in step.removeprefix(start).split("__"):
            mine.append(subject)
    return tuple(mine) or subjects


def _of_step(event: dg.DagsterEvent, subjects: tuple[str, ...]) -> Failure:
    name = ", ".join(subjects)
    data = event.step_failure_data
    user = data.user_failure_data
    metadata: dict[str, Any] = {k: v.value for k, v in user.metadata.items()} if user else {}
    if "provider" in metadata and "advice" in metadata:
        kind = _kind(metadata)
        return Failure(
            f"{metadata['provider']}: {kind}",
            subjects,
            f"{metadata['provider']}: {kind}",
            (user.description if user else "") or "",
            f"{metadata['advice'] or 'look at the run'}",
        )
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    kind = (error.cls_name if error else None) or "an error"
    # The project's own messages are safe to repeat; an exception may quote a customer.
    own = user.description if user else None
    return Failure(
        f"{name}: {kind}",
        subjects,
        f"{name} failed: {kind}",
        own or "The error message is on the run's page. Downstream tables were not built.",
        "look at the run's page, fix the cause, and start the run again",
    )


def _kind(metadata: Mapping[str, Any]) -> str:
    """The kind of a provider's error, worded the same for all its endpoints."""
    status, error = metadata.get("status") or 0, str(metadata.get("error", ""))
    named = {
        "CredentialsMissing": "not configured",
        "RowsMissing": "fewer rows than announced",
        "EnvelopeNotRecognised": "an unexpected response format",
        "EverythingSetAside": "no record could be read",
    }
    if error in named:
        return named[error]
    if status == 429:
        return "too many requests"
    if metadata.get("transient"):
        return "unreachable or failing"
    return f"refused with {status}" if status else "refused"
