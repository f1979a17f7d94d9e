"""The run launcher for several machines: runs are Celery tasks.

A run is launched when a worker has a free slot, and its loss is detected when its worker is gone.

A lost worker, with or without its machine, leaves its run STARTED forever: no process is left to
write the run's end, and Celery reports STARTED as long as it keeps the result. So Dagster's run
monitoring calls this launcher, which queries the workers for the task. Needs the extra `cluster`.
"""

import time
from collections import Counter
from typing import Any

from celery.states import FAILURE, READY_STATES
from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from feedback_assets.runtime.leaving_workers import is_leaving
from feedback_assets.runtime.run_launcher import run_without_launcher_lives

ANSWER_SECONDS = 3.0
"""Seconds to wait for a worker's reply. A worker replies in milliseconds under any load, because
runs are child processes. Runs of lost workers are checked one after the other."""
MISSES = 3
"""Consecutive checks without a worker for the run before it counts as lost: a worker that
reconnects to Redis, or a task that ended a moment before its run, causes a miss or two."""
RECONNECT_SECONDS = 60.0
"""No worker counts as missing for this long after an outage of Redis: workers reconnect every
30 s at most.
"""
PLACES_SECONDS = 1.0
"""Seconds to collect replies at launch: the number of workers is unknown."""
_LIVES = CheckRunHealthResult(WorkerStatus.RUNNING)


class CheckedCeleryRunLauncher(CeleryRunLauncher):
    """Launches like ``CeleryRunLauncher``; detects whether a worker still has a run."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # By run, in the daemon's memory: a restarted daemon counts from zero.
        self._misses: Counter[str] = Counter()
        self._redis_was_away = float("-inf")

    def launch_run(self, context: LaunchRunContext) -> None:
        """Send the run to the workers if one of them has a free slot.

        Dagster considers a run in Redis launched, and fails it if it does not start in time. So the
        run waits in Dagster's queue instead, which retries after this error.
        """
        try:
            has_place = self._has_place()
        except (KombuError, RedisError, OSError) as error:
            raise DagsterUserCodeUnreachableError(
                f"Redis does not answer, so the run waits ({type(error).__name__})"
            ) from None
        if not has_place:
            raise DagsterUserCodeUnreachableError(
                "no worker has a place for another run, so it waits; see whether all workers are up"
            )
        super().launch_run(context)

    def _has_place(self) -> bool:
        control = self.celery.control
        workers = control.inspect(timeout=PLACES_SECONDS).stats() or {}
        places = sum(found["pool"]["max-concurrency"] for found in workers.values())
        inspect = control.inspect(timeout=PLACES_SECONDS, limit=len(workers))
        taken = sum(len(tasks) for tasks in (inspect.active() or {}).values()) if workers else 0
        with self.celery.connection_for_read() as connection:
            queue = connection.default_channel.queue_declare(self.default_queue)
        return bool(taken + queue.message_count < places)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING if a worker has the run or its state is unknown, NOT_FOUND if none has it."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:
            return run_without_launcher_lives(run)
        try:
            result = self.celery.AsyncResult(task)
            state = result.state
            if state == FAILURE:
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process died: {result.info}")
            held = state not in READY_STATES and self._is_held(task, result.info)
        except (KombuError, RedisError, OSError):
            # Redis does not respond, which says nothing about the workers.
            self._redis_was_away = time.monotonic()
            return _LIVES
        if held or time.monotonic() - self._redis_was_away < RECONNECT_SECONDS:
            del self._misses[run.run_id]
            return _LIVES
        self._misses[run.run_id] += 1
        if self._misses[run.run_id] < MISSES:
            return _LIVES
        del self._misses[run.run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "no worker holds the run")

    def _is_held(self, task: str, info: object) -> bool:
        worker = info.get("hostname") if isinstance(info, dict) else None
        # Waits for a reply of the worker that started it; if its name is unknown, for all workers
        # and always for the full time.
        inspect = self.celery.control.inspect(
            destination=[worker] if worker else None,
            timeout=ANSWER_SECONDS,
            limit=1 if worker else None,
        )
        answers = inspect.query_task(task) or {}
        if any(task in tasks for tasks in answers.values()):
            return True
        return worker is not None and is_leaving(self.celery, worker)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run on its worker; it ends as canceled at its next request."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        # Otherwise the interrupt would look like a failure.
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)
