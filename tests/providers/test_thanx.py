"""Thanx: the consumer's unfiltered list, the merchant's pages, both spellings of the page count."""

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
    RowsMissing,
)
from feedback_assets.providers.thanx.client import Thanx


@pytest.fixture
def thanx(httpserver, kit):
    def build(**more):
        url = httpserver.url_for("")
        return Thanx(access_token="token-123", url=url, retry=kit.quick, allowances=(), **more)

    return build


def serve(httpserver, count, spelling="total_pages"):
    def handle(request: Request) -> Response:
        number, size = int(request.args["page"]), int(request.args["per_page"])
        part = [{"id": f"f{i}"} for i in range(count)][(number - 1) * size : number * size]
        said = {"current_page": number, "per_page": size, spelling: -(-count // size)}
        return Response(json.dumps({"feedbacks": part, "pagination": said}))

    httpserver.expect_request("/partner/feedbacks").respond_with_handler(handle)


def ids(pages):
    return [row["id"] for page in pages for row in json.loads(page.records)]


def test_the_consumers_list_is_one_page(httpserver, thanx):
    httpserver.expect_request("/feedbacks").respond_with_json({"feedbacks": [{"id": "a"}]})
    assert ids(thanx().all_feedbacks()) == ["a"]
    headers = httpserver.log[0][0].headers
    assert headers["Authorization"] == "Bearer token-123"
    assert headers["Accept-Version"] == "v4.0"
    assert "X-ClientId" not in headers
    assert not httpserver.log[0][0].args


@pytest.mark.parametrize("spelling", ["total_pages", "total_page"])
def test_the_merchants_feedback_is_read_page_by_page(httpserver, thanx, spelling):
    serve(httpserver, 250, spelling)
    one = thanx(merchant_id="m1", client_id="client-9")
    after = datetime(2024, 1, 1, tzinfo=UTC)
    assert len(set(ids(one.all_feedbacks(after)))) == 250
    assert one.requests == 3
    request = httpserver.log[0][0]
    assert request.headers["X-ClientId"] == "client-9"
    assert request.args["merchant_id"] == "m1"
    assert request.args["per_page"] == "100"
    assert request.args["updated_after"] == "2024-01-01T00:00:00Z"


def test_states_are_sent_as_a_repeated_parameter(httpserver, thanx):
    serve(httpserver, 3)
    assert len(ids(thanx().partner_feedbacks("m", None, ["rated", "reviewed"]))) == 3
    assert httpserver.log[0][0].args.getlist("states[]") == ["rated", "reviewed"]


def test_an_invalid_state_or_time_is_not_requested(thanx):
    with pytest.raises(InvalidRequest, match="no such state"):
        thanx().partner_feedbacks("m", None, ["happy"])
    with pytest.raises(InvalidRequest, match="zone"):
        thanx().partner_feedbacks("m", datetime(2024, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidRequest, match="THANX_MERCHANT_ID"):
        thanx().partner_feedbacks("")


def test_a_consumers_list_that_announces_more_pages_is_not_complete(httpserver, thanx):
    said = {"feedbacks": [{"id": "a"}], "pagination": {"current_page": 1, "total_pages": 4}}
    httpserver.expect_request("/feedbacks").respond_with_json(said)
    with pytest.raises(RowsMissing, match="THANX_MERCHANT_ID"):
        list(thanx().feedbacks())


def test_an_error_is_quoted_with_code_and_message(httpserver, thanx):
    said = {"error": {"code": "unauthorized", "message": "Bad token"}}
    httpserver.expect_request("/feedbacks").respond_with_json(said, status=401)
    with pytest.raises(PermanentError, match="Bad token: unauthorized") as caught:
        thanx().ping()
    assert "THANX_ACCESS_TOKEN" in caught.value.advice


@pytest.mark.parametrize("odd", [{}, {"feedbacks": None}, [], {"feedback": []}])
def test_an_unknown_envelope_is_an_error(httpserver, thanx, odd):
    httpserver.expect_request("/feedbacks").respond_with_json(odd)
    with pytest.raises(EnvelopeNotRecognised):
        list(thanx().feedbacks())


def test_the_merchant_check_requests_one_row(httpserver, thanx):
    serve(httpserver, 5)
    thanx(merchant_id="m").ping()
    assert httpserver.log[0][0].args["per_page"] == "1"


def test_a_missing_token_is_named():
    with pytest.raises(CredentialsMissing, match="THANX_ACCESS_TOKEN"):
        Thanx(access_token=None)
