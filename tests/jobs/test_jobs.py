"""The jobs from an operator's view: which exist, their schedules, how to start them."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from feedback_assets.jobs.definitions import operation_jobs
from feedback_assets.privacy.retention import JOB as RETENTION
from feedback_assets.sandbox.server import Sandbox
from tests.conftest import Project
from tests.jobs.launching import launch, op_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
JOBS = {"generate_survey_trackers", "create_submission", "refresh_contact", "check_providers"}


def test_every_job_has_a_description_and_no_schedule(project: Project) -> None:
    repository = project.defs.get_repository_def()
    assert {name for name in repository.job_names if name in JOBS} == JOBS
    for job in operation_jobs(project.settings):
        assert job.description
    for schedule in repository.schedule_defs:
        assert schedule.job_name not in JOBS
    for sensor in repository.sensor_defs:
        assert not {target.job_name for target in sensor.targets} & JOBS


def test_a_provider_that_is_not_loaded_has_no_job(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "thanx,fullwhere")
    assert {job.name for job in operation_jobs(project.settings)} == {
        "generate_survey_trackers",
        "check_providers",
    }
    assert project.defs.get_job_def("check_providers")


def test_check_providers_returns_a_row_for_each_provider(shop: Project) -> None:
    run = launch(shop, "check_providers")
    assert run.success
    rows = [record.data for record in run.metadata["providers"].records]
    assert len(rows) == 5
    assert all(row["configured"] and not row["failed"] for row in rows)


def test_check_providers_fails_with_a_remedy_when_a_configured_provider_fails(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_ACCESS_TOKEN", "wrong-and-secret")
    run = launch(shop, "check_providers")
    assert not run.success
    assert "thanx" in run.failure
    assert "THANX_ACCESS_TOKEN" in run.failure
    assert "thanx: thanx" not in run.failure
    failed = [
        record.data["provider"]
        for record in run.metadata["providers"].records
        if record.data["failed"]
    ]
    assert failed == ["thanx"]
    assert not any("wrong-and-secret" in event for event in run.events)


def test_check_providers_with_nothing_configured_succeeds(project: Project) -> None:
    run = launch(project, "check_providers")
    assert run.success
    assert not any(record.data["configured"] for record in run.metadata["providers"].records)


_STARTS_A_JOB = (".venv/bin/dg launch", ".venv/bin/dagster job")


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(_STARTS_A_JOB)]


def _configs() -> list[dict[str, Any]]:
    found = [
        yaml.safe_load(text)
        for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    ]
    for command in _commands():
        words = shlex.split(command)
        if "--config-json" in words:
            found.append(json.loads(words[words.index("--config-json") + 1]))
    return [config for config in found if isinstance(config, dict) and set(config) == {"ops"}]


def test_every_job_has_a_section_and_every_documented_config_is_valid(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PERSONAL_DATA_DAYS", "730")
    for job in JOBS:
        assert f"## `{job}`" in PAGE
    configs = _configs()
    jobs = {op_of(project, job): job for job in JOBS - {"check_providers"} | {RETENTION}}
    assert {name for config in configs for name in config["ops"]} == set(jobs)
    for config in configs:
        (name,) = config["ops"]
        assert dg.validate_run_config(project.defs.get_job_def(jobs[name]), config)


def test_the_webserver_can_load_the_definitions(project: Project) -> None:
    assert project.defs.get_repository_def().get_all_jobs()


@pytest.mark.slow
def test_every_documented_command_runs(
    shop: Project, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_PERSONAL_DATA_DAYS", "730")
    commands = _commands()
    for command in commands:
        words = shlex.split(command)
        if "-c" in words:
            name = op_of(shop, words[words.index("-j") + 1])
            config = next(config for config in _configs() if name in config["ops"])
            path = tmp_path / "run.yaml"
            path.write_text(_with_existing_key(yaml.safe_dump(config)))
            words[words.index("-c") + 1] = str(path)
        words = [_with_existing_key(word) for word in words]
        words[0] = str(Path(sys.executable).with_name(Path(words[0]).name))
        Path(os.environ["DAGSTER_HOME"]).mkdir(exist_ok=True)
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    sandbox.forget_written()
    assert {shlex.split(command)[0] for command in commands} == {
        ".venv/bin/dg",
        ".venv/bin/dagster",
    }


def _with_existing_key(text: str) -> str:
    """The text with the page's placeholder key replaced by an existing id."""
    return re.sub(r'(key"?: "?)ana@example\.com', r"\1C20001", text)
