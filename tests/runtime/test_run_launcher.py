"""Whether a run is alive, by its process or its code server."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from feedback_assets.runtime import run_launcher
from feedback_assets.runtime.run_launcher import (
    PROCESS_TAG,
    CheckedRunLauncher,
    process_tag,
)


def status(tags: dict[str, str]) -> WorkerStatus:
    run = dg.DagsterRun(job_name="any", tags=tags)
    return CheckedRunLauncher().check_run_worker_health(run).status


def test_a_run_lives_as_long_as_its_process() -> None:
    assert status(process_tag()) is WorkerStatus.RUNNING
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    host = process_tag()[PROCESS_TAG].split()[0]
    assert status({PROCESS_TAG: f"{host} {ended.pid}"}) is WorkerStatus.NOT_FOUND


def test_a_run_of_another_machine_is_left_alone() -> None:
    assert status({}) is WorkerStatus.RUNNING
    assert status({PROCESS_TAG: "another-machine 1"}) is WorkerStatus.RUNNING


def test_a_run_without_its_code_server_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_launcher, "_BETWEEN_TRIES_SECONDS", 0.0)
    where = json.dumps({"host": "localhost", "socket": str(tmp_path / "gone")})
    assert status({GRPC_INFO_TAG: where}) is WorkerStatus.NOT_FOUND
