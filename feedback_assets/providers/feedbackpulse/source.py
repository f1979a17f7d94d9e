"""FeedbackPulse: its settings, how its submissions are asked for, and its answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from feedback_assets.providers.answers import Answers
from feedback_assets.providers.feedbackpulse import tables
from feedback_assets.providers.provider import Argument, Feed, Provider, Source
from feedback_assets.schema.table import SAME_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedback_assets.http.paging import Page
    from feedback_assets.providers.feedbackpulse.client import FeedbackPulse


def _client(**arguments: Any) -> FeedbackPulse:
    from feedback_assets.providers.feedbackpulse.client import FeedbackPulse

    return FeedbackPulse(**arguments)


def _news(client: FeedbackPulse, since: datetime) -> Iterator[Page]:
    return client.submissions(since.date())


PROVIDER = Provider(
    name=tables.PROVIDER,
    title="FeedbackPulse",
    client=_client,
    arguments=(
        Argument("url", "url", "root of the installation; `/api/v2` is added", needed=True),
        Argument("api_key", "secret", "bearer token", needed=True),
        Argument("requests_per_minute", "rate", default=60),
    ),
    found="FEEDBACKPULSE_URL is the address of your installation, and its administrator has the "
    "key.",
    sources=(
        Source(
            (tables.SUBMISSIONS,),
            lambda client, first, last: client.submissions(first, last),
        ),
    ),
    answers=Answers(
        package=__package__,
        columns={
            "provider_feedback_id": ("submissions.id",),
            "responded_at": ("submissions.created_at",),
            "score": ("submissions.nps_score",),
            "stars": ("submissions.star_rating",),
            "comment": ("submissions.text_feedback",),
            "reply": ("submissions.admin_reply",),
            "status": ("submissions.status",),
            "is_spam": ("submissions.status",),
            "sentiment_score": ("submissions.sentiment_score",),
            "sentiment_label": ("submissions.sentiment_label",),
            "customer_email": ("submissions.customer_email",),
            "product_ref": ("submissions.product_id",),
            "survey_ref": ("submissions.campaign_id",),
        },
        depends={"submissions": SAME_DAY},
    ),
    # By the day, of an undocumented zone.
    feed=Feed(tables.SUBMISSIONS, _news, timedelta(days=1), ("id",)),
)
