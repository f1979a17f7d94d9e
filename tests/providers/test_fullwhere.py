"""Fullwhere: every plausible envelope, filters in batches of 100, and generation sent once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from werkzeug import Request, Response

from feedback_assets.http.errors import (
    CredentialsMissing,
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
)
from feedback_assets.providers.fullwhere.client import Fullwhere

LIST = "/partners/survey-tracker/list"


@pytest.fixture
def fullwhere(httpserver, kit):
    with Fullwhere(
        api_key="the-key",
        api_secret="the-secret",
        url=httpserver.url_for(""),
        retry=kit.quick,
        requests_per_minute=99999,
    ) as one:
        yield one


def serve(httpserver, count, wrap, status=201):
    def handle(request: Request) -> Response:
        asked = request.get_json()
        size, number = asked["limit"], asked["page"]
        part = [{"id": f"t{i}"} for i in range(count)][(number - 1) * size : number * size]
        return Response(json.dumps(wrap(part, number, size, count)), status=status)

    httpserver.expect_request(LIST, method="POST").respond_with_handler(handle)


def ids(pages):
    return [row["id"] for page in pages for row in json.loads(page.records)]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda p, _n, _s, _c: p, id="bare"),
        pytest.param(lambda p, _n, _s, _c: {"data": p}, id="data"),
        pytest.param(lambda p, _n, _s, c: {"items": p, "total": c}, id="items, total"),
        pytest.param(lambda p, _n, _s, c: {"results": p, "count": c}, id="results, count"),
        pytest.param(lambda p, _n, _s, _c: {"results": p, "count": len(p)}, id="count of the page"),
        pytest.param(
            lambda p, n, s, c: {"data": p, "meta": {"total": c, "page": n, "limit": s}}, id="meta"
        ),
        pytest.param(
            lambda p, n, s, c: {
                "items": p,
                "meta": {
                    "totalItems": c,
                    "itemCount": len(p),
                    "itemsPerPage": s,
                    "totalPages": -(-c // s),
                    "currentPage": n,
                },
            },
            id="the framework's usual",
        ),
    ],
)
@pytest.mark.parametrize("count", [0, 7, 100, 250])
def test_every_plausible_envelope_is_read_whole(httpserver, fullwhere, wrap, count):
    serve(httpserver, count, wrap)
    assert ids(fullwhere.survey_trackers()) == [f"t{i}" for i in range(count)]
    assert fullwhere.requests <= count // 100 + 3


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"trackers": []},
        {"data": None},
        {"data": {"items": []}},
        [[{"id": 1}], 1],
        ["a"],
        "x",
        3,
        None,
        {"total": 0},
    ],
)
def test_any_other_envelope_is_an_error_and_never_zero_rows(httpserver, fullwhere, odd):
    httpserver.expect_request(LIST).respond_with_json(odd)
    with pytest.raises(EnvelopeNotRecognised):
        list(fullwhere.survey_trackers())


def test_a_server_that_ignores_the_page_yields_the_list_once(httpserver, fullwhere):
    httpserver.expect_request(LIST).respond_with_json([{"id": "a"}, {"id": "b"}])
    assert ids(fullwhere.survey_trackers()) == ["a", "b"]


def test_the_request_body_matches_the_documentation(httpserver, fullwhere):
    serve(httpserver, 1, lambda p, _n, _s, c: {"data": p, "total": c}, status=200)
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
    list(fullwhere.survey_trackers(first, last))
    request = httpserver.log[0][0]
    assert request.get_json() == {
        "limit": 100,
        "page": 1,
        "fromSendAt": "2024-01-01T00:00:00.000Z",
        "toSendAt": "2024-02-01T00:00:00.000Z",
    }
    assert request.headers["X-API-KEY"] == "the-key"
    assert request.headers["X-API-SECRET"] == "the-secret"


def test_filters_are_sent_in_batches_of_100_and_every_pair_is_requested(httpserver, fullwhere):
    serve(httpserver, 1, lambda p, _n, _s, c: {"data": p, "total": c})
    purchases, customers = [f"p{i}" for i in range(250)], [f"c{i}" for i in range(101)]
    list(fullwhere.survey_trackers(purchases=[*purchases, "p0"], customers=customers))
    asked = [request.get_json() for request, _ in httpserver.log]
    sizes = [(len(one["purchases"]), len(one["customers"])) for one in asked]
    assert sizes == [(100, 100), (100, 1), (100, 100), (100, 1), (50, 100), (50, 1)]
    assert {p for one in asked for p in one["purchases"]} == set(purchases)


def test_times_need_a_zone_and_ascending_order(fullwhere):
    with pytest.raises(InvalidRequest, match="zone"):
        fullwhere.survey_trackers(datetime(2024, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidRequest, match="swap"):
        fullwhere.survey_trackers(
            datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
        )


@pytest.mark.parametrize("status", ["SENT", "error", "fail"])
def test_one_tracker_is_read_with_any_status(httpserver, fullwhere, status):
    tracker = {"id": "u-1", "surveyId": "s", "status": status}
    httpserver.expect_request("/partners/survey-tracker", query_string="id=u-1").respond_with_json(
        tracker
    )
    assert fullwhere.survey_tracker("u-1") == tracker


def test_one_tracker_may_be_wrapped_but_must_be_an_object(httpserver, fullwhere):
    path = "/partners/survey-tracker"
    httpserver.expect_ordered_request(path).respond_with_json({"data": {"id": "u"}})
    httpserver.expect_ordered_request(path).respond_with_json({"data": [{"id": "u"}]})
    assert fullwhere.survey_tracker("u") == {"id": "u"}
    with pytest.raises(EnvelopeNotRecognised):
        fullwhere.survey_tracker("u")


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("said", [[{"id": "t"}], {"id": "t", "surveyId": "s", "status": "fail"}])
def test_generation_returns_the_provider_response(httpserver, fullwhere, status, said):
    path = "/partners/survey-tracker/generate"
    httpserver.expect_request(path, method="POST", json={"purchaseId": "p1"}).respond_with_json(
        said, status=status
    )
    assert fullwhere.generate("p1") == said


def test_generation_is_never_sent_twice(httpserver, fullwhere):
    path = "/partners/survey-tracker/generate"
    httpserver.expect_request(path).respond_with_json({}, status=503)
    with pytest.raises(PermanentError, match="may have been processed"):
        fullwhere.generate("p1")
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_documented_error_fails_at_once(httpserver, fullwhere, status):
    httpserver.expect_request(LIST).respond_with_json(
        {"statusCode": status, "message": ["limit must not be greater than 100"]}, status=status
    )
    with pytest.raises(PermanentError, match="limit must not"):
        fullwhere.ping()
    assert len(httpserver.log) == 1


def test_both_missing_credentials_are_named():
    with pytest.raises(CredentialsMissing, match="FULLWHERE_API_KEY, FULLWHERE_API_SECRET"):
        Fullwhere(api_key="", api_secret=None)
