"""What the instance says of runs that ended: what they were to make, and the cause of a failure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from feedback_assets.alerts.failures import Ended, Failure
from feedback_assets.runtime import runs
from feedback_assets.runtime.tags import WILL_RETRY, days_of

_AT_ONCE = 1000
# Processes write side by side: what is stored later may carry the earlier time.
_OVERLAP_SECONDS = 120.0
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def newest(instance: dg.DagsterInstance) -> float:
    """When the run that was changed last was changed, in epoch seconds; 0 if there is none."""
    records = instance.get_run_records(limit=1, order_by="update_timestamp")
    return records[0].update_timestamp.timestamp() if records else 0.0


def ended_since(
    instance: dg.DagsterInstance, since: float, seen: Mapping[str, float]
) -> tuple[list[Ended], float, dict[str, float]]:
    """The runs that ended since and are not ``seen``, and both for the next call.

    A run that Dagster will start again did not end yet.
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
        # An old run changes too, when a tag is added.
        if run.run_id in seen or ended < after:
            continue
        recent[run.run_id] = changed
        if run.tags.get(WILL_RETRY) != "true":
            found.append(_ended(instance, run, ended))
    oldest = since - _OVERLAP_SECONDS
    return found, since, {run: at for run, at in recent.items() if at >= oldest}


def under_way(instance: dg.DagsterInstance) -> set[str]:
    """What the runs that are queued or running are to make; one that stands still is left out."""
    return {subject for run in runs.under_way(instance) for subject in _subjects(run)}


def _ended(instance: dg.DagsterInstance, run: dg.DagsterRun, ended: float) -> Ended:
    failures: tuple[Failure, ...] = ()
    if run.status is dg.DagsterRunStatus.FAILURE:
        failures = tuple(_failures(instance, run))
    return Ended(run.run_id, ended, _subjects(run), days_of(run.tags), failures)


def _subjects(run: dg.DagsterRun) -> tuple[str, ...]:
    if not run.asset_selection:
        return (run.job_name,)
    return tuple(sorted(".".join(key.path) for key in run.asset_selection))


def _failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[Failure]:
    """One for each cause; the process's death where no step failed."""
    records = instance.get_records_for_run(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE}
    ).records
    events = [record.event_log_entry.dagster_event for record in records]
    by_cause: dict[str, Failure] = {}
    for event in events:
        if event is None:
            continue
        failure = _of_step(event, _hit(event.step_key or "", run))
        known = by_cause.get(failure.cause)
        hit = (*known.subjects, *failure.subjects) if known else failure.subjects
        by_cause[failure.cause] = Failure(
            failure.cause, hit, failure.title, failure.what, failure.cure
        )
    yield from by_cause.values()
    if not by_cause:
        subjects = _subjects(run)
        name = ", ".join(subjects)
        yield Failure(
            f"{name}: died",
            subjects,
            f"{name}: the run ended without a step that failed",
            "Its process was killed (out of memory, a restart), or the project did not load.",
            "look at the run's events, and start it again",
        )


def _hit(step: str, run: dg.DagsterRun) -> tuple[str, ...]:
    """Of what the run was to make, what this step makes: it is named after its tables."""
    subjects = _subjects(run)
    mine = []
    for subject in subjects:
        group, _, name = subject.partition(".")
        if step.startswith(f"{group}__") and f"__{name}" in step:
            mine.append(subject)
    return tuple(mine) or subjects


def _of_step(event: dg.DagsterEvent, subjects: tuple[str, ...]) -> Failure:
    name = ", ".join(subjects)
    data = event.step_failure_data
    user = data.user_failure_data
    told: dict[str, Any] = {k: v.value for k, v in user.metadata.items()} if user else {}
    if "provider" in told and "advice" in told:
        kind = _kind(told)
        return Failure(
            f"{told['provider']}: {kind}",
            subjects,
            f"{told['provider']}: {kind}",
            (user.description if user else "") or "",
            f"{told['advice'] or 'look at the run'}",
        )
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    kind = (error.cls_name if error else None) or "an error"
    # Our own words may be repeated; an exception's text may hold what a customer wrote.
    own = user.description if user else None
    return Failure(
        f"{name}: {kind}",
        subjects,
        f"{name} fails: {kind}",
        own or "The text of the error is on the run's page. What depends on it is not built.",
        "look at the run's page, fix it, and run it again",
    )


def _kind(told: Mapping[str, Any]) -> str:
    """The kind of a provider's error, in words that are the same for all its endpoints."""
    status, error = told.get("status") or 0, str(told.get("error", ""))
    named = {
        "CredentialsMissing": "not configured",
        "RowsMissing": "fewer rows than announced",
        "EnvelopeNotRecognised": "an answer of another shape",
        "EverythingSetAside": "no record could be read",
    }
    if error in named:
        return named[error]
    if status == 429:
        return "too many requests"
    if told.get("transient"):
        return "cannot be reached or fails"
    return f"refused with {status}" if status else "refused"
