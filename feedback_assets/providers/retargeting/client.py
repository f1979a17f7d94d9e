"""Client of Retargeting's feedback endpoint: answers on orders with their product reviews."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from feedback_assets.http import envelopes
from feedback_assets.http.advice import Advice
from feedback_assets.http.client import Client
from feedback_assets.http.credentials import checked_credentials
from feedback_assets.http.paging import Page
from feedback_assets.http.quota import Allowance, Quota, QuotaPlace
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import Body, HttpClient
from feedback_assets.http.transport import QueryAuth

PATH = "/email-campaigns/json-feedback"

REQUESTS_PER_MINUTE = 60
"""No limit is documented, and one request returns the whole list."""

_KEY, _CUSTOMER = "RETARGETING_REST_KEY", "RETARGETING_CUSTOMER_ID"


class Retargeting(Client):
    """Reads Retargeting; source: the provider's document "Feedback".

    Its credentials are sent in the query, added only when a request is prepared, and its errors are
    in the body whatever the HTTP status. All methods raise `PermanentError` or `TransientError`.
    """

    PROVIDER = "retargeting"

    def __init__(
        self,
        *,
        rest_key: str | None,
        customer_id: str | None,
        url: str = "https://api.retargeting.app/v1",
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        quota_in: QuotaPlace = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        given = checked_credentials(self.PROVIDER, {_KEY: rest_key, _CUSTOMER: customer_id}, {})
        http = HttpClient(
            self.PROVIDER,
            url,
            QueryAuth({"k": given[_KEY], "u": given[_CUSTOMER]}),
            Quota(self.PROVIDER, Allowance(requests_per_minute, 60), kept_in=quota_in),
            advice=Advice(
                url="RETARGETING_URL",
                credentials=(_KEY, _CUSTOMER),
                hints=(
                    ("rest key", f"check {_KEY}: Settings, Integration, REST API Key"),
                    ("customer", f"check {_CUSTOMER}: Settings, Integration, Customer ID"),
                    ("not active", "pay for or reactivate the Retargeting account"),
                ),
                passing=("something went wrong",),
            ),
            secrets=tuple(given.values()),
            retry=retry,
        )
        super().__init__(http)

    def feedback(self, since: datetime | None = None) -> Iterator[Page]:
        """All feedback, or that since a moment (with zone): one page, or none if it is empty.

        Which field `since` filters is undocumented: a product review may be a year younger than its
        order's feedback and be left out with it.
        """
        body = self._http.get(PATH, self._params(since))
        records = self._records(body)
        del body
        count = envelopes.length(records)
        if count:
            yield Page(records, count, 1, None)

    def ping(self) -> None:
        """The cheapest authorised read: the feedback from now on."""
        self._records(self._http.get(PATH, self._params(datetime.now(UTC))))

    def _params(self, since: datetime | None) -> dict[str, int]:
        if since is None:
            return {}
        if since.tzinfo is None:
            raise self._http.invalid(
                f"GET {PATH}", f"{since} has no time zone", "give it one, such as UTC"
            )
        return {"t": int(since.timestamp())}

    def _records(self, body: Body) -> Body:
        endpoint = f"GET {PATH}"
        found = envelopes.fields(self._http, endpoint, body, "an object with data")
        return envelopes.array(self._http, endpoint, found, "data")
