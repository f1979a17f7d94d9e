"""Creates one submission in FeedbackPulse: its fields, and the provider's response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback_assets.providers.feedbackpulse.client import FeedbackPulse


@dataclass(frozen=True)
class Submission:
    """A customer's statement; names and text are personal, so ``repr`` omits them."""

    campaign_id: int
    star_rating: int | None = None
    nps_score: int | None = None
    text_feedback: str | None = field(default=None, repr=False)
    customer_name: str | None = field(default=None, repr=False)
    customer_email: str | None = field(default=None, repr=False)
    survey_responses: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Created:
    """The submission as returned by FeedbackPulse; ``None`` for missing fields."""

    submission_id: int | None
    status: str | None
    created_at: str | None


def create_submission(client: FeedbackPulse, submission: Submission) -> Created:
    """Create it, once: the client validates it, and never repeats what may have succeeded.

    Raises ``InvalidRequest`` before anything is sent, ``PermanentError`` if it was rejected or may
    have been created, ``TransientError`` only if no connection was established.
    """
    answered = client.create(**vars(submission))
    number, status, created_at = (answered.get(name) for name in ("id", "status", "created_at"))
    return Created(
        number if isinstance(number, int) else None,
        status if isinstance(status, str) else None,
        created_at if isinstance(created_at, str) else None,
    )
