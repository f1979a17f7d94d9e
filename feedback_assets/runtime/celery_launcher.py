"""The run launcher of several machines: runs are Celery tasks, and the workers are asked for them.

A run is launched when a worker has a place for it, and found again when its worker is gone.

A worker that is gone, with its machine or alone, leaves its run STARTED for ever: nobody is left to
write the run's end, and Celery says STARTED as long as it keeps the result. So Dagster's run
monitoring asks here, and the workers are asked who holds the task. Needs the extra `cluster`.
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
"""A worker answers in milliseconds, whatever its runs do: they are processes below it. Each run of
a lost worker is waited for in turn."""
MISSES = 3
"""Times in a row that nobody held a run before it is lost: a worker that starts its connection to
Redis anew, or a task that has ended a moment before its run, is a miss or two."""
RECONNECT_SECONDS = 60.0
"""After Redis was away no worker is missed for this long: they try it every 30 s at the longest."""
PLACES_SECONDS = 1.0
"""How long all workers are waited for when a run is launched: nobody knows how many there are."""
_LIVES = CheckRunHealthResult(WorkerStatus.RUNNING)


class CheckedCeleryRunLauncher(CeleryRunLauncher):
    """Launches as ``CeleryRunLauncher`` does; finds out whether a worker still has a run."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # By run, in the daemon that asks. A daemon that is started again begins to count anew.
        self._misses: Counter[str] = Counter()
        self._redis_was_away = float("-inf")

    def launch_run(self, context: LaunchRunContext) -> None:
        """Give the run to the workers, if one of them has a place for it.

        A run that waits in Redis has begun as far as Dagster knows, and is failed when it does not
        start. So it waits in Dagster's queue, which takes this error for a reason to try later.
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
        """RUNNING where a worker holds it or nobody can tell, NOT_FOUND where none does."""
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
            # Redis does not answer: that says nothing about the workers.
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
        # The one that began it is waited for until it answers; without its name all are, and then
        # for the whole time.
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
        """Interrupt the run where it is; it then ends as canceled, at its next request."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        # Else the interrupt would look like a failure.
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)
