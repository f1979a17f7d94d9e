"""Client of FeedbackPulse ("API de Envios"): lists, reads and creates submissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from feedback_assets.http import envelopes
from feedback_assets.http.advice import Advice
from feedback_assets.http.client import Client
from feedback_assets.http.credentials import checked_credentials
from feedback_assets.http.errors import CredentialsMissing
from feedback_assets.http.paging import Listing, Page, Reply, read_pages
from feedback_assets.http.quota import Allowance, Quota, QuotaPlace
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import HttpClient
from feedback_assets.http.transport import HeaderAuth

PER_PAGE = 100
"""Rows per page, the documented maximum."""

STATUSES = ("pending", "approved", "resolved", "spam")
_API = "/api/v2"


class FeedbackPulse(Client):
    """Reads and creates submissions of one installation; source: the provider's "API de Envios".

    Lists are generators of `Page` whose records are the objects under `data`. All methods raise
    `PermanentError` or `TransientError`; lists raise `RowsMissing` after their last page.
    """

    PROVIDER = "feedbackpulse"

    def __init__(
        self,
        *,
        url: str | None,
        api_key: str | None,
        requests_per_minute: int = 60,
        quota_in: QuotaPlace = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        wanted = {"FEEDBACKPULSE_URL": url, "FEEDBACKPULSE_API_KEY": api_key}
        missing = tuple(name for name, value in wanted.items() if not (value or "").strip())
        if missing:
            raise CredentialsMissing(self.PROVIDER, missing)
        given = checked_credentials(self.PROVIDER, {"FEEDBACKPULSE_API_KEY": api_key}, {})
        secret = given["FEEDBACKPULSE_API_KEY"]
        root = (url or "").strip().rstrip("/")
        http = HttpClient(
            self.PROVIDER,
            root if root.endswith(_API) else root + _API,
            HeaderAuth({"Authorization": f"Bearer {secret}"}),
            Quota(self.PROVIDER, Allowance(requests_per_minute, 60), kept_in=quota_in),
            advice=Advice(
                url="FEEDBACKPULSE_URL",
                credentials=("FEEDBACKPULSE_API_KEY",),
                rate="FEEDBACKPULSE_REQUESTS_PER_MINUTE",
            ),
            secrets=(secret,),
            retry=retry,
        )
        super().__init__(http)

    def submissions(
        self,
        first: date | None = None,
        last: date | None = None,
        status: str | None = None,
        campaign_id: int | None = None,
        product_id: int | None = None,
    ) -> Iterator[Page]:
        """Submissions from `first` to `last` (None: open), of one status, campaign or product.

        The order of the list is undocumented, so rows may move while it is read.
        """
        endpoint = "GET /submissions"
        if first is not None and last is not None and first > last:
            raise self._http.invalid(endpoint, f"{first} is after {last}", "swap the two days")
        if status is not None and status not in STATUSES:
            advice = f"choose from {', '.join(STATUSES)}"
            raise self._http.invalid(endpoint, f"no such status: {status}", advice)
        filters = {
            "from": first.isoformat() if first else None,
            "to": last.isoformat() if last else None,
            "status": status,
            "campaign_id": campaign_id,
            "product_id": product_id,
        }
        named = {name: value for name, value in filters.items() if value is not None}

        def ask(number: int, _key: str | None) -> Reply:
            params = {"page": number, "per_page": PER_PAGE, **named}
            return _reply(self._http, endpoint, self._http.get("/submissions", params))

        return read_pages(Listing(self.PROVIDER, endpoint, limit=PER_PAGE), ask)

    def submission(self, submission_id: int) -> dict[str, Any]:
        """One submission by its id."""
        endpoint = "/submissions/{id}"
        body = self._http.get(f"/submissions/{int(submission_id)}", endpoint=endpoint)
        return envelopes.record(self._http, f"GET {endpoint}", body, "data")

    def create(
        self,
        *,
        campaign_id: int,
        star_rating: int | None = None,
        nps_score: int | None = None,
        text_feedback: str | None = None,
        customer_name: str | None = None,
        customer_email: str | None = None,
        survey_responses: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Create a submission and return the provider's version of it. This writes.

        Validated before it is sent (`InvalidRequest`): a campaign, 1 to 5 stars, NPS 0 to 10, and
        at least a rating, a score, a text or survey answers. Sent once: if it may have arrived, it
        is not sent again, and the error is permanent.
        """
        endpoint = "POST /submissions"
        self._check_whole(endpoint, "campaign_id", campaign_id, 1, None)
        if star_rating is not None:
            self._check_whole(endpoint, "star_rating", star_rating, 1, 5)
        if nps_score is not None:
            self._check_whole(endpoint, "nps_score", nps_score, 0, 10)
        said = (text_feedback or "").strip() or survey_responses
        if star_rating is None and nps_score is None and not said:
            raise self._http.invalid(
                endpoint,
                "the submission is empty",
                "give star_rating, nps_score, text_feedback or survey_responses",
            )
        values = {
            "campaign_id": campaign_id,
            "star_rating": star_rating,
            "nps_score": nps_score,
            "text_feedback": text_feedback,
            "customer_name": customer_name,
            "customer_email": customer_email,
            "survey_responses": dict(survey_responses) if survey_responses else None,
        }
        payload = {name: value for name, value in values.items() if value is not None}
        body = self._http.post("/submissions", payload, reads=False)
        return envelopes.record(self._http, endpoint, body, "data")

    def ping(self) -> None:
        """The cheapest authorised read: a page of one submission."""
        body = self._http.get("/submissions", {"page": 1, "per_page": 1})
        _reply(self._http, "GET /submissions", body)

    def _check_whole(
        self, endpoint: str, name: str, value: object, least: int, most: int | None
    ) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and value >= least and (most is None or value <= most):  # type: ignore[operator]
            return
        bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise self._http.invalid(
            endpoint, f"{name} is {value!r}", f"{name} must be a whole number {bounds}"
        )


def _reply(client: HttpClient, endpoint: str, body: bytes) -> Reply:
    found = envelopes.fields(client, endpoint, body, "an object with data")
    records = envelopes.array(client, endpoint, found, "data")
    meta: dict[str, msgspec.Raw] = envelopes.nested(found, "meta")
    return Reply(
        records=records,
        page=envelopes.number(meta.get("current_page")),
        pages=envelopes.number(meta.get("last_page")),
        total=envelopes.number(meta.get("total")),
        size=envelopes.number(meta.get("per_page")),
    )
