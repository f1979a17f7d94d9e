"""A submission is validated, sent once, and reported."""

import dagster as dg
import pytest

from feedback_assets.providers.feedbackpulse.client import FeedbackPulse
from feedback_assets.sandbox import credentials
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from tests.conftest import Project
from tests.jobs.launching import launch, op_of

JOB = "create_submission"
SENT = ("feedbackpulse", "create_submission")


def test_a_submission_matches_its_config_and_outputs_its_id_and_status(
    shop: Project, sandbox: Sandbox
) -> None:
    given = {
        "campaign_id": 1,
        "star_rating": 4,
        "nps_score": 0,
        "text_feedback": "zu spät",
        "customer_name": "Ana",
        "customer_email": "ana@example.com",
        "survey_responses": {"where": "shop", "again": [1, 2]},
    }
    try:
        run = launch(shop, JOB, given)
        assert run.success
        assert run.metadata["status"] == "pending"
        with FeedbackPulse(
            url=sandbox.environment()["FEEDBACKPULSE_URL"],
            api_key=credentials.FEEDBACKPULSE_API_KEY,
        ) as client:
            made = client.submission(run.metadata["submission_id"])
    finally:
        sandbox.forget_written()
    assert {name: made[name] for name in given if name != "survey_responses"} == {
        name: value for name, value in given.items() if name != "survey_responses"
    }
    assert sandbox.requests[SENT] == 1
    assert not any("ana@example.com" in event or "zu spät" in event for event in run.events)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"campaign_id": 1, "nps_score": 11}, "nps_score"),
        ({"campaign_id": 1, "star_rating": 0}, "star_rating"),
        ({"campaign_id": 0, "nps_score": 9}, "campaign_id"),
        ({"campaign_id": 1, "customer_name": "Ana"}, "is empty"),
    ],
)
def test_an_invalid_submission_is_rejected_before_any_request(
    shop: Project, sandbox: Sandbox, config: dict[str, object], words: str
) -> None:
    run = launch(shop, JOB, config)
    assert not run.success
    assert words in run.failure
    assert sum(sandbox.requests.values()) == 0


@pytest.mark.parametrize("config", [{}, {"campaign_id": "one"}, {"campaign_id": 1, "score": 9}])
def test_a_config_with_wrong_fields_or_types_does_not_start(
    shop: Project, config: dict[str, object]
) -> None:
    op = op_of(shop, JOB)
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(shop.defs.get_job_def(JOB), {"ops": {op: {"config": config}}})


def test_a_submission_that_may_have_landed_is_never_resent(shop: Project, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"feedbackpulse"})))
    run = launch(shop, JOB, {"campaign_id": 1, "nps_score": 9})
    assert not run.success
    assert not run.retried
    assert "may have been processed" in run.failure
    assert sum(sandbox.requests.values()) == 1
    job = shop.defs.get_job_def(JOB)
    # Run retries of the instance do not resend it either.
    assert job.tags["dagster/max_retries"] == "0"
    assert all(node.definition.retry_policy is None for node in job.nodes)  # type: ignore[attr-defined]


def test_without_credentials_the_error_names_the_variables_to_set(project: Project) -> None:
    run = launch(project, JOB, {"campaign_id": 1, "nps_score": 9})
    assert not run.success
    assert "FEEDBACKPULSE_URL" in run.failure
    assert "FEEDBACKPULSE_API_KEY" in run.failure
