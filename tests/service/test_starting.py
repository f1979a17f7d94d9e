"""Starting the UI from a project root: one home, one location name, and the order of settings."""

import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.clone import Clone, clone, free_port
from tests.conftest import YESTERDAY
from tests.servers.supervised import wait_until
from tests.servers.webserver import Asked

pytestmark = pytest.mark.slow

THANX = find_table("thanx.feedbacks")
OVERVIEW = """
{
  shouldShowNux
  repositoriesOrError { ... on RepositoryConnection { nodes {
    location { name }
    schedules { name scheduleState { status } }
    sensors { name sensorState { status } }
  } } }
  assetNodeOrError(assetKey: {path: ["thanx", "feedbacks"]}) { ... on AssetNode {
    partitionKeys
    assetMaterializations { partition }
  } }
  instance {
    runLauncher { name }
    runQueueConfig { maxConcurrentRuns }
    poolConfig { defaultPoolLimit poolGranularity }
    daemonHealth { allDaemonStatuses { required healthy } }
  }
}
"""


@pytest.fixture
def copy(tmp_path: Path) -> Clone:
    return clone(tmp_path)


def on(overview: Any) -> set[str]:
    (repository,) = overview["repositoriesOrError"]["nodes"]
    schedules = [(s["name"], s["scheduleState"]["status"]) for s in repository["schedules"]]
    sensors = [(s["name"], s["sensorState"]["status"]) for s in repository["sensors"]]
    return {name for name, status in schedules + sensors if status == "RUNNING"}


def has_history(overview: Any) -> list[str]:
    found = overview["assetNodeOrError"]["assetMaterializations"]
    return sorted({each["partition"] for each in found})


def read_a_day(served: Asked) -> None:
    served.wait_for_run(served.run([THANX], YESTERDAY, YESTERDAY), 240)


def daemons_are_healthy(served: Asked) -> bool:
    found = served.ask(OVERVIEW)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(each["healthy"] for each in found if each["required"])


def test_dagster_dev_uses_the_home_and_keeps_running_instigators(
    copy: Clone, sandbox: Sandbox
) -> None:
    before = YESTERDAY - timedelta(days=1)
    copy.write_dotenv(sandbox.environment() | {"FEEDBACK_START_DATE": str(before)})
    copy.run(
        *("feedback-assets", "backfill", "--from", str(before), "--to", str(before)),
        *("--select", "key:thanx/feedbacks"),
    )
    # The first version: the location was named after the module.
    with_home = copy.with_environment(DAGSTER_HOME=str(copy.root / "dagster_home"))
    with_home.run(
        "dagster", "schedule", "start", "read_last_days", "-m", "feedback_assets.definitions"
    )

    with copy.serving("dagster", "dev") as served:
        seen = served.ask(OVERVIEW)
        assert [n["location"]["name"] for n in seen["repositoriesOrError"]["nodes"]] == [
            "feedback_assets"
        ]
        assert has_history(seen) == [str(before)]
        assert on(seen) == {"read_last_days"}
        assert not seen["shouldShowNux"]
        assert seen["instance"]["runLauncher"]["name"] == "CheckedRunLauncher"
        assert seen["instance"]["runQueueConfig"] == {"maxConcurrentRuns": 6}
        assert seen["instance"]["poolConfig"] == {
            "defaultPoolLimit": 1,
            "poolGranularity": "run",
        }
        wait_until(lambda: daemons_are_healthy(served), 240)
        read_a_day(served)
        assert has_history(served.ask(OVERVIEW)) == [str(before), str(YESTERDAY)]
    assert not list(copy.root.glob(".tmp_dagster_home_*/history"))


def test_ui_and_its_runs_prefer_the_environment_and_end_on_sigterm(
    copy: Clone, sandbox: Sandbox
) -> None:
    right = sandbox.environment()
    copy.write_dotenv(
        right | {"FEEDBACK_START_DATE": "2024-01-01", "THANX_ACCESS_TOKEN": "of-another"}
    )
    given = copy.with_environment(
        FEEDBACK_START_DATE=str(YESTERDAY), THANX_ACCESS_TOKEN=right["THANX_ACCESS_TOKEN"]
    )
    home = given.root / "dagster_home"
    # An older home has a dagster.yaml without the dialog setting.
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    port = free_port()
    with given.started("feedback-assets", "ui", "--port", str(port)) as process:
        served = Asked(f"http://127.0.0.1:{port}")
        wait_until(lambda: "UI: http" in given.log.read_text() or process.poll() is not None, 240)
        said = given.log.read_text()
        assert f"UI: http://127.0.0.1:{port}\n" in said, said
        assert "Page: " not in said, "there is none yet"
        seen = served.ask(OVERVIEW)
        (repository,) = seen["repositoriesOrError"]["nodes"]
        assert repository["location"]["name"] == "feedback_assets"
        assert seen["assetNodeOrError"]["partitionKeys"] == [str(YESTERDAY)]
        assert not seen["shouldShowNux"]
        read_a_day(served)

        # A second one reports that the port is in use and starts nothing.
        again = given.run("feedback-assets", "ui", "--port", str(port), check=False)
        assert again.returncode == 1
        assert again.stderr.splitlines() == [
            f"port {port} is in use: stop the process that uses it, or choose another with --port"
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        wait_until(lambda: not given.processes(), 120)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert len(instance.get_runs()) == 1


def test_automation_switches_everything_for_every_ui_of_the_home(
    copy: Clone, sandbox: Sandbox
) -> None:
    copy.write_dotenv(sandbox.environment())
    switched = {
        *("read_last_days", "read_all_that_is_restated", "build_what_changed", "name_failed_days"),
        "remove_old_run_logs_weekly",
    }
    result = copy.run("feedback-assets", "automation", "on")
    assert f"No daemon is running for {copy.root}/dagster_home." in result.stdout
    assert "Start it with: feedback-assets ui" in result.stdout
    assert running(copy) == {("feedback_assets", name) for name in switched}

    alerted = copy.with_environment(FEEDBACK_ALERT_URLS="json://localhost:9")
    alerted.run("feedback-assets", "automation", "on")
    assert {name for _, name in running(copy)} == switched | {
        *("alert_on_detractors", "alert_on_failed_runs", "send_weekly_summary")
    }
    status = copy.run("feedback-assets", "automation", "off").stdout
    assert running(copy) == set()
    rows = [line.split("│") for line in status.splitlines() if line.startswith("│")]
    shown = {row[1].strip(): row[2].strip() for row in rows}
    assert {shown[name] for name in switched} == {"off"}


def running(copy: Clone) -> set[tuple[str, str]]:
    with dg.DagsterInstance.from_config(str(copy.root / "dagster_home")) as instance:
        return {
            (state.repository_selector.location_name, state.instigator_name)
            for state in instance.all_instigator_state()
            if state.is_running
        }


def test_dg_scaffolds_checks_lists_and_launches_a_user_definition(
    copy: Clone,
) -> None:
    copy.run("dg", "scaffold", "defs", "dagster.asset", "mine.py")
    assert (copy.root / "feedback_assets" / "defs" / "mine.py").is_file()
    copy.run("dg", "check", "defs")
    listed = json.loads(copy.run("dg", "list", "defs", "--json").stdout)
    keys = {asset["asset_key"] for asset in listed["assets"]}
    assert {"mine", "thanx/feedbacks"} <= keys
    launched = copy.run("dg", "launch", "--assets", "mine")
    assert "RUN_SUCCESS" in launched.stdout + launched.stderr
