"""Client of the Wicked Reports outbound API: contacts, clicks, orders, and those of one contact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from feedback_assets.http import envelopes
from feedback_assets.http.advice import Advice
from feedback_assets.http.client import Client
from feedback_assets.http.credentials import checked_credentials
from feedback_assets.http.paging import Listing, Page, Reply, read_pages
from feedback_assets.http.quota import Allowance, Quota, QuotaPlace
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import HttpClient
from feedback_assets.http.transport import HeaderAuth
from feedback_assets.providers.wicked_reports.contact_clicks import read_clicks

LIMIT = 1000
"""Rows per page, the documented maximum."""

CLICK_DAYS = 30
"""Maximum days between `from` and `to` for the list of clicks."""


class WickedReports(Client):
    """Reads Wicked Reports; source: the provider's document "Wicked Reports Outbound API".

    Lists are generators of `Page` whose records are the objects under `results`. Days are sent as
    given: whether `to` is inclusive, and the zone of days, are undocumented, so callers add a
    margin. All methods raise `PermanentError` or `TransientError`; lists raise `RowsMissing` after
    their last page.
    """

    PROVIDER = "wicked_reports"

    def __init__(
        self,
        *,
        api_key: str | None,
        url: str = "https://api.wickedreports.com",
        requests_per_minute: int = 120,
        quota_in: QuotaPlace = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        given = checked_credentials(self.PROVIDER, {"WICKED_REPORTS_API_KEY": api_key}, {})
        secret = given["WICKED_REPORTS_API_KEY"]
        http = HttpClient(
            self.PROVIDER,
            url,
            HeaderAuth({"apikey": secret}),
            Quota(self.PROVIDER, Allowance(requests_per_minute, 60), kept_in=quota_in),
            advice=Advice(
                url="WICKED_REPORTS_URL",
                credentials=("WICKED_REPORTS_API_KEY",),
                rate="WICKED_REPORTS_REQUESTS_PER_MINUTE",
                hints=(
                    (
                        "not enabled",
                        "check WICKED_REPORTS_API_KEY, and ask Wicked Reports to enable its API",
                    ),
                ),
            ),
            secrets=(secret,),
            retry=retry,
        )
        super().__init__(http)

    def contacts(self, first: date, last: date) -> Iterator[Page]:
        """Contacts created from `first` to `last`."""
        return self._list("/contacts", first, last)

    def orders(self, first: date, last: date) -> Iterator[Page]:
        """Orders dated from `first` to `last`."""
        return self._list("/orders", first, last)

    def clicks(self, first: date, last: date) -> Iterator[Page]:
        """Clicks from `first` to `last`, at most 30 days apart; they have no id."""
        if (last - first).days > CLICK_DAYS:
            raise self._http.invalid(
                "GET /clicks",
                f"{first} to {last} is {(last - first).days} days",
                f"clicks can be requested for at most {CLICK_DAYS} days at a time",
            )
        return self._list("/clicks", first, last, has_ids=False)

    def contact(self, key: str) -> dict[str, Any]:
        """One contact by its id, its id in the source system or its e-mail."""
        endpoint = "/contacts/{contactId}"
        body = self._http.get(self._contact_path(key), endpoint=endpoint)
        return envelopes.record(self._http, f"GET {endpoint}", body, "result")

    def contact_orders(self, key: str, first: date, last: date) -> Iterator[Page]:
        """One contact's orders from `first` to `last`; their contact is not included."""
        endpoint = "/contacts/{contactId}/orders"
        return self._list(self._contact_path(key, "/orders"), first, last, endpoint=endpoint)

    def contact_clicks(
        self, key: str, first: date | None = None, last: date | None = None
    ) -> Iterator[Page]:
        """One contact's clicks, all of them or from `first` to `last`, each once.

        The provider returns only the first 10,000, and accepts at most 180 days; longer or larger
        ranges are read in parts (see `contact_clicks.read_clicks`).
        """
        path = self._contact_path(key, "/clicks")
        if first is not None or last is not None:
            self._check(first or date.min, last or date.max, "GET /contacts/{contactId}/clicks")

        def read(start: date | None, end: date | None) -> Iterator[Page]:
            return self._pages(path, start, end, "/contacts/{contactId}/clicks", has_ids=False)

        today = datetime.now(UTC).date()
        return read_clicks(read, first, last, today=today, provider=self.PROVIDER)

    def ping(self) -> None:
        """The cheapest authorised read: one contact of today."""
        today = datetime.now(UTC).date().isoformat()
        body = self._http.get("/contacts", {"from": today, "to": today, "limit": 1})
        _reply(self._http, "GET /contacts", body)

    def _list(
        self,
        path: str,
        first: date,
        last: date,
        *,
        endpoint: str | None = None,
        has_ids: bool = True,
    ) -> Iterator[Page]:
        self._check(first, last, f"GET {endpoint or path}")
        return self._pages(path, first, last, endpoint or path, has_ids=has_ids)

    def _pages(
        self, path: str, first: date | None, last: date | None, endpoint: str, *, has_ids: bool
    ) -> Iterator[Page]:
        days = {"from": first, "to": last}
        named = {name: day.isoformat() for name, day in days.items() if day is not None}

        def ask(_number: int, key: str | None) -> Reply:
            params = {**named, "limit": LIMIT, **({"next": key} if key else {})}
            body = self._http.get(path, params, endpoint=endpoint)
            return _reply(self._http, f"GET {endpoint}", body)

        listing = Listing(
            self.PROVIDER, f"GET {endpoint}", limit=LIMIT, by_key=True, has_ids=has_ids
        )
        return read_pages(listing, ask)

    def _check(self, first: date, last: date, endpoint: str) -> None:
        if first > last:
            raise self._http.invalid(endpoint, f"{first} is after {last}", "swap the two days")

    def _contact_path(self, key: str, tail: str = "") -> str:
        text = str(key).strip()
        # Every HTTP library removes "." and ".." from a path, however they are quoted.
        if text in ("", ".", ".."):
            raise self._http.invalid(
                "GET /contacts/{contactId}", "no contact is given", "give an id or an e-mail"
            )
        return f"/contacts/{quote(text, safe='')}{tail}"


def _reply(client: HttpClient, endpoint: str, body: bytes) -> Reply:
    found = envelopes.fields(client, endpoint, body, "an object with results")
    return Reply(
        records=envelopes.array(client, endpoint, found, "results"),
        page=envelopes.number(found.get("page")),
        pages=envelopes.number(found.get("totalPages")),
        total=envelopes.number(found.get("total")),
        next=envelopes.key(found.get("next")),
    )
