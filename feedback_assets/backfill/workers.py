"""The processes of a backfill: started, given runs, waited for, and ended.

They are forked from a server that has the modules loaded, so that each starts in a moment and
none inherits the threads of the command.
"""

import multiprocessing
import os
import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from signal import Signals

from feedback_assets.backfill.plan import Run
from feedback_assets.backfill.request import Request
from feedback_assets.backfill.results import Outcome
from feedback_assets.backfill.worker import Order, work
from feedback_assets.runtime import preload

_GRACE_SECONDS = 8.0
"""Less than the ten seconds that a supervisor waits between SIGTERM and SIGKILL."""
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([work.__module__, *preload.MODULES])


class Worker:
    """A process and the run that it is carrying out."""

    def __init__(self, request: Request) -> None:
        self._instance = request.instance
        self._run_id = ""
        self.connection: Connection[Order, Outcome]
        self.connection, of_child = _PROCESSES.Pipe()
        self.process: BaseProcess = _PROCESSES.Process(
            target=work,
            args=(of_child, request.instance.get_ref(), request.settings, dict(os.environ)),
            daemon=True,
        )
        self.process.start()
        # Else the end of the process would not be seen.
        of_child.close()

    def begin(self, run: Run) -> None:
        """Have it carry out a run; ``outcome`` waits for it."""
        self._run_id = str(uuid.uuid4())
        order = Order(
            self._run_id, tuple(table.full_name for table in run.tables), run.first, run.last
        )
        # Where it was killed, ``outcome`` will say so.
        with suppress(ConnectionError):
            self.connection.send(order)

    def outcome(self) -> Outcome:
        """How the run ended; an error where the process did not live to tell."""
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
        """End the run under way, which ends as canceled; False where it has not begun yet."""
        if self._run_id:
            run = self._instance.get_run_by_id(self._run_id)
            if run is None:
                return False
            if not run.is_finished:
                self._instance.report_run_canceling(run)
        self.process.terminate()
        return True

    def kill(self) -> None:
        """End the process whatever it does, and its run with it."""
        self.process.kill()
        self.process.join()
        run = self._instance.get_run_by_id(self._run_id) if self._run_id else None
        if run is not None and not run.is_finished:
            self._instance.report_run_canceled(run)

    def dismiss(self) -> None:
        """Let it end: there is nothing more to do."""
        self.connection.close()
        self.process.join(_GRACE_SECONDS)
        self.process.kill()

    def _settle(self, error: str) -> None:
        # Nobody else would ever write the end of a run whose process is gone.
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_failed(run, error)


class Workers:
    """All processes of a backfill."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._all: list[Worker] = []

    def start(self) -> Worker:
        """One more."""
        worker = Worker(self._request)
        self._all.append(worker)
        return worker

    def one(self) -> Worker:
        """One that has nothing to do, or a new one."""
        self._all = [worker for worker in self._all if worker.process.is_alive()]
        return self._all[0] if self._all else self.start()

    def cancel(self) -> None:
        """End the runs under way at their next step, or after ``_GRACE_SECONDS``."""
        deadline = time.monotonic() + _GRACE_SECONDS
        told: set[Worker] = set()
        while (left := self._alive()) and time.monotonic() < deadline:
            told.update(worker for worker in left if worker not in told and worker.interrupt())
            wait([worker.process.sentinel for worker in left], timeout=0.1)

    def kill(self) -> None:
        """End what has not ended; each run is marked as canceled, none stays under way."""
        for worker in self._all:
            worker.kill()

    def dismiss(self) -> None:
        """Let all end, when there is nothing more to do."""
        for worker in self._all:
            worker.dismiss()

    def _alive(self) -> list[Worker]:
        return [worker for worker in self._all if worker.process.is_alive()]


def ready(workers: Collection[Worker]) -> list[Worker]:
    """Those of the workers whose outcome is there, once there is one."""
    answered = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in answered]


def _died(code: int) -> str:
    how = f"was ended by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process of its run {how}; load these days again"
