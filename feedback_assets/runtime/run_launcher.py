"""The run launcher of ``dagster.yaml``: Dagster's own, which also detects whether a run is alive.

A run is a child process of a code server. If both are killed, or the machine goes down, no process
is left to write the run's end: it stays STARTED, keeps its place in the queue, and its backfill
waits for it. Dagster's run monitoring resolves that if the launcher can check a run; the default
launcher cannot.
"""

import json
import os
import socket
import time

from dagster import DagsterRun, DefaultRunLauncher, deserialize_value
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from feedback_assets.warehouse.temporary_names import is_alive

PROCESS_TAG = "feedback_assets/process"
_TRIES = 3
_BETWEEN_TRIES_SECONDS = 2.0


def process_tag() -> dict[str, str]:
    """The tag of a run in this process, without a code server."""
    return {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()}"}


class CheckedRunLauncher(DefaultRunLauncher):
    """Launches like ``DefaultRunLauncher``; checks a run through its code server or process."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Like Dagster's; a code server that is shutting down counts as unavailable.

        Dagster's queue then retries later, if ``dagster.yaml`` has ``run_queue``.
        """
        try:
            super().launch_run(context)
        except DagsterLaunchFailedError as error:
            if "telling it to shut down" not in str(error):
                raise
            raise DagsterUserCodeUnreachableError(str(error)) from error

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING if the run is alive or its state is unknown, NOT_FOUND if its process is gone."""
        if GRPC_INFO_TAG in run.tags:
            return _health(_server_has(run))
        return run_without_launcher_lives(run)


def run_without_launcher_lives(run: DagsterRun) -> CheckRunHealthResult:
    """For a run started without a launcher: RUNNING unless its process is known to be gone."""
    return _health(PROCESS_TAG not in run.tags or _process_lives(run.tags[PROCESS_TAG]))


def _health(found: bool) -> CheckRunHealthResult:
    if found:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of the run is gone")


def _server_has(run: DagsterRun) -> bool:
    # Imported here: it takes 0.05 s, and a backfill uses only the tag.
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult

    info = json.loads(run.tags[GRPC_INFO_TAG])
    request = CanCancelExecutionRequest(run_id=run.run_id)
    for number in range(_TRIES):
        time.sleep(_BETWEEN_TRIES_SECONDS if number else 0)
        try:
            client = DagsterGrpcClient(
                port=info.get("port"),
                socket=info.get("socket"),
                host=info.get("host"),
                use_ssl=bool(info.get("use_ssl")),
            )
            answer = deserialize_value(
                client.can_cancel_execution(request), CanCancelExecutionResult
            )
        except DagsterUserCodeUnreachableError as error:
            # A server under load may not respond in time and still be alive.
            if "timed out" in str(error):
                return True
        else:
            return answer.can_cancel
    return False


def _process_lives(tag: str) -> bool:
    host, _, pid = tag.rpartition(" ")
    return host != socket.gethostname() or is_alive(int(pid))
