"""One name of the code location for every way to start, and what an upgrade carries over to it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._cli.workspace.cli_target import PyProjectFileTarget
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_dg_core.context import DgContext

from feedback_assets.runtime.event_log import HeldOpenEventLogStorage
from feedback_assets.service.location import LOCATION, MODULE, carry_over
from feedback_assets.service.programs import place
from feedback_assets.settings import PROJECT_ROOT, load_settings
from tests.deploy.kubernetes import values

ROOT = Path(__file__).parents[2]
SERVED = "dg dev"
ON, OFF = InstigatorStatus.RUNNING, InstigatorStatus.STOPPED


def names(origins: Any) -> list[str]:
    return [origin.location_name for origin in origins]


def test_every_way_to_start_gives_the_location_the_same_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert names(PyProjectFileTarget("pyproject.toml").create_origins()) == [LOCATION]
    files = [ROOT / "workspace.yaml", *(ROOT / "deploy").glob("*/workspace.yaml")]
    monkeypatch.setenv("CODE_SERVER_SOCKET", "/tmp/socket")
    for file in files:
        assert names(WorkspaceFileTarget([str(file)]).create_origins()) == [LOCATION], file
    dg_context = DgContext.for_project_environment(ROOT, {})
    assert dg_context.code_location_name == LOCATION
    (deployment,) = values()["dagster-user-deployments"]["deployments"]
    (server,) = values()["dagsterWebserver"]["workspace"]["servers"]
    assert server == {"host": deployment["name"], "port": deployment["port"], "name": LOCATION}
    with place(load_settings(), {}) as there:
        assert names(WorkspaceFileTarget([there.workspace]).create_origins()) == [LOCATION]


def test_without_dagster_home_dagster_dev_reads_the_settings_of_dagster_home() -> None:
    of_root = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    of_home = yaml.safe_load((ROOT / "dagster_home" / "dagster.yaml").read_text())
    added = {
        "run_storage": "dagster_home/history",
        "schedule_storage": "dagster_home/schedules",
        "local_artifact_storage": "dagster_home",
        "compute_logs": "dagster_home/storage",
    }
    assert {name: of_root.pop(name)["config"]["base_dir"] for name in added} == added
    events = of_root["event_log_storage"].pop("config")
    assert events == {"base_dir": "dagster_home/history/runs"}
    assert of_root == of_home


def test_without_dagster_home_everything_lies_where_it_does_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, HeldOpenEventLogStorage)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.db")}
    assert made == {
        "dagster_home/history/runs.db",
        "dagster_home/history/runs/index.db",
        "dagster_home/schedules/schedules.db",
    }


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster_home"
    home.mkdir()
    with dg.DagsterInstance.from_config(str(home)) as found:
        yield found


def state(
    location: str,
    name: str,
    status: InstigatorStatus,
    data: ScheduleInstigatorData | SensorInstigatorData,
    origin: CodeLocationOrigin | None = None,
) -> InstigatorState:
    origin = origin or ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name=MODULE), location_name=location
    )
    kind = (
        InstigatorType.SCHEDULE
        if isinstance(data, ScheduleInstigatorData)
        else InstigatorType.SENSOR
    )
    return InstigatorState(
        RemoteInstigatorOrigin(RemoteRepositoryOrigin(origin, "__repository__"), name),
        kind,
        status,
        data,
    )


def found(instance: dg.DagsterInstance) -> dict[tuple[str, str], InstigatorState]:
    return {
        (each.repository_selector.location_name, each.instigator_name): each
        for each in instance.all_instigator_state()
    }


SCHEDULE = ScheduleInstigatorData("0 6 * * *", start_timestamp=1_000_000.0)


@pytest.mark.parametrize("served", [False, True], ids=["dagster dev", "behind a socket"])
def test_what_was_on_is_on_under_the_new_name_and_what_was_off_is_not(
    instance: dg.DagsterInstance, served: bool
) -> None:
    origin = GrpcServerCodeLocationOrigin("localhost", socket="/s", location_name=MODULE)
    where = origin if served else None
    cursor = SensorInstigatorData(cursor="told: 3")
    instance.add_instigator_state(state(MODULE, "read_last_days", ON, SCHEDULE, where))
    instance.add_instigator_state(state(MODULE, "alert_on_detractors", ON, cursor, where))
    instance.add_instigator_state(state(MODULE, "build_what_changed", OFF, cursor, where))
    assert carry_over(instance) == ["alert_on_detractors", "read_last_days"]
    after = found(instance)
    assert after[LOCATION, "read_last_days"].status == ON
    assert after[LOCATION, "read_last_days"].instigator_data == SCHEDULE
    assert after[LOCATION, "alert_on_detractors"].instigator_data == cursor
    assert (LOCATION, "build_what_changed") not in after
    # The daemon warns of what is on in a location that is gone.
    assert after[MODULE, "read_last_days"].status == OFF
    assert carry_over(instance) == []


def test_what_was_switched_under_the_new_name_stays_as_it_is(instance: dg.DagsterInstance) -> None:
    instance.add_instigator_state(state(PROJECT_ROOT.name, "read_last_days", ON, SCHEDULE))
    instance.add_instigator_state(state(LOCATION, "read_last_days", OFF, SCHEDULE))
    assert carry_over(instance) == []
    assert found(instance)[LOCATION, "read_last_days"].status == OFF


def test_a_schedule_of_somebody_else_s_location_is_left_alone(instance: dg.DagsterInstance) -> None:
    instance.add_instigator_state(state("another_project", "read_last_days", ON, SCHEDULE))
    assert carry_over(instance) == []
    assert set(found(instance)) == {("another_project", "read_last_days")}
    assert found(instance)["another_project", "read_last_days"].status == ON


def test_a_schedule_goes_on_after_its_last_tick_and_makes_up_for_none_before_it(
    instance: dg.DagsterInstance,
) -> None:
    earlier = state(MODULE, "read_last_days", ON, SCHEDULE)
    instance.add_instigator_state(earlier)
    instance.create_tick(
        TickData(
            earlier.instigator_origin_id,
            "read_last_days",
            InstigatorType.SCHEDULE,
            TickStatus.SUCCESS,
            timestamp=2_000_000.0,
            run_ids=[],
            selector_id=earlier.selector_id,
        )
    )
    carry_over(instance)
    data = found(instance)[LOCATION, "read_last_days"].instigator_data
    assert isinstance(data, ScheduleInstigatorData)
    assert data.start_timestamp == 2_000_001.0


@pytest.mark.parametrize("checkout", [False, True], ids=["installed", "in a checkout"])
def test_programs_get_the_environment_before_dotenv_and_start_where_there_is_no_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkout: bool
) -> None:
    if checkout:
        (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".env").write_text(
        # pragma: allowlist nextline secret
        "FEEDBACK_START_DATE=2025-01-01\nFEEDBACK_MATCH_DAYS=7\nPGPORT=5433\n"
    )
    monkeypatch.setenv("FEEDBACK_START_DATE", "2026-01-01")
    for name in ("FEEDBACK_MATCH_DAYS", "PGPORT"):
        # Removed when the test ends, since load_settings adds them to the environment.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    given = dict(os.environ)
    with place(load_settings(), given) as there:
        assert there.environment["FEEDBACK_START_DATE"] == "2026-01-01"
        assert there.environment["PGPORT"] == "5433"
        # The code server of a checkout reads the others from .env, again at each reload.
        assert there.environment.get("FEEDBACK_MATCH_DAYS") == (None if checkout else "7")
        assert there.environment["DAGSTER_HOME"] == str(tmp_path / "dagster_home")
        assert not (there.directory / ".env").exists()
    assert not there.directory.exists()


KILLED = """
import os
import shutil
import subprocess
import sys
from feedback_assets.service.programs import place
from feedback_assets.settings import load_settings
with place(load_settings(), {}) as there:
    print(there.workspace)
    if os.environ.get("KILLED"):
        os.kill(os.getpid(), 9)
"""


def test_the_directory_of_a_program_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir(mode=0o700)
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-c", KILLED]
    subprocess.run(command, env=environment | {"KILLED": "1"}, check=False)
    assert len(list(temporary.rglob("workspace.yaml"))) == 1
    subprocess.run(command, env=environment, check=True)
    assert list(temporary.rglob("workspace.yaml")) == []
