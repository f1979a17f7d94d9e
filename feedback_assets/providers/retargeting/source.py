"""Retargeting: its settings, how its feedback is asked for, and its answers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from feedback_assets.providers.answers import Answers
from feedback_assets.providers.provider import Argument, Feed, Provider, Source
from feedback_assets.providers.retargeting import tables
from feedback_assets.providers.retargeting.reviews import split_reviews
from feedback_assets.schema.table import SAME_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedback_assets.http.paging import Page
    from feedback_assets.providers.retargeting.client import Retargeting


def _client(**arguments: Any) -> Retargeting:
    from feedback_assets.providers.retargeting.client import Retargeting

    return Retargeting(**arguments)


def _feedback(client: Retargeting, _first: date, _last: date) -> Iterator[Page]:
    # Always whole: `t` is undocumented as to which field it compares, and a review may be a
    # year younger than the feedback it comes with.
    return client.feedback()


def _reshape(records: bytes) -> dict[str, Page]:
    feedback, reviews = split_reviews(records)
    return {
        tables.ORDER_FEEDBACK.full_name: feedback,
        tables.PRODUCT_REVIEWS.full_name: reviews,
    }


def _news(client: Retargeting, since: datetime) -> Iterator[Page]:
    return client.feedback(since)


PROVIDER = Provider(
    name=tables.PROVIDER,
    title="Retargeting",
    client=_client,
    arguments=(
        Argument("rest_key", "secret", "query `k`", needed=True),
        Argument("customer_id", "secret", "query `u`", needed=True),
        Argument("url", "url", default="https://api.retargeting.app/v1"),
        Argument("timezone", "zone", "zone of its time stamps, which carry none", default="UTC"),
    ),
    found='In the account under Settings → Integration: "REST API Key" is the second field, '
    '"Customer ID" the third.',
    # It tells neither what changed nor when, and serves its whole list anyway.
    sources=(Source(tables.TABLES, _feedback, reshape=_reshape, whole_list=True, restated=True),),
    answers=Answers(
        package=__package__,
        columns={
            "provider_feedback_id": ("order_feedback.order_no", "order_feedback.added_on"),
            "responded_at": ("order_feedback.added_on",),
            "score": ("order_feedback.score",),
            "comment": ("order_feedback.comment",),
            "order_ref": ("order_feedback.order_no",),
            "purchased_at": ("order_feedback.order",),
        },
        depends={"order_feedback": SAME_DAY},
    ),
    # By the second, but stamps without a zone may be compared as they stand.
    feed=Feed(tables.ORDER_FEEDBACK, _news, timedelta(hours=26), ("added_on",)),
)
