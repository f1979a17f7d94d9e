"""The run launcher of ``dagster.yaml``: Dagster's own, which also knows whether a run still lives.

A run is a process below a code server. If both are killed, or the machine goes down, nobody is
left to write the run's end: it stays STARTED, keeps its place in the queue and its backfill
waits for it. Dagster's run monitoring cures that where the launcher can tell; the default one
cannot.
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
    """The tag of a run in this very process, without a code server."""
    return {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()}"}


class CheckedRunLauncher(DefaultRunLauncher):
    """Launches as ``DefaultRunLauncher`` does; asks a run's code server or process for it."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """As Dagster's; a code server that was told to end and waits for its runs is like none.

        Dagster's queue then tries later, where ``dagster.yaml`` has ``run_queue``.
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
        """RUNNING where the run lives or nobody can tell, NOT_FOUND where its process is gone."""
        if GRPC_INFO_TAG in run.tags:
            return _health(_server_has(run))
        return run_without_launcher_lives(run)


def run_without_launcher_lives(run: DagsterRun) -> CheckRunHealthResult:
    """Of a run that no launcher began: RUNNING unless it is known that its process is gone."""
    return _health(PROCESS_TAG not in run.tags or _process_lives(run.tags[PROCESS_TAG]))


def _health(found: bool) -> CheckRunHealthResult:
    if found:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of the run is gone")


def _server_has(run: DagsterRun) -> bool:
    # 0.05 s that a backfill, which takes its tag from here, need not wait for.
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
            # A server under load may not answer in time, and is there all the same.
            if "timed out" in str(error):
                return True
        else:
            return answer.can_cancel
    return False


def _process_lives(tag: str) -> bool:
    host, _, pid = tag.rpartition(" ")
    return host != socket.gethostname() or is_alive(int(pid))
