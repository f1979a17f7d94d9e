"""Which run failures to alert on: once per cause, until the cause is resolved.

Independent of Dagster: ``ended_runs`` reads how the runs ended, and ``sensors`` keeps the state
between ticks and sends the messages.

A cause is a provider and a kind of error, or a table and an error class. It is resolved once
everything that it affected has succeeded and no run on it is in progress: during a backfill, a
window that succeeds between two that fail is not a recovery.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import msgspec

from feedback_assets.alerts.delivery import Message, Pending, add_pending, harmless
from feedback_assets.days import days_between
from feedback_assets.schema.names import NO_PREFIX, Names

_LONGEST = 600
_SPANS_KEPT = 400


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the cause, the affected subjects, a description and a remedy."""

    cause: str
    subjects: tuple[str, ...]
    title: str
    what: str
    cure: str


@dataclass(frozen=True)
class Ended:
    """A run that ended: what it was to build, for which days, and why it failed, if it did.

    ``ended`` is in epoch seconds; subjects are tables, or the job if it builds none.
    """

    run_id: str
    ended: float
    subjects: tuple[str, ...]
    days: tuple[date, date] | None = None
    failures: tuple[Failure, ...] = ()


class Open(msgspec.Struct, frozen=True):
    """An unresolved cause: when each subject last failed and succeeded, and the alert's text."""

    failed: dict[str, float]
    title: str
    what: str
    cure: str
    run_id: str
    succeeded: dict[str, float] = {}
    runs: int = 0
    spans: list[tuple[date, date]] = []
    gone: bool = False


class State(msgspec.Struct, frozen=True):
    """The state between ticks.

    ``since``: epoch seconds up to which runs were read. ``seen``: runs that ended shortly before.
    ``causes``: those that are unresolved or not yet reported. ``pending``: those whose alert is
    still owed to a target.
    """

    since: float
    seen: dict[str, float] = {}
    causes: dict[str, Open] = {}
    pending: Pending = {}


def take(
    state: State, ended: Iterable[Ended], under_way: Collection[str], targets: Collection[str]
) -> State:
    """The state after these newly ended runs; ``under_way``: subjects of unfinished runs."""
    causes = dict(state.causes)
    new: list[str] = []
    for run in sorted(ended, key=lambda run: run.ended):
        failed = {subject for failure in run.failures for subject in failure.subjects}
        fine = set() if run.failures else set(run.subjects) - failed
        causes = {name: _succeeded(cause, fine, run.ended) for name, cause in causes.items()}
        # A cause that was resolved before this run failed is removed before its failure is added.
        causes = _without_gone(causes, state.pending, new, under_way)
        for failure in run.failures:
            if failure.cause not in causes or causes[failure.cause].gone:
                new.append(failure.cause)
            causes[failure.cause] = _failed(causes.get(failure.cause), failure, run)
    causes = _without_gone(causes, state.pending, new, under_way)
    pending = add_pending(state.pending, new, targets)
    waiting = {name for names in pending.values() for name in names}
    kept = {name: cause for name, cause in causes.items() if not cause.gone or name in waiting}
    return State(state.since, state.seen, kept, pending)


def after_delivery(state: State, pending: Pending) -> State:
    """The state after delivery, with what is still pending; resolved causes are dropped."""
    waiting = {name for names in pending.values() for name in names}
    causes = {
        name: cause for name, cause in state.causes.items() if not cause.gone or name in waiting
    }
    return State(state.since, state.seen, causes, pending)


def compose(
    causes: Mapping[str, Open], names: Iterable[str], ui_url: str, account: Names = NO_PREFIX
) -> Message | None:
    """One message on these causes; None if none of them is known any more."""
    found = [causes[name] for name in dict.fromkeys(names) if name in causes]
    if not found:
        return None
    title = found[0].title if len(found) == 1 else f"Runs failed for {len(found)} reasons"
    headed = len(found) > 1
    parts = ("\n".join(_lines(cause, ui_url, account, headed=headed)) for cause in found)
    return Message(account.titled(title), "\n\n".join(parts), "failure")


def _failed(before: Open | None, failure: Failure, run: Ended) -> Open:
    if before is None or before.gone:
        before = Open({}, failure.title, failure.what, failure.cure, run.run_id)
    spans = [*before.spans, run.days] if run.days and run.days not in before.spans else before.spans
    return msgspec.structs.replace(
        before,
        failed=before.failed | dict.fromkeys(failure.subjects, run.ended),
        runs=before.runs + 1,
        spans=spans[-_SPANS_KEPT:],
    )


def _succeeded(cause: Open, subjects: Collection[str], ended: float) -> Open:
    mine = {subject: ended for subject in subjects if subject in cause.failed}
    return msgspec.structs.replace(cause, succeeded=cause.succeeded | mine) if mine else cause


def _without_gone(
    causes: Mapping[str, Open], pending: Pending, new: list[str], under_way: Collection[str]
) -> dict[str, Open]:
    """The unresolved causes; a resolved one that was not yet reported is kept and marked."""
    waiting = {name for names in pending.values() for name in names} | set(new)
    kept = {}
    for name, cause in causes.items():
        gone = all(
            cause.succeeded.get(subject, 0) > failed and subject not in under_way
            for subject, failed in cause.failed.items()
        )
        if not gone:
            kept[name] = cause
        elif name in waiting:
            kept[name] = msgspec.structs.replace(cause, gone=True)
    return kept


def _lines(cause: Open, ui_url: str, account: Names, *, headed: bool) -> Iterator[str]:
    if headed:
        yield cause.title
    days = {day for first, last in cause.spans for day in days_between(first, last)}
    runs = "1 run" if cause.runs == 1 else f"{cause.runs} runs"
    of_days = ""
    if days:
        first, last = min(days), max(days)
        count = "1 day" if len(days) == 1 else f"{len(days)} days"
        of_days = f", {count}: {first}" + (f" to {last}" if last > first else "")
    yield f"Affected so far: {', '.join(sorted(cause.failed))}; {runs}{of_days}."
    yield harmless(cause.what, _LONGEST)
    if cause.gone:
        yield "It has succeeded since."
    # A provider's error already includes the remedy.
    if cause.cure not in cause.what:
        yield f"What to do: {harmless(cause.cure, _LONGEST)}"
    tables = [subject for subject in sorted(cause.failed) if "." in subject]
    if days and len(tables) == len(cause.failed):
        select = " or ".join(f'key:"{"/".join(account.path(table))}"' for table in tables)
        span = f"--from {min(days)} --to {max(days)}"
        yield f"Then: feedback-assets backfill {span} --select '{select}'{account.option}"
    if ui_url:
        yield f"Run: {ui_url}/runs/{cause.run_id}"
    else:
        yield f"Run: {cause.run_id}"
