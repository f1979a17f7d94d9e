"""Adding one submission to FeedbackPulse: what can be said, and what the provider made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback_assets.providers.feedbackpulse.client import FeedbackPulse


@dataclass(frozen=True)
class Submission:
    """What somebody said; names and text are personal, so they are in no ``repr``."""

    campaign_id: int
    star_rating: int | None = None
    nps_score: int | None = None
    text_feedback: str | None = field(default=None, repr=False)
    customer_name: str | None = field(default=None, repr=False)
    customer_email: str | None = field(default=None, repr=False)
    survey_responses: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Created:
    """The submission as FeedbackPulse answered it; ``None`` for what the answer does not say."""

    submission_id: int | None
    status: str | None
    created_at: str | None


def create_submission(client: FeedbackPulse, submission: Submission) -> Created:
    """Add it, once: the client checks it first, and sends nothing again that may have landed.

    Raises ``InvalidRequest`` before anything is sent, ``PermanentError`` where it was refused or
    may have landed, ``TransientError`` only where no connection came about.
    """
    answered = client.create(
        campaign_id=submission.campaign_id,
        star_rating=submission.star_rating,
        nps_score=submission.nps_score,
        text_feedback=submission.text_feedback,
        customer_name=submission.customer_name,
        customer_email=submission.customer_email,
        survey_responses=submission.survey_responses,
    )
    number, status, created_at = (answered.get(name) for name in ("id", "status", "created_at"))
    return Created(
        number if isinstance(number, int) else None,
        status if isinstance(status, str) else None,
        created_at if isinstance(created_at, str) else None,
    )
