"""Starts, feeds, awaits and stops the worker processes of a backfill."""

import os
import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from signal import Signals

from feedback_assets.backfill.forking import context
from feedback_assets.backfill.plan import Run
from feedback_assets.backfill.request import Request
from feedback_assets.backfill.results import Outcome
from feedback_assets.backfill.worker import Order, work

_GRACE_SECONDS = 8.0
"""Less than the ten seconds that a supervisor waits between SIGTERM and SIGKILL."""


class Worker:
    """A process, and the run that it is executing."""

    def __init__(self, request: Request) -> None:
        self._instance = request.instance
        self._run_id = ""
        self.connection: Connection[Order, Outcome]
        forks = context()
        self.connection, of_child = forks.Pipe()
        self.process: BaseProcess = forks.Process(  # type: ignore[attr-defined]
            target=work,
            args=(of_child, request.instance.get_ref(), request.settings, dict(os.environ)),
            daemon=True,
        )
        self.process.start()
        # Otherwise the end of the process would go unnoticed.
        of_child.close()

    def begin(self, run: Run) -> None:
        """Start a run on this worker; ``outcome`` waits for it."""
        self._run_id = str(uuid.uuid4())
        order = Order(
            self._run_id, tuple(table.full_name for table in run.tables), run.first, run.last
        )
        # If the process was killed, ``outcome`` reports it.
        with suppress(ConnectionError):
            self.connection.send(order)

    def outcome(self) -> Outcome:
        """How the run ended; an error if the process died."""
        try:
            outcome = self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            outcome = Outcome(error=_died(self.process.exitcode or 0), hopeless=True)
        if outcome.error:
            self._settle(outcome.error)
        self._run_id = ""
        return outcome

    def interrupt(self) -> bool:
        """Interrupt the current run, which ends as canceled; False if it has not begun yet."""
        if self._run_id:
            run = self._instance.get_run_by_id(self._run_id)
            if run is None:
                return False
            if not run.is_finished:
                self._instance.report_run_canceling(run)
        self.process.terminate()
        return True

    def kill(self) -> None:
        """Kill the process, and its run with it."""
        self.process.kill()
        self.process.join()
        run = self._instance.get_run_by_id(self._run_id) if self._run_id else None
        if run is not None and not run.is_finished:
            self._instance.report_run_canceled(run)

    def dismiss(self) -> None:
        """Let the process exit: there are no more runs."""
        self.connection.close()
        self.process.join(_GRACE_SECONDS)
        self.process.kill()

    def _settle(self, error: str) -> None:
        # A run whose process is gone would otherwise never end.
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_failed(run, error)


class Workers:
    """All worker processes of a backfill."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._all: list[Worker] = []

    def start(self) -> Worker:
        """Start another worker."""
        worker = Worker(self._request)
        self._all.append(worker)
        return worker

    def one(self) -> Worker:
        """An idle worker, or a new one."""
        self._all = [worker for worker in self._all if worker.process.is_alive()]
        return self._all[0] if self._all else self.start()

    def cancel(self) -> None:
        """Interrupt the current runs at their next step, or after ``_GRACE_SECONDS``."""
        deadline = time.monotonic() + _GRACE_SECONDS
        interrupted: set[Worker] = set()
        while (left := self._alive()) and time.monotonic() < deadline:
            interrupted.update(
                worker for worker in left if worker not in interrupted and worker.interrupt()
            )
            wait([worker.process.sentinel for worker in left], timeout=0.1)

    def kill(self) -> None:
        """Kill the remaining processes; each of their runs is marked as canceled."""
        for worker in self._all:
            worker.kill()

    def dismiss(self) -> None:
        """Let all processes exit once there are no more runs."""
        for worker in self._all:
            worker.dismiss()

    def _alive(self) -> list[Worker]:
        return [worker for worker in self._all if worker.process.is_alive()]


def ready(workers: Collection[Worker]) -> list[Worker]:
    """Wait until at least one worker has an outcome; returns those that have."""
    answered = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in answered]


def _died(code: int) -> str:
    how = f"was ended by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process of its run {how}; load these days again"
