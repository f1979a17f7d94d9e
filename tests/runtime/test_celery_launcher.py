"""Whether a run on another machine is alive, tested with real workers and a real Redis."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._check import CheckError
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import WorkerStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from feedback_assets.runtime import celery_launcher
from feedback_assets.runtime.celery_launcher import CheckedCeleryRunLauncher
from feedback_assets.runtime.run_launcher import process_tag
from tests.runtime.waiting_worker import launcher as launcher_of
from tests.servers.redis import running_redis
from tests.servers.supervised import wait_until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LIVES, LOST = WorkerStatus.RUNNING, WorkerStatus.NOT_FOUND


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    with running_redis(tmp_path / "redis") as url:
        yield url


@contextmanager
def working(redis: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker with one process; everything is stopped at the end."""
    command = [
        str(Path(sys.executable).with_name("celery")), "--app", "tests.runtime.waiting_worker",
        "worker", "--pool", "prefork", "--concurrency", "1", "--hostname", "one@here",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "CELERY_BROKER_URL": redis, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def begun(
    launcher: CheckedCeleryRunLauncher, seconds: float, state: str, end: Path = Path("/nowhere")
) -> dg.DagsterRun:
    """A run as a task that Celery reports as started; it ends once a file ``end`` exists."""
    task = launcher.celery.send_task("wait", [seconds, str(end)], queue="dagster")
    wait_until(lambda: task.state == state, 240, every=0.1)
    return dg.DagsterRun(job_name="any", tags={DAGSTER_CELERY_TASK_ID_TAG: task.id})


def looks(launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun) -> Callable[..., list[str]]:
    """The results of this many checks: a short timeout if no reply is expected, else a long one."""

    def look(times: int, *, answered: bool = True) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(celery_launcher, "ANSWER_SECONDS", 20.0 if answered else 0.5)
            return [launcher.check_run_worker_health(run).status for _ in range(times)]

    return look


def test_a_run_is_lost_after_three_consecutive_checks_without_its_worker(redis: str) -> None:
    launcher = launcher_of(redis)
    with working(redis) as worker:
        look = looks(launcher, begun(launcher, 600, "STARTED"))
        assert look(4) == [LIVES] * 4
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        assert look(4, answered=False) == [LIVES, LIVES, LOST, LIVES]


def test_a_briefly_unresponsive_worker_keeps_its_run(redis: str) -> None:
    launcher = launcher_of(redis)
    with working(redis) as worker:
        look = looks(launcher, begun(launcher, 600, "STARTED"))
        for _ in range(2):
            os.kill(worker.pid, signal.SIGSTOP)
            assert look(2, answered=False) == [LIVES, LIVES]
            os.kill(worker.pid, signal.SIGCONT)
            # It responds again: earlier misses no longer count.
            wait_until(lambda: launcher.celery.control.inspect(timeout=2).ping(), 240)
            assert look(1) == [LIVES]


def test_a_worker_restarted_under_its_old_name_has_lost_its_run(redis: str) -> None:
    launcher = launcher_of(redis)
    with working(redis):
        look = looks(launcher, begun(launcher, 600, "STARTED"))
    with working(redis):
        wait_until(lambda: launcher.celery.control.inspect(timeout=2).ping(), 240)
        assert look(3) == [LIVES, LIVES, LOST]


def test_a_worker_shutting_down_keeps_the_run_it_waits_for(redis: str, tmp_path: Path) -> None:
    launcher = launcher_of(redis)
    end = tmp_path / "end"
    with working(redis) as worker:
        run = begun(launcher, 600, "STARTED", end)
        os.kill(worker.pid, signal.SIGTERM)
        wait_until(lambda: not launcher.celery.control.inspect(timeout=2).ping(), 240)
        assert looks(launcher, run)(5, answered=False) == [LIVES] * 5
        assert launcher.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG]).state == "STARTED"
        end.touch()
        worker.wait(60)
    with working(redis):
        run = begun(launcher, 600, "STARTED")
    # It came back in between, so its earlier shutdown notice no longer counts.
    assert looks(launcher, run)(3, answered=False) == [LIVES, LIVES, LOST]


def test_a_run_whose_task_ended_early_is_lost(redis: str) -> None:
    launcher = launcher_of(redis)
    with working(redis):
        look = looks(launcher, begun(launcher, 0, "SUCCESS"))
        assert look(3) == [LIVES, LIVES, LOST]


def test_an_unreachable_redis_marks_no_run_as_lost(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as redis:
        launcher = launcher_of(redis)
        with working(redis):
            look = looks(launcher, begun(launcher, 600, "STARTED"))
    assert look(5) == [LIVES] * 5
    with dg.instance_for_test() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(dg.job(name="any")(lambda: None))
        # Dagster's queue treats this as a reason to try later.
        with pytest.raises(DagsterUserCodeUnreachableError, match="Redis does not answer"):
            launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    with running_redis(tmp_path / "redis"):
        assert look(5, answered=False) == [LIVES] * 5, (
            "its worker may not have found Redis again yet"
        )


def test_a_run_without_a_worker_is_checked_by_its_process(redis: str) -> None:
    launcher = launcher_of(redis)
    here = dg.DagsterRun(job_name="any", tags=process_tag())
    assert looks(launcher, here)(4) == [LIVES] * 4
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    host = next(iter(process_tag().values())).split()[0]
    gone = dg.DagsterRun(job_name="any", tags=dict.fromkeys(process_tag(), f"{host} {ended.pid}"))
    assert looks(launcher, gone)(1) == [LOST]


def test_a_run_is_not_launched_without_a_free_worker_slot(
    redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launcher_of(redis)
    with dg.instance_for_test() as instance:
        launcher.register_instance(instance)
        run = instance.create_run_for_job(dg.job(name="any")(lambda: None))
        context = LaunchRunContext(dagster_run=run, workspace=None)

        def refused() -> bool:
            # With a free slot it continues, and fails on the missing origin of the run.
            with pytest.raises((DagsterUserCodeUnreachableError, CheckError)) as found:
                launcher.launch_run(context)
            return "no worker has a place" in str(found.value)

        assert refused()
        with working(redis):
            wait_until(lambda: not refused(), 240)
            begun(launcher, 600, "STARTED")
            # A worker that does not reply in time has no known task either.
            monkeypatch.setattr(celery_launcher, "PLACES_SECONDS", 5.0)
            assert refused()
        assert refused()
