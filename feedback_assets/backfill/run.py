"""Executes the plan of a backfill: providers in parallel, then the tables built from them."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from feedback_assets.backfill.plan import EVERYTHING, Lane, Run
from feedback_assets.backfill.request import Request
from feedback_assets.backfill.results import Outcome, Results, TableResult
from feedback_assets.backfill.workers import Worker, Workers, ready
from feedback_assets.freshness import failed_days
from feedback_assets.schema.table import Table

Progress = Callable[[Run, bool], None]
"""Called after every run with whether it succeeded."""
_FAILURES_IN_A_ROW = 2


class Canceled(BaseException):
    """The backfill was stopped by a signal; its runs are marked as canceled.

    ``status`` is the exit status of a process ended by that signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def run_plan(request: Request, progress: Progress) -> dict[Table, TableResult]:
    """Execute the plan; tables that depend on a failed table are skipped, all others are built.

    Raises ``Canceled`` on SIGINT and SIGTERM.
    """
    results = Results()

    def done(run: Run, outcome: Outcome) -> None:
        results.record(run, outcome)
        progress(run, not outcome.error)

    workers = Workers(request)
    try:
        with _signals_raised():
            _read(request.plan.reading, workers, done)
            for run in request.plan.building:
                if results.skip(run.tables[0]):
                    progress(run, False)
                    continue
                worker = workers.one()
                worker.begin(run)
                done(run, worker.outcome())
            workers.dismiss()
    except Canceled:
        try:
            with _signals_raised():
                workers.cancel()
        except Canceled:
            pass  # A second signal stops the wait.
        raise
    finally:
        workers.kill()
    # A failed run does not execute its checks.
    failed = [table for table, result in results.items() if result.error]
    failed_days.report(
        request.instance, failed, request.settings.names, request.settings.feedback_start_date
    )
    return {table: results[table] for table in EVERYTHING if table in results}


def _read(lanes: tuple[Lane, ...], workers: Workers, done: Callable[[Run, Outcome], None]) -> None:
    under_way: dict[Worker, _UnderWay] = {}
    for lane in lanes:
        worker = workers.start()
        under_way[worker] = _UnderWay(lane)
        worker.begin(lane.runs[0])
    while under_way:
        for worker in ready(under_way.keys()):
            for run, outcome in under_way[worker].ended(worker.outcome()):
                done(run, outcome)
            following = under_way[worker].following
            if following is not None:
                worker.begin(following)
                continue
            del under_way[worker]
            # The last lane's worker builds the derived tables.
            if under_way:
                worker.dismiss()


class _UnderWay:
    """A lane in progress: its position, and whether it continues."""

    def __init__(self, lane: Lane) -> None:
        self._left = list(lane.runs)
        self._failures = 0

    @property
    def following(self) -> Run | None:
        """The next run; None at the end."""
        return self._left[0] if self._left else None

    def ended(self, outcome: Outcome) -> Iterator[tuple[Run, Outcome]]:
        """The run that ended, and the remaining runs if they would fail the same way.

        A wrong key stays wrong, and a provider that is down costs a minute per window.
        """
        yield self._left.pop(0), outcome
        self._failures = self._failures + 1 if outcome.error else 0
        if outcome.hopeless or self._failures == _FAILURES_IN_A_ROW:
            while self._left:
                yield self._left.pop(0), Outcome(error=outcome.error)


@contextmanager
def _signals_raised() -> Iterator[None]:
    def stop(number: int, _frame: FrameType | None) -> None:
        raise Canceled(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
