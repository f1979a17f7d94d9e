"""A daemon with a clock that tests move: Dagster's own schedules, sensors and run queue.

The loops of the daemon process run here step by step, on the project's real instance and code
location. Differences from production: the code location and the runs live in this process, because
a moved clock only affects one process; and, to save time, the definitions are built once per set of
settings."""

import functools
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from dagster._utils.error import SerializableErrorInfo

from feedback_assets import definitions
from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import PROJECT_ROOT
from tests.conftest import Project

_IN_PROCESS = {
    "module": "dagster._core.launcher.sync_in_memory_run_launcher",
    "class": "SyncInMemoryRunLauncher",
}
# Capturing a step's output would redirect the output of this process, and so of the test.
_NOTHING_CAPTURED = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clock:
    """The clock of this process, the same for every caller."""

    traveller: time_machine.Traveller

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def move_to(self, moment: datetime) -> None:
        """Move forward only: otherwise stored times would be in the future."""
        assert moment >= self.now
        self.traveller.move_to(moment)

    def wait(self, seconds: float) -> None:
        self.traveller.shift(timedelta(seconds=max(seconds, 0)))


@contextmanager
def moving_clock(start: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The clock, set to ``start``; sleeping for a second or more moves it instead."""
    really = time.sleep
    with time_machine.travel(start) as traveller:
        clock = Clock(traveller)
        monkeypatch.setattr(
            time, "sleep", lambda seconds: really(seconds) if seconds < 1 else clock.wait(seconds)
        )
        monkeypatch.setattr(definitions, "build_defs", functools.cache(definitions.build_defs))
        yield clock


class Daemon:
    """The loops of ``dagster-daemon run``, one step at a time."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Any, clock: Clock) -> None:
        self.instance = instance
        self.clock = clock
        self._workspace = workspace
        self._times: dict[str, ScheduleIterationTimes] = {}
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=5)
        self._retries = EventLogConsumerDaemon()

    def switch_on(self, *names: str) -> None:
        """Start these schedules and sensors."""
        location = self._workspace.create_request_context().code_locations[0]
        (repository,) = location.get_repositories().values()
        for schedule in repository.get_schedules():
            if schedule.name in names:
                self.instance.start_schedule(schedule)
        for sensor in repository.get_sensors():
            if sensor.name in names:
                self.instance.start_sensor(sensor)
        on = self.instance.all_instigator_state()
        assert {state.instigator_name for state in on if state.is_running} == set(names)

    def run_schedules(self) -> None:
        at = self.clock.now
        _carry_out(launch_scheduled_runs(self._workspace, _LOG, at, iteration_times=self._times))

    def run_sensors(self) -> None:
        _carry_out(execute_sensor_iteration(self._workspace, _LOG, None, None))

    def run_queue(self) -> None:
        """Launch every queued run, six at a time as in `dagster.yaml`."""
        queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        while self.instance.get_runs_count(queued):
            before = self.instance.get_runs_count(queued)
            _carry_out(self._queue.run_iteration(self._workspace))
            _carry_out(self._retries.run_iteration(self._workspace))
            assert self.instance.get_runs_count(queued) != before

    def settle(self) -> None:
        """Advance by half minutes until an evaluation of every sensor requests no run."""
        while True:
            before = self.instance.get_runs_count()
            self.clock.wait(31)
            self.run_schedules()
            self.run_sensors()
            self.run_queue()
            if self.instance.get_runs_count() == before:
                return

    def runs(self) -> list[RunRecord]:
        return list(self.instance.get_run_records(ascending=True))


def _carry_out(steps: Iterator[Any]) -> None:
    """Run a step. The daemon continues after a step that yields an error; a test must fail."""
    for step in steps:
        assert not isinstance(step, SerializableErrorInfo), step


def make_home(project: Project) -> None:
    """Create ``DAGSTER_HOME`` with the project's `dagster.yaml` before Dagster creates it."""
    home = project.settings.dagster_home
    home.mkdir(parents=True)
    config = (PROJECT_ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(config)
    # Runs are executed in this process, where two threads that set up logging wait for each other.
    settings["run_queue"]["dequeue_use_threads"] = False
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    open_instance(project.settings).dispose()


@contextmanager
def daemon(project: Project, clock: Clock) -> Iterator[Daemon]:
    """A daemon over the instance that ``make_home`` created."""
    ref = InstanceRef.from_dir(
        str(project.settings.dagster_home),
        overrides={"run_launcher": _IN_PROCESS, "compute_logs": _NOTHING_CAPTURED},
    )
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="feedback_assets.definitions"),
        location_name="feedback_assets",
    )
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_ref(ref))
        workspace = stack.enter_context(
            WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([origin]))
        )
        yield Daemon(instance, workspace, clock)
