"""FeedbackPulse: paging by the total, filters, and submissions validated before sending."""

from __future__ import annotations

import json
from datetime import date

import pytest
from werkzeug import Request, Response

from feedback_assets.http.errors import (
    CredentialsMissing,
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
    RowsMissing,
)
from feedback_assets.providers.feedbackpulse.client import FeedbackPulse

PATH = "/api/v2/submissions"


@pytest.fixture
def pulse(httpserver, kit):
    with FeedbackPulse(
        url=httpserver.url_for(""), api_key="the-key", retry=kit.quick, requests_per_minute=99999
    ) as one:
        yield one


def serve(httpserver, count, cap=100, said=None):
    def handle(request: Request) -> Response:
        number, size = int(request.args["page"]), min(cap, int(request.args["per_page"]))
        part = [{"id": i} for i in range(count)][(number - 1) * size : number * size]
        meta = {"current_page": number, "per_page": size, "total": said or count}
        return Response(json.dumps({"data": part, "meta": meta}))

    httpserver.expect_request(PATH).respond_with_handler(handle)


def ids(pages):
    return [row["id"] for page in pages for row in json.loads(page.records)]


@pytest.mark.parametrize(
    ("count", "cap", "requests"),
    [(0, 100, 1), (1, 100, 1), (100, 100, 1), (300, 100, 3), (250, 100, 3), (45, 15, 3)],
)
def test_a_list_takes_as_many_requests_as_it_has_pages(httpserver, pulse, count, cap, requests):
    serve(httpserver, count, cap)
    assert ids(pulse.submissions()) == list(range(count))
    assert pulse.requests == requests


def test_only_filters_that_are_set_are_sent(httpserver, pulse):
    serve(httpserver, 1)
    list(pulse.submissions(date(2024, 1, 1), date(2024, 1, 2), "spam", 3, 4))
    list(pulse.submissions())
    assert dict(httpserver.log[0][0].args) == {
        "page": "1",
        "per_page": "100",
        "from": "2024-01-01",
        "to": "2024-01-02",
        "status": "spam",
        "campaign_id": "3",
        "product_id": "4",
    }
    assert dict(httpserver.log[1][0].args) == {"page": "1", "per_page": "100"}
    assert httpserver.log[0][0].headers["Authorization"] == "Bearer the-key"


def test_fewer_rows_than_announced_are_an_error(httpserver, pulse):
    serve(httpserver, 150, said=160)
    with pytest.raises(RowsMissing) as caught:
        list(pulse.submissions())
    assert (caught.value.announced, caught.value.came) == (160, 150)


@pytest.mark.parametrize("tail", ["", "/", "/api/v2", "/api/v2/"])
def test_the_path_of_the_api_is_added_once(httpserver, kit, tail):
    serve(httpserver, 1)
    url = httpserver.url_for("").rstrip("/") + tail
    assert ids(FeedbackPulse(url=url, api_key="the-key", retry=kit.quick).submissions()) == [0]


def test_an_unknown_status_or_reversed_days_are_not_requested(pulse):
    with pytest.raises(InvalidRequest, match="no such status"):
        pulse.submissions(status="happy")
    with pytest.raises(InvalidRequest, match="swap"):
        pulse.submissions(date(2024, 1, 2), date(2024, 1, 1))


def test_one_submission_is_unwrapped(httpserver, pulse):
    one = {"id": 42, "status": "approved"}
    httpserver.expect_request(f"{PATH}/42").respond_with_json({"data": one})
    assert pulse.submission(42) == one


@pytest.mark.parametrize("status", [200, 401])
def test_its_error_body_is_recognised_with_any_status(httpserver, pulse, status):
    said = {"error": "Unauthenticated.", "status": 401}
    httpserver.expect_request(PATH).respond_with_json(said, status=status)
    with pytest.raises(PermanentError, match="Unauthenticated") as caught:
        pulse.ping()
    assert caught.value.status == 401
    assert "FEEDBACKPULSE_API_KEY" in caught.value.advice


@pytest.mark.parametrize("odd", [{}, {"data": None}, {"data": {}}, [], {"items": []}])
def test_an_unknown_envelope_is_an_error(httpserver, pulse, odd):
    httpserver.expect_request(PATH).respond_with_json(odd)
    with pytest.raises(EnvelopeNotRecognised):
        list(pulse.submissions())


@pytest.mark.parametrize(
    "wrong",
    [
        {"star_rating": 0},
        {"star_rating": 6},
        {"star_rating": 4.5},
        {"star_rating": True},
        {"nps_score": -1},
        {"nps_score": 11},
        {"nps_score": "9"},
        {"campaign_id": None, "nps_score": 5},
        {"campaign_id": 0, "nps_score": 5},
        {},
        {"text_feedback": "  "},
    ],
)
def test_an_invalid_submission_is_not_sent(pulse, wrong):
    with pytest.raises(InvalidRequest):
        pulse.create(**{"campaign_id": 1, **wrong})
    assert pulse.requests == 0


def test_a_submission_is_sent_unchanged_and_an_nps_of_0_is_a_score(httpserver, pulse):
    made = {"id": 43, "status": "pending"}
    httpserver.expect_request(
        PATH, method="POST", json={"campaign_id": 1, "nps_score": 0, "customer_name": "J"}
    ).respond_with_json({"data": made, "message": "Submission created successfully"}, status=201)
    assert pulse.create(campaign_id=1, nps_score=0, customer_name="J") == made


def test_a_submission_is_never_sent_twice(httpserver, pulse):
    httpserver.expect_request(PATH, method="POST").respond_with_json({}, status=502)
    with pytest.raises(PermanentError, match="may have been processed"):
        pulse.create(campaign_id=1, nps_score=3)
    assert len(httpserver.log) == 1


def test_a_missing_address_and_a_missing_key_are_both_named():
    with pytest.raises(CredentialsMissing, match="FEEDBACKPULSE_URL, FEEDBACKPULSE_API_KEY"):
        FeedbackPulse(url=None, api_key="")
