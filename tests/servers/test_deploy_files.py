"""Values repeated in several files of ``deploy/`` agree; variables are explained."""

import configparser
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback_assets.runtime.event_batches import SIZE, VARIABLE
from feedback_assets.settings import variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def instance(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


ONE_MACHINE = instance(ROOT / "dagster_home" / "dagster.yaml")
SERVER = instance(DEPLOY / "server" / "dagster.yaml")
CLUSTER = instance(DEPLOY / "cluster" / "dagster.yaml")


def test_a_server_differs_from_a_laptop_only_in_storage() -> None:
    differing = {name for name in SERVER | ONE_MACHINE if SERVER.get(name) != ONE_MACHINE.get(name)}
    assert differing == {"storage", "event_log_storage"}
    # Another driver breaks runs at their first NOTIFY.
    assert SERVER["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"


def test_a_cluster_differs_from_a_server_only_where_its_file_explains_it() -> None:
    differing = {name for name in CLUSTER | SERVER if CLUSTER.get(name) != SERVER.get(name)}
    assert differing == {
        *("compute_logs", "run_launcher", "concurrency", "run_monitoring", "run_queue")
    }
    assert CLUSTER["concurrency"]["pools"] == SERVER["concurrency"]["pools"]
    assert SERVER["run_queue"].keys() - CLUSTER["run_queue"].keys() == {
        "dequeue_use_threads",
        "dequeue_num_workers",
    }
    quicker = {"poll_interval_seconds": 30, "start_timeout_seconds": 300}
    assert CLUSTER["run_monitoring"] | quicker == SERVER["run_monitoring"]


def test_all_dagster_packages_are_from_one_release() -> None:
    # With another version, pip silently installs one that is years old.
    core = version("dagster").removeprefix("1.13.")
    for package in ("dagster-postgres", "dagster-celery"):
        assert version(package) == f"0.29.{core}"


def programs(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=None)
    parser.read(path)
    return {
        name.removeprefix("program:"): dict(parser[name])
        for name in parser.sections()
        if name.startswith("program:")
    }


@pytest.mark.parametrize("name", ["server/supervisord.conf", "cluster/worker.conf"])
def test_every_program_is_restarted_and_ends_with_its_children(name: str) -> None:
    for program in programs(DEPLOY / name).values():
        assert program["autorestart"] == "true"
        assert program["killasgroup"] == "true"
        assert int(program["stopwaitsecs"]) > 0


@pytest.mark.parametrize(
    "name",
    ["server/supervisord.conf", "cluster/worker.conf", "compose/compose.yaml", "image/Dockerfile"],
)
def test_every_deployment_stores_events_in_batches_of_the_same_size(name: str) -> None:
    # Pods of deploy/kubernetes have the environment of the image.
    text = (DEPLOY / name).read_text()
    assert re.findall(rf'{VARIABLE}[=:] ?"?(\d+)', text) == [str(SIZE)]


def test_the_supervisor_waits_for_runs_as_long_as_the_unit_waits_for_it() -> None:
    unit = (DEPLOY / "server" / "feedback-assets.service").read_text()
    found = re.search(r"TimeoutStopSec=(\d+)", unit)
    assert found
    for name in ("server/supervisord.conf", "cluster/worker.conf"):
        # Groups are stopped one after the other.
        waits = [int(each["stopwaitsecs"]) for each in programs(DEPLOY / name).values()]
        assert sum(waits) < int(found[1])


@pytest.mark.parametrize("kind", ["server", "cluster"])
def test_the_environment_file_has_every_variable_of_the_files(kind: str) -> None:
    used = {
        name
        for path in (DEPLOY / kind).iterdir()
        if path.suffix in (".conf", ".yaml")
        for name in re.findall(r"ENV_([A-Z_]+)|env: ([A-Z_]+)", path.read_text())
        for name in name
        if name
    }
    text = (DEPLOY / kind / "feedback-assets.env").read_text()
    assert used <= set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
    ours = variables()
    assert "DAGSTER_HOME" in used & ours
