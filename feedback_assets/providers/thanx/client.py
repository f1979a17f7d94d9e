"""Client of Thanx: the feedback of the token's user, or of a whole merchant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from feedback_assets.http import envelopes
from feedback_assets.http.advice import Advice
from feedback_assets.http.client import Client
from feedback_assets.http.credentials import checked_credentials
from feedback_assets.http.errors import RowsMissing
from feedback_assets.http.paging import Listing, Page, Reply, read_pages
from feedback_assets.http.quota import Allowance, Quota, QuotaPlace
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import HttpClient
from feedback_assets.http.transport import HeaderAuth

PER_PAGE = 100
STATES = ("unviewed", "viewed", "expired", "rated", "reviewed", "responded")
ALLOWANCES = (Allowance(5, 1), Allowance(2000, 900))


class Thanx(Client):
    """Reads Thanx; sources: the provider's document for `/feedbacks`, public ones for partners.

    Lists are generators of `Page` whose records are the objects under `feedbacks`. All methods
    raise `PermanentError` or `TransientError`; lists raise `RowsMissing` after their last page.
    """

    PROVIDER = "thanx"

    def __init__(
        self,
        *,
        access_token: str | None,
        client_id: str | None = None,
        merchant_id: str | None = None,
        url: str = "https://api.thanx.com",
        allowances: Sequence[Allowance] = ALLOWANCES,
        quota_in: QuotaPlace = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        given = checked_credentials(
            self.PROVIDER,
            {"THANX_ACCESS_TOKEN": access_token},
            {"THANX_CLIENT_ID": client_id},
        )
        headers = {
            "Authorization": f"Bearer {given['THANX_ACCESS_TOKEN']}",
            "Accept-Version": "v4.0",
        }
        if "THANX_CLIENT_ID" in given:
            headers["X-ClientId"] = given["THANX_CLIENT_ID"]
        http = HttpClient(
            self.PROVIDER,
            url,
            HeaderAuth(headers),
            Quota(self.PROVIDER, *allowances, kept_in=quota_in),
            advice=Advice(
                url="THANX_URL",
                credentials=("THANX_ACCESS_TOKEN", "THANX_CLIENT_ID"),
                hints=(("merchant not found", "check THANX_MERCHANT_ID"),),
            ),
            secrets=tuple(given.values()),
            retry=retry,
        )
        super().__init__(http)
        self.merchant_id = (merchant_id or "").strip() or None

    def all_feedbacks(self, updated_after: datetime | None = None) -> Iterator[Page]:
        """The merchant's feedback if a merchant is configured, otherwise the token's user's.

        A user's list cannot be filtered: `updated_after` is then ignored, and older rows are
        included.
        """
        if self.merchant_id:
            return self.partner_feedbacks(self.merchant_id, updated_after)
        return self.feedbacks()

    def feedbacks(self) -> Iterator[Page]:
        """The feedback of the token's user: the whole list as one unfiltered page."""
        endpoint = "GET /feedbacks"
        body = self._http.get("/feedbacks")
        reply = _reply(self._http, endpoint, body)
        count = envelopes.length(reply.records)
        if (reply.pages or 1) > (reply.page or 1):
            raise RowsMissing(
                provider=self.PROVIDER,
                endpoint=endpoint,
                announced=reply.pages,
                came=1,
                unit="pages",
                reason="the whole list was expected; set THANX_MERCHANT_ID for a merchant's",
            )
        if count:
            yield Page(reply.records, count, 1, count)

    def partner_feedbacks(
        self,
        merchant_id: str,
        updated_after: datetime | None = None,
        states: Sequence[str] = (),
    ) -> Iterator[Page]:
        """A merchant's feedback, changed after a moment (with zone), in these states (empty: all).

        The provider announces the number of pages, not of rows.
        """
        endpoint = "GET /partner/feedbacks"
        if not merchant_id:
            raise self._http.invalid(endpoint, "no merchant is given", "set THANX_MERCHANT_ID")
        unknown = sorted(set(states) - set(STATES))
        if unknown:
            raise self._http.invalid(
                endpoint, f"no such state: {', '.join(unknown)}", f"choose from {', '.join(STATES)}"
            )
        filters: dict[str, Any] = {"merchant_id": merchant_id, "per_page": PER_PAGE}
        if updated_after is not None:
            filters["updated_after"] = self._moment(endpoint, updated_after)
        if states:
            filters["states[]"] = list(states)

        def ask(number: int, _key: str | None) -> Reply:
            body = self._http.get("/partner/feedbacks", {**filters, "page": number})
            return _reply(self._http, endpoint, body)

        return read_pages(Listing(self.PROVIDER, endpoint, limit=PER_PAGE), ask)

    def ping(self) -> None:
        """The cheapest authorised read: one row for a merchant, the list for a user."""
        path = "/feedbacks"
        params: dict[str, Any] = {}
        if self.merchant_id:
            path = "/partner/feedbacks"
            params = {"merchant_id": self.merchant_id, "per_page": 1, "page": 1}
        _reply(self._http, f"GET {path}", self._http.get(path, params))

    def _moment(self, endpoint: str, moment: datetime) -> str:
        if moment.tzinfo is None:
            raise self._http.invalid(
                endpoint, f"{moment} has no time zone", "give it one, such as UTC"
            )
        return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _reply(client: HttpClient, endpoint: str, body: bytes) -> Reply:
    found = envelopes.fields(client, endpoint, body, "an object with feedbacks")
    records = envelopes.array(client, endpoint, found, "feedbacks")
    said = envelopes.nested(found, "pagination")
    # "total_page" is the spelling in one public source.
    return Reply(
        records=records,
        page=envelopes.number(said.get("current_page")),
        pages=envelopes.number(envelopes.first_of(said, "total_pages", "total_page")),
        total=envelopes.number(envelopes.first_of(said, "total_count", "total")),
        size=envelopes.number(said.get("per_page")),
    )
