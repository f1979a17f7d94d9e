"""Client of Fullwhere's partner API: survey trackers, one, many, and their generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from feedback_assets.http import envelopes
from feedback_assets.http.advice import Advice
from feedback_assets.http.client import Client
from feedback_assets.http.credentials import checked_credentials
from feedback_assets.http.paging import Listing, Page, Reply, read_pages
from feedback_assets.http.quota import Allowance, Quota, QuotaPlace
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.http.session import HttpClient
from feedback_assets.http.transport import HeaderAuth

LIMIT = 100
"""Rows a page, and ids a filter, at most; both by the document."""

REQUESTS_PER_MINUTE = 300
"""No limit is documented; five a second is Thanx's, the strictest by the second of the five."""

PATH = "/partners/survey-tracker"
LISTS = ("data", "items", "results")
META = ("meta", "pagination", "paging")
_TOTALS = ("total", "count", "totalCount", "totalItems", "total_count")
_PAGES = ("totalPages", "pageCount", "lastPage", "total_pages", "last_page")
_PAGE = ("page", "currentPage", "current_page")
_SIZE = ("limit", "perPage", "pageSize", "itemsPerPage", "per_page")


class Fullwhere(Client):
    """Reads Fullwhere and has it generate trackers; source: the provider's "Survey Tracker".

    The list's envelope is undocumented: read are a bare array of objects, or one under `data`,
    `items` or `results`, with whatever is said of totals and pages beside it or under `meta`.
    All methods raise `PermanentError` or `TransientError`; lists `RowsMissing` after their last
    page.
    """

    PROVIDER = "fullwhere"

    def __init__(
        self,
        *,
        api_key: str | None,
        api_secret: str | None,
        url: str = "https://api.fullwhere.com",
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        quota_in: QuotaPlace = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        names = ("FULLWHERE_API_KEY", "FULLWHERE_API_SECRET")
        given = checked_credentials(
            self.PROVIDER, dict(zip(names, (api_key, api_secret), strict=True)), {}
        )
        http = HttpClient(
            self.PROVIDER,
            url,
            HeaderAuth({"X-API-KEY": given[names[0]], "X-API-SECRET": given[names[1]]}),
            Quota(self.PROVIDER, Allowance(requests_per_minute, 60), kept_in=quota_in),
            advice=Advice(url="FULLWHERE_URL", credentials=names),
            secrets=tuple(given.values()),
            retry=retry,
        )
        super().__init__(http)

    def survey_tracker(self, tracker_id: str) -> dict[str, Any]:
        """One tracker by its id."""
        endpoint = f"GET {PATH}"
        if not tracker_id.strip():
            raise self._http.invalid(endpoint, "no tracker is named", "give its id")
        body = self._http.get(PATH, {"id": tracker_id.strip()}, record_key="surveyId")
        found = envelopes.fields(self._http, endpoint, body, "a survey tracker")
        if "id" in found:
            tracker: dict[str, Any] = envelopes.whole(self._http, endpoint, body)
            return tracker
        return envelopes.record(self._http, endpoint, body, "data", "item", "result")

    def survey_trackers(
        self,
        first: datetime | None = None,
        last: datetime | None = None,
        purchases: Sequence[str] = (),
        customers: Sequence[str] = (),
    ) -> Iterator[Page]:
        """Trackers whose `sendAt` lies from `first` to `last` (with zone; None: open).

        `purchases` and `customers` filter by ids, none: all. The provider takes 100 ids at a time,
        so longer filters are read in turn, and every pair of parts where both are given; pages are
        numbered anew in each part.
        """
        endpoint = f"POST {PATH}/list"
        named: dict[str, Any] = {}
        for name, moment in (("fromSendAt", first), ("toSendAt", last)):
            if moment is not None:
                named[name] = self._moment(endpoint, moment)
        if first is not None and last is not None and first > last:
            raise self._http.invalid(endpoint, f"{first} lies after {last}", "swap the two")
        return self._lists(
            [
                named | {k: v for k, v in (("purchases", some), ("customers", others)) if v}
                for some in _chunks(purchases)
                for others in _chunks(customers)
            ]
        )

    def generate(self, purchase_id: str) -> dict[str, Any] | list[Any]:
        """Have the trackers of a purchase made, or get those that there are. This writes.

        Sent once: where it may have landed it is not sent again, and the error is permanent.
        """
        endpoint = f"POST {PATH}/generate"
        if not purchase_id.strip():
            raise self._http.invalid(endpoint, "no purchase is named", "give its id")
        payload = {"purchaseId": purchase_id.strip()}
        body = self._http.post(f"{PATH}/generate", payload, reads=False, record_key="surveyId")
        answer: Any = envelopes.whole(self._http, endpoint, body)
        if not isinstance(answer, (dict, list)):
            raise self._http.unrecognised(endpoint, "trackers", envelopes.kind(body))
        return answer

    def ping(self) -> None:
        """The cheapest authorised read: a page of one tracker."""
        body = self._http.post(f"{PATH}/list", {"limit": 1, "page": 1}, reads=True)
        _reply(self._http, f"POST {PATH}/list", body)

    def _lists(self, filters: list[dict[str, Any]]) -> Iterator[Page]:
        endpoint = f"POST {PATH}/list"
        for chosen in filters:

            def ask(number: int, _key: str | None, chosen: dict[str, Any] = chosen) -> Reply:
                payload = {"limit": LIMIT, "page": number, **chosen}
                body = self._http.post(f"{PATH}/list", payload, reads=True)
                return _reply(self._http, endpoint, body)

            yield from read_pages(Listing(self.PROVIDER, endpoint, limit=LIMIT), ask)

    def _moment(self, endpoint: str, moment: datetime) -> str:
        if moment.tzinfo is None:
            raise self._http.invalid(endpoint, f"{moment} has no zone", "give it one, such as UTC")
        text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    """Parts of 100, each id once; one empty part where there is no filter."""
    each = list(dict.fromkeys(ids))
    return [each[start : start + LIMIT] for start in range(0, len(each), LIMIT)] or [[]]


def _reply(client: HttpClient, endpoint: str, body: bytes) -> Reply:
    if body.lstrip().startswith(b"["):
        return Reply(records=envelopes.bare_array(client, endpoint, body))
    found = envelopes.fields(client, endpoint, body, "an array or an object with one")
    name = next((n for n in LISTS if n in found and bytes(found[n]).startswith(b"[")), None)
    if name is None:
        keys = ", ".join(sorted(found)[:20]) or "no keys"
        raise client.unrecognised(endpoint, f"an array under {' or '.join(LISTS)}", f"keys {keys}")
    said = {**found, **envelopes.nested(found, *META)}
    return Reply(
        records=envelopes.bare_array(client, endpoint, bytes(found[name])),
        page=envelopes.number(envelopes.first_of(said, *_PAGE)),
        pages=envelopes.number(envelopes.first_of(said, *_PAGES)),
        total=envelopes.number(envelopes.first_of(said, *_TOTALS)),
        size=envelopes.number(envelopes.first_of(said, *_SIZE)),
    )
