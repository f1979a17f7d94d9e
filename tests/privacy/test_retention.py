"""Personal data older than FEEDBACK_PERSONAL_DATA_DAYS: everyone not heard of goes, nobody else."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.privacy.retention import JOB
from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.wicked_reports.tables import CLICKS, CONTACTS, ORDERS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project
from tests.jobs.launching import Launched, launch, op_of
from tests.privacy.test_forget import contact, order, places, put, read, start

DAYS = 100
OLD = YESTERDAY - timedelta(days=DAYS + 1)
LONG_AGO = datetime.combine(OLD, time(9), UTC)
RECENT = YESTERDAY - timedelta(days=DAYS - 2)
LATELY = datetime.combine(RECENT, time(9), UTC)
GONE = {"all": {"ana@", "dee@", "fay@", '"AB-1"', "from ana", "from nobody"}}


@pytest.fixture
def aged(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Ana and Dee are old; Bo clicked, Cy answered, Eve's order is in the quarantine."""
    monkeypatch.setenv("FEEDBACK_PERSONAL_DATA_DAYS", str(DAYS))
    names = ("ana", "bo", "cy", "dee", "eve")
    put(
        project,
        CONTACTS,
        *(
            contact(n, f"{name}@example.com", first_name=name, create_date=LONG_AGO)
            for n, name in enumerate(names, start=1)
        ),
        day=OLD,
    )
    put(project, ORDERS, order(100, "AB-1", date=LONG_AGO), day=OLD)
    given = {"score": 1, "added_on": LONG_AGO}
    put(
        project,
        ORDER_FEEDBACK,
        {"order_no": "100", "comment": "from ana"} | given,
        {"order_no": "999", "comment": "from nobody"} | given,
        day=OLD,
    )
    put(project, CLICKS, {"contact_id": "AB-2", "date": LATELY}, day=RECENT)
    answered = {"id": 1, "customer_email": "CY@example.com", "created_at": LATELY}
    put(project, SUBMISSIONS, answered | {"text_feedback": "Not ana@example.com"}, day=RECENT)
    bad = {"id": "WR-1", "date": "?", "contact": {"id": "AB-5"}}
    set_aside(project.warehouse, ORDERS, [SetAside(RECENT, "date", json.dumps(bad))], LATELY)
    alone = {"id": "AB-6", "email": "fay@example.com", "createDate": "?"}
    set_aside(project.warehouse, CONTACTS, [SetAside(OLD, "x", json.dumps(alone))], LONG_AGO)
    return project


def erase(project: Project, *, dry_run: bool) -> Launched:
    return launch(project, JOB, {"dry_run": dry_run})


def test_everyone_not_heard_of_is_erased_and_nobody_else(aged: Project) -> None:
    before = read(aged)
    run = erase(aged, dry_run=False)
    assert run.success, run.failure
    assert run.metadata["people"] == 4
    assert places(GONE, Path(aged.settings.warehouse)) == {}
    after = read(aged)
    for name, rows in before.items():
        assert len(rows) == len(after[name])
    kept = {row["first_name"] for row in after["wicked_reports.contacts"]}
    assert kept == {None, "bo", "cy", "eve"}
    # They stay erased, and a second run finds nobody.
    again = erase(aged, dry_run=False)
    assert (again.success, again.metadata["people"]) == (True, 0)
    writing = Warehouse(aged.settings.warehouse, aged.settings.erasure_secret)
    assert writing.erased() is not None


def test_each_partition_is_rewritten_once_for_all_of_them(
    aged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    change = Warehouse.change_partition

    def counted(self: Warehouse, table: object, day: object, *arguments: object) -> object:
        written.append((table, day))
        return change(self, table, day, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Warehouse, "change_partition", counted)
    assert erase(aged, dry_run=False).success
    assert len(written) == len(set(written))


def test_a_dry_run_counts_them_and_changes_nothing(aged: Project) -> None:
    before = read(aged)
    run = erase(aged, dry_run=True)
    assert run.success
    assert run.metadata["people"] == 4
    assert run.metadata["rows"] > 0
    assert read(aged) == before
    assert not (Path(aged.settings.warehouse) / "erased").exists()


def test_the_job_and_its_schedule_are_there_where_an_age_is_set_and_off(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert JOB not in project.defs.get_repository_def().job_names
    monkeypatch.setenv("FEEDBACK_PERSONAL_DATA_DAYS", "365")
    repository = project.defs.get_repository_def()
    assert JOB in repository.job_names
    (schedule,) = [one for one in repository.schedule_defs if one.job_name == JOB]
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "0 12 1 * *"


@pytest.mark.slow
def test_runs_that_name_them_are_deleted_by_a_run_of_the_same_instance(
    aged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACKPULSE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "a-key-of-nobody")
    with open_instance(aged.settings) as instance:
        for email in ("ana@example.com", "cy@example.com"):
            somebody = {"campaign_id": 1, "text_feedback": "!", "customer_email": email}
            with pytest.raises(Exception, match="no connection"):
                start(aged, instance, "create_submission", somebody)
        config = {"ops": {op_of(aged, JOB): {"config": {"dry_run": False}}}}
        job = aged.defs.get_job_def(JOB)
        assert job.execute_in_process(run_config=config, instance=instance).success
        names = sorted(run.job_name for run in instance.get_runs() if run.job_name[0] != "_")
    assert names == ["create_submission", JOB]
    home = aged.settings.dagster_home
    assert places(GONE, Path(aged.settings.warehouse), home) == {}
    assert places({"all": {"cy@example.com"}}, home)
