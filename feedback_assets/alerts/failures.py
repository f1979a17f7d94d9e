"""Which failures of runs are to be told of: once for each cause, until the cause is gone.

Knows no Dagster. ``ended_runs`` says what became of the runs, and ``alert_sensors`` keeps the state
between two looks and sends what is composed.

A cause is a provider and a kind of error, or a table and the class of an error. It is gone once
everything that it hit succeeded later and nothing of that is still under way: in the middle of a
backfill a window that succeeds between two that fail is no recovery.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import msgspec

from feedback_assets.alerts.delivery import Message, Pending, add_pending, harmless
from feedback_assets.days import days_between

_LONGEST = 600
_SPANS_KEPT = 400


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the cause, what it hit, and what to say and do about it."""

    cause: str
    subjects: tuple[str, ...]
    title: str
    what: str
    cure: str


@dataclass(frozen=True)
class Ended:
    """A run that ended: what it was to make, of which days, and why it failed if it did.

    ``ended`` is in epoch seconds; subjects are tables, or the job where it makes none.
    """

    run_id: str
    ended: float
    subjects: tuple[str, ...]
    days: tuple[date, date] | None = None
    failures: tuple[Failure, ...] = ()


class Open(msgspec.Struct, frozen=True):
    """A cause that is not gone: when each subject last failed and succeeded, and what is said."""

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
    """What a look leaves to the next one.

    ``since``: epoch seconds up to which runs were looked at. ``seen``: runs that ended shortly
    before. ``causes``: those not gone, or not yet told. ``pending``: causes.
    """

    since: float
    seen: dict[str, float] = {}
    causes: dict[str, Open] = {}
    pending: Pending = {}


def take(
    state: State, ended: Iterable[Ended], under_way: Collection[str], targets: Collection[str]
) -> State:
    """The state after these runs, which ended since; ``under_way``: subjects of unfinished runs."""
    causes = dict(state.causes)
    new: list[str] = []
    for run in sorted(ended, key=lambda run: run.ended):
        failed = {subject for failure in run.failures for subject in failure.subjects}
        fine = set() if run.failures else set(run.subjects) - failed
        causes = {name: _succeeded(cause, fine, run.ended) for name, cause in causes.items()}
        # What was made well before this run failed is gone before this failure is looked at.
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
    """The state after delivery, with what is still pending; a cause that is gone is forgotten."""
    waiting = {name for names in pending.values() for name in names}
    causes = {
        name: cause for name, cause in state.causes.items() if not cause.gone or name in waiting
    }
    return State(state.since, state.seen, causes, pending)


def compose(causes: Mapping[str, Open], names: Iterable[str], ui_url: str) -> Message | None:
    """One message of these causes; none where none of them is known any more."""
    found = [causes[name] for name in dict.fromkeys(names) if name in causes]
    if not found:
        return None
    title = found[0].title if len(found) == 1 else f"Runs fail, for {len(found)} reasons"
    headed = len(found) > 1
    parts = ("\n".join(_lines(cause, ui_url, headed=headed)) for cause in found)
    return Message(title, "\n\n".join(parts), "failure")


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
    """The causes but those that are gone; one that nobody was told of yet is marked so."""
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


def _lines(cause: Open, ui_url: str, *, headed: bool) -> Iterator[str]:
    if headed:
        yield cause.title
    days = {day for first, last in cause.spans for day in days_between(first, last)}
    runs = "1 run" if cause.runs == 1 else f"{cause.runs} runs"
    of_days = ""
    if days:
        first, last = min(days), max(days)
        count = "1 day" if len(days) == 1 else f"{len(days)} days"
        of_days = f", {count}: {first}" + (f" to {last}" if last > first else "")
    yield f"Concerned so far: {', '.join(sorted(cause.failed))}; {runs}{of_days}."
    yield harmless(cause.what, _LONGEST)
    if cause.gone:
        yield "It has succeeded since."
    # A provider's error says it already.
    if cause.cure not in cause.what:
        yield f"What to do: {harmless(cause.cure, _LONGEST)}"
    tables = [subject for subject in sorted(cause.failed) if "." in subject]
    if days and len(tables) == len(cause.failed):
        select = " or ".join(f'key:"{table.replace(".", "/")}"' for table in tables)
        span = f"--from {min(days)} --to {max(days)}"
        yield f"Then: feedback-assets backfill {span} --select '{select}'"
    if ui_url:
        yield f"Run: {ui_url}/runs/{cause.run_id}"
    else:
        yield f"Run: {cause.run_id}"
