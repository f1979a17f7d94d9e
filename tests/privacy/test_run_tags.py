"""A number in a run's technical tags is not the person's id."""

from datetime import timedelta

from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from feedback_assets.providers.wicked_reports.tables import CONTACTS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.run_launcher import PROCESS_TAG
from tests.conftest import Project
from tests.privacy.test_forget import DAY, EMAIL, contact, put

ID = "48213"


TECHNICAL = (PROCESS_TAG, "dagster/attempt", ".dagster/grpc_info")
OF_A_USER = ("customer", f"{PROCESS_TAG}_of_customer")


def test_a_run_is_deleted_only_for_an_id_in_a_tag_of_a_user(project: Project) -> None:
    theirs = contact(1, EMAIL, source_id=ID)
    put(project, CONTACTS, theirs, day=DAY - timedelta(days=1))
    with open_instance(project.settings) as instance:
        runs = {
            tag: create_run_for_test(
                instance,
                job_name="__ASSET_JOB",
                status=DagsterRunStatus.SUCCESS,
                tags={tag: f"host {ID}"},
            ).run_id
            for tag in TECHNICAL + OF_A_USER
        }
    to = project.home / "export"
    assert project.run("export", EMAIL, "--to", str(to)).exit_code == 0
    exported = (to / "runs.jsonl").read_text()
    assert {tag for tag, run in runs.items() if run in exported} == set(OF_A_USER)
    result = project.run("forget", EMAIL)
    assert result.exit_code == 0, result.output
    with open_instance(project.settings) as instance:
        assert {tag for tag, run in runs.items() if instance.has_run(run)} == set(TECHNICAL)
