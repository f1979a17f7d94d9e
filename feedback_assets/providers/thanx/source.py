"""Thanx: its settings, how its feedback is asked for, and which of it are answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from feedback_assets.providers.answers import Answers
from feedback_assets.providers.provider import Argument, Feed, Provider, Source
from feedback_assets.providers.thanx import tables
from feedback_assets.schema.table import MATCH_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedback_assets.http.paging import Page
    from feedback_assets.providers.thanx.client import Thanx

_ANSWERED = ("rated", "reviewed", "responded")


def _client(**arguments: Any) -> Thanx:
    from feedback_assets.providers.thanx.client import Thanx

    return Thanx(**arguments)


def _feedbacks(client: Thanx, first: date, _last: date) -> Iterator[Page]:
    # A record cannot have been updated before its purchase; there is no upper end to ask for.
    return client.all_feedbacks(datetime.combine(first, time.min, UTC))


def _news(client: Thanx, since: datetime) -> Iterator[Page]:
    return client.partner_feedbacks(client.merchant_id or "", since, _ANSWERED)


PROVIDER = Provider(
    name=tables.PROVIDER,
    title="Thanx",
    client=_client,
    arguments=(
        Argument("access_token", "secret", "bearer token", needed=True),
        Argument(
            "merchant_id",
            "text",
            "set: the merchant's feedback, paged; not set: that of the token's user",
        ),
        Argument("client_id", "secret", "header `X-ClientId`, sent when set"),
        Argument("url", "url", default="https://api.thanx.com"),
    ),
    found="Ask Thanx for API access: they issue token, client id and merchant id; a merchant "
    "sets THANX_MERCHANT_ID too.",
    sources=(Source((tables.FEEDBACKS,), _feedbacks, whole_list=True),),
    answers=Answers(
        package=__package__,
        columns={
            "provider_feedback_id": ("feedbacks.id",),
            "responded_at": (
                "feedbacks.rated_at",
                "feedbacks.reviewed_at",
                "feedbacks.responded_at",
                "feedbacks.purchased_at",
            ),
            "score": ("feedbacks.rating",),
            "comment": ("feedbacks.review",),
            "reply": ("feedbacks.response",),
            "replied_at": ("feedbacks.responded_at",),
            "status": ("feedbacks.state",),
            "order_ref": ("feedbacks.purchase",),
            "purchase_ref": ("feedbacks.purchase",),
            "customer_ref": ("feedbacks.user_id",),
            "location_ref": ("feedbacks.location_id",),
            "purchased_at": ("feedbacks.purchased_at",),
            "purchase_amount": ("feedbacks.purchase",),
        },
        depends={"feedbacks": MATCH_WINDOW},
    ),
    # By the second and of the provider's clock: an hour is for a clock that differs. A merchant's
    # news, not a single user's.
    feed=Feed(
        tables.FEEDBACKS, _news, timedelta(hours=1), ("rating", "review"), needs="merchant_id"
    ),
)
