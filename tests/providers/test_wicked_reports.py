"""Wicked Reports as documented: windows, pages of 1,000, contacts by any key, 10,000 clicks."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from werkzeug import Request, Response

from feedback_assets.http.errors import (
    CredentialsMissing,
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
    RowsMissing,
)
from feedback_assets.providers.wicked_reports.client import WickedReports

D1, D2 = date(2024, 1, 1), date(2024, 1, 31)


@pytest.fixture
def wicked(httpserver, kit):
    with WickedReports(
        api_key=kit.secret, url=httpserver.url_for(""), retry=kit.quick, requests_per_minute=9999
    ) as one:
        yield one


def body(rows, **said):
    return {"status": "success", "results": rows, **said}


def serve(httpserver, path, rows, cap=1000, *, total=None, inclusive=True):
    """Rows with a `date`, filtered and paged as documented."""

    def handle(request: Request) -> Response:
        first, last = request.args.get("from", ""), request.args.get("to", "9")
        end = last + "T99" if inclusive else last
        found = [row for row in rows if first <= row["date"] <= end]
        found = found[:total] if total else found
        size = min(int(request.args["limit"]), cap)
        number = int(request.args.get("next", "p1")[1:])
        pages = -(-len(found) // size)
        return Response(
            json.dumps(
                body(
                    found[(number - 1) * size : number * size],
                    page=number,
                    totalPages=float(pages),
                    total=str(len(found)),
                    next=f"p{number + 1}",
                )
            )
        )

    httpserver.expect_request(path).respond_with_handler(handle)


def ids(pages, key="id"):
    return [row[key] for page in pages for row in json.loads(page.records)]


@pytest.mark.parametrize("name", ["contacts", "orders", "clicks"])
def test_a_list_is_requested_for_the_given_days_in_pages_of_a_thousand(
    httpserver, wicked, name, kit
):
    rows = [{"id": i, "contactId": i, "date": "2024-01-02"} for i in range(2500)]
    serve(httpserver, f"/{name}", rows)
    pages = list(getattr(wicked, name)(D1, D2))
    assert [page.count for page in pages] == [1000, 1000, 500]
    assert ids(pages) == list(range(2500))
    request = httpserver.log[0][0]
    assert dict(request.args) == {"from": "2024-01-01", "to": "2024-01-31", "limit": "1000"}
    assert request.headers["apikey"] == kit.secret
    assert wicked.requests == 3
    assert wicked.bytes > 1000


def test_exactly_a_thousand_rows_take_one_request(httpserver, wicked):
    serve(httpserver, "/orders", [{"id": i, "date": "2024-01-02"} for i in range(1000)])
    assert len(ids(wicked.orders(D1, D2))) == 1000
    assert wicked.requests == 1


def test_a_read_does_not_stop_after_a_hundred_rows(httpserver, wicked):
    serve(httpserver, "/orders", [{"id": i, "date": "2024-01-02"} for i in range(450)], cap=100)
    assert len(ids(wicked.orders(D1, D2))) == 450
    assert wicked.requests == 5


def test_records_keep_the_served_bytes(httpserver, wicked):
    text = '[{"id":"a", "amount": 79.10, "n":"\\u00e9 null", "email":"null"} ]'
    served = f'{{"status":"success","results": {text},"page":1,"totalPages":1,"total":1}}'
    httpserver.expect_request("/orders").respond_with_data(served)
    assert next(iter(wicked.orders(D1, D2))).records == text.encode()


def test_a_total_larger_than_the_rows_is_an_error_after_the_last_page(httpserver, wicked):
    said = body([{"id": "a"}], page=1, totalPages=1, total=2, next="n")
    httpserver.expect_request("/orders").respond_with_json(said)
    got = []
    with pytest.raises(RowsMissing) as caught:
        got.extend(wicked.orders(D1, D2))
    assert (len(got), caught.value.announced, caught.value.came) == (1, 2, 1)


def test_more_than_thirty_days_of_clicks_are_not_requested(wicked):
    with pytest.raises(InvalidRequest, match="30 days") as caught:
        wicked.clicks(D1, D1 + timedelta(days=31))
    assert isinstance(caught.value, ValueError)
    assert wicked.requests == 0


def test_reversed_days_are_not_requested(wicked):
    with pytest.raises(InvalidRequest, match="swap"):
        wicked.orders(D2, D1)


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "success"},
        {"status": "success", "results": None},
        {"status": "success", "results": {}},
        {"status": "success", "data": []},
        [],
        [{"id": 1}],
        "text",
        5,
        None,
    ],
)
def test_an_unknown_envelope_is_an_error_and_never_zero_rows(httpserver, wicked, odd):
    httpserver.expect_request("/orders").respond_with_json(odd)
    with pytest.raises(EnvelopeNotRecognised) as caught:
        list(wicked.orders(D1, D2))
    assert caught.value.__context__ is None
    if isinstance(odd, dict) and "data" in odd:
        assert "data, status" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("AB-1", "/contacts/AB-1"),
        ("test@example.com", "/contacts/test%40example.com"),
        ("a/b?c#d e%", "/contacts/a%2Fb%3Fc%23d%20e%25"),
    ],
)
def test_one_contact_is_found_by_id_source_id_or_email(raw, kit, key, path):
    server = raw(kit.answer({"status": "success", "result": {"id": "AB-1"}}))
    one = WickedReports(api_key="k" * 9, url=server.url, retry=kit.quick)
    assert one.contact(key) == {"id": "AB-1"}
    assert server.requests[0].startswith(f"GET {path} HTTP".encode())


def test_an_unknown_contact_is_reported_in_the_providers_words(httpserver, wicked):
    said = {"status": "error", "message": "Contact with id AB-1 not found."}
    httpserver.expect_request("/contacts/AB-1").respond_with_json(said, status=404)
    with pytest.raises(PermanentError, match="AB-1 not found") as caught:
        wicked.contact("AB-1")
    assert caught.value.endpoint == "GET /contacts/{contactId}"


@pytest.mark.parametrize("key", ["", " ", ".", ".."])
def test_an_invalid_contact_key_is_not_requested(wicked, key):
    with pytest.raises(InvalidRequest):
        wicked.contact(key)


def test_a_disabled_api_error_explains_how_to_enable_it(httpserver, wicked):
    said = {"status": "error", "message": "Outbound API not enabled for client."}
    httpserver.expect_request("/contacts").respond_with_json(said, status=401)
    with pytest.raises(PermanentError, match="ask Wicked Reports to enable"):
        wicked.ping()


def test_a_missing_key_is_named():
    with pytest.raises(CredentialsMissing, match="WICKED_REPORTS_API_KEY"):
        WickedReports(api_key=" ")


def test_a_key_with_a_line_break_is_rejected_without_being_shown():
    with pytest.raises(PermanentError, match="WICKED_REPORTS_API_KEY") as caught:
        WickedReports(api_key="abcdef\nghijkl")
    assert "abcdef" not in str(caught.value)


def test_the_orders_of_one_contact_are_paged_like_all_orders(httpserver, wicked):
    rows = [{"id": i, "date": "2024-01-02"} for i in range(1001)]
    serve(httpserver, "/contacts/AB-1/orders", rows)
    assert ids(wicked.contact_orders("AB-1", D1, D2)) == list(range(1001))


def clicks(count, days, start=date(2023, 1, 1)):
    """Clicks spread over days, with every tenth one twice."""
    stamps = [start + timedelta(days=i * days // count) for i in range(count)]
    return [
        {"contactId": "c", "date": f"{d}T10:00:00", "n": i - i % 10 % 2}
        for i, d in enumerate(stamps)
    ]


def as_sorted(rows):
    return sorted(json.dumps(row) for row in rows)


def collect(pages):
    return [row for page in pages for row in json.loads(page.records)]


def test_the_clicks_of_one_contact_need_no_days_if_they_are_few(httpserver, wicked):
    rows = clicks(2500, 700)
    serve(httpserver, "/contacts/c/clicks", rows)
    assert as_sorted(collect(wicked.contact_clicks("c"))) == as_sorted(rows)
    assert wicked.requests == 3


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_beyond_ten_thousand_clicks_none_is_lost_or_doubled(
    httpserver, wicked, inclusive, newest_first, told
):
    rows = clicks(23_000, 500)[:: -1 if newest_first else 1]
    serve(
        httpserver, "/contacts/c/clicks", rows, total=None if told else 10_000, inclusive=inclusive
    )
    assert as_sorted(collect(wicked.contact_clicks("c"))) == as_sorted(rows)
    assert wicked.requests < 150
    for request, _ in httpserver.log:
        if "from" in request.args:
            span = date.fromisoformat(request.args["to"]) - date.fromisoformat(request.args["from"])
            assert span.days <= 180


def test_twelve_thousand_clicks_on_two_days_are_read_day_by_day(httpserver, wicked):
    rows = clicks(12_000, 2)
    serve(httpserver, "/contacts/c/clicks", rows)
    found = collect(wicked.contact_clicks("c", date(2023, 1, 1), date(2023, 1, 2)))
    assert as_sorted(found) == as_sorted(rows)


def test_more_than_ten_thousand_clicks_on_one_day_are_an_error(httpserver, wicked):
    serve(httpserver, "/contacts/c/clicks", clicks(12_000, 1), total=10_000)
    with pytest.raises(PermanentError, match="10,000 clicks"):
        list(wicked.contact_clicks("c", date(2023, 1, 1), date(2023, 1, 31)))
    assert wicked.requests < 120


def test_the_check_requests_one_contact_of_today(httpserver, wicked):
    httpserver.expect_request("/contacts").respond_with_json(body([]))
    wicked.ping()
    today = datetime.now(UTC).date().isoformat()
    assert dict(httpserver.log[0][0].args) == {"from": today, "to": today, "limit": "1"}
