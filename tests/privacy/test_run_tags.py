"""A number in a run's technical tags is not the person's id."""

from datetime import timedelta

import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from feedback_assets.providers.wicked_reports.tables import CONTACTS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.run_launcher import PROCESS_TAG
from tests.conftest import Project
from tests.privacy.test_forget import DAY, EMAIL, contact, put

ID = "48213"


@pytest.mark.parametrize(
    ("tag", "deleted"),
    [
        (PROCESS_TAG, 0),
        ("dagster/attempt", 0),
        (".dagster/grpc_info", 0),
        ("customer", 1),
        (f"{PROCESS_TAG}_of_customer", 1),
    ],
)
def test_a_run_is_deleted_only_for_an_id_in_a_tag_of_a_user(
    project: Project, tag: str, deleted: int
) -> None:
    theirs = contact(1, EMAIL, source_id=ID)
    put(project, CONTACTS, theirs, day=DAY - timedelta(days=1))
    with open_instance(project.settings) as instance:
        run = create_run_for_test(
            instance,
            job_name="__ASSET_JOB",
            status=DagsterRunStatus.SUCCESS,
            tags={tag: f"host {ID}"},
        )
    to = project.home / "export"
    assert project.run("export", EMAIL, "--to", str(to)).exit_code == 0
    assert (to / "runs.jsonl").exists() == bool(deleted)
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    with open_instance(project.settings) as instance:
        assert instance.has_run(run.run_id) is not bool(deleted)
