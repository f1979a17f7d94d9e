"""Bodies that no provider ever sent, through client, paging and parser; by hand, with atheris.

``python -m tests.reliability.fuzz_pages -max_total_time=600 CORPUS`` in an environment that has
atheris (it is no dependency of the project) and the project. The first byte of an input chooses
the list, the rest is the body of every answer. Found is whatever is neither a ``ProviderError``
nor a page of which every record is kept, outside the window, a duplicate or set aside.
"""

import io
import json
import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import atheris
import requests
import urllib3
from requests.adapters import BaseAdapter

with atheris.instrument_imports(include=["feedback_assets.ingest", "feedback_assets.providers"]):
    from feedback_assets.days import days_between
    from feedback_assets.http.errors import ProviderError
    from feedback_assets.http.quota import Quota
    from feedback_assets.http.retrying import RetryPolicy
    from feedback_assets.ingest.parse import parse_page
    from feedback_assets.ingest.sources import SOURCES
    from feedback_assets.ingest.spool import Spool
    from feedback_assets.ingest.window import _Tally
    from feedback_assets.providers.registry import find_provider
from tests.ingest.documents import DOCUMENTED, EVENT_DAY

CREDENTIALS = {
    "wicked_reports": {"api_key": "k" * 20},
    "thanx": {"access_token": "k" * 20, "merchant_id": "m"},
    "fullwhere": {"api_key": "k" * 20, "api_secret": "s" * 20},
    "feedbackpulse": {"api_key": "k" * 20},
    "retargeting": {"rest_key": "k" * 20, "customer_id": "c" * 20},
}
ENVELOPES: dict[str, Any] = {
    "wicked_reports": lambda r: {
        "status": "success", "results": r, "page": 1, "totalPages": 1, "total": 2, "next": "n"},
    "thanx": lambda r: {
        "feedbacks": r, "pagination": {"current_page": 1, "total_pages": 1, "per_page": 100}},
    "fullwhere": lambda r: {"data": r, "total": 2},
    "feedbackpulse": lambda r: {"data": r, "meta": {"current_page": 1, "per_page": 9, "total": 2}},
    "retargeting": lambda r: {"status": "success", "data": r},
}  # fmt: skip


class Canned(BaseAdapter):
    """Answers every request with the body at hand."""

    body = b""

    def send(self, request: Any, **_: Any) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url
        answer.headers["content-type"] = "application/json"
        answer.raw = urllib3.HTTPResponse(io.BytesIO(self.body), status=200, preload_content=False)
        return answer

    def close(self) -> None:
        pass


CANNED = Canned()


def client_of(provider: str) -> Any:
    client = find_provider(provider).client(
        url="http://127.0.0.1:9", retry=RetryPolicy(attempts=1), **CREDENTIALS[provider]
    )
    client._http._quota = Quota("fuzzed")
    client._http._session.mount("http://", CANNED)
    return client


CLIENTS = {source.provider: client_of(source.provider) for source in SOURCES}


def read_one(data: bytes) -> None:
    if not data:
        return
    source = SOURCES[data[0] % len(SOURCES)]
    CANNED.body = data[1:]
    first = EVENT_DAY[source.tables[0].full_name]
    last = first + timedelta(days=1)
    tallies = {table.full_name: _Tally(table, first, last, Spool(table)) for table in source.tables}
    served = dict.fromkeys(tallies, 0)
    try:
        for page in source.read(CLIENTS[source.provider], first, last):
            for name, part in page.items():
                table = tallies[name].table
                parsed = parse_page(part.records, table, source.typing("UTC"), part.served)
                assert parsed.rows.num_rows + len(parsed.bad) == part.count
                tallies[name].add(parsed.rows, parsed.bad)
                served[name] += part.count
    except ProviderError:
        return
    for name, tally in tallies.items():
        account = sum(tally.outside.values()) + sum(tally.repeated.values()) + len(tally.bad)
        for _, rows, duplicates in tally.spool.days(days_between(first, last)):
            rows.validate(full=True)
            account += rows.num_rows + duplicates
        assert account == served[name], (name, account, served[name])


def write_seeds(corpus: Path) -> None:
    """The documents' records in their envelopes, where there is no corpus yet."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(SOURCES):
        record = DOCUMENTED[source.tables[0].full_name]
        records = [record, {**record, "new": {"a": [1]}}, {}, None]
        if source.provider == "retargeting":
            records[0] = record | {"product_reviews": [DOCUMENTED[source.tables[1].full_name]]}
        for count in range(len(records) + 1):
            body = json.dumps(ENVELOPES[source.provider](records[:count])).encode()
            (corpus / f"{number}-{count}").write_bytes(bytes([number]) + body)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    for argument in sys.argv[1:]:
        if not argument.startswith("-"):
            write_seeds(Path(argument))
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
