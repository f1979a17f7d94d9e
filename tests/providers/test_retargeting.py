"""Retargeting: masked secrets in the query, errors in the body, one unfiltered list."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from feedback_assets.http.errors import (
    CredentialsMissing,
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
    TransientError,
)
from feedback_assets.providers.retargeting.client import Retargeting

PATH = "/v1/email-campaigns/json-feedback"


@pytest.fixture
def retargeting(httpserver, kit):
    with Retargeting(
        rest_key="rest-key-0815", customer_id="42AB", url=httpserver.url_for("/v1"), retry=kit.quick
    ) as one:
        yield one


def good(rows):
    return {"status": "success", "data": rows}


def test_the_list_is_one_page_and_credentials_are_query_parameters(httpserver, retargeting):
    httpserver.expect_request(PATH).respond_with_json(good([{"score": 10}, {"score": None}]))
    (page,) = retargeting.feedback()
    assert (page.count, json.loads(page.records)[1]) == (2, {"score": None})
    assert dict(httpserver.log[0][0].args) == {"k": "rest-key-0815", "u": "42AB"}


def test_times_are_sent_as_unix_seconds(httpserver, retargeting):
    httpserver.expect_request(PATH).respond_with_json(good([]))
    assert list(retargeting.feedback(datetime(2024, 11, 30, 11, 47, 49, tzinfo=UTC))) == []
    assert httpserver.log[0][0].args["t"] == "1732967269"
    with pytest.raises(InvalidRequest, match="zone"):
        list(retargeting.feedback(datetime(2024, 1, 1)))  # noqa: DTZ001


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("No customer id provided!", "RETARGETING_CUSTOMER_ID"),
        ("No rest key provided!", "RETARGETING_REST_KEY"),
        ("Incorrect rest key!", "RETARGETING_REST_KEY"),
        ("No customer found with the provided id!", "RETARGETING_CUSTOMER_ID"),
        ("Your account is not active!", "reactivate"),
    ],
)
def test_every_documented_error_has_a_remedy(httpserver, retargeting, status, message, advice):
    said = {"status": "error", "message": message}
    httpserver.expect_request(PATH).respond_with_json(said, status=status)
    with pytest.raises(PermanentError) as caught:
        retargeting.ping()
    assert caught.value.message == message
    assert advice in caught.value.advice
    assert len(httpserver.log) == 1


def test_something_went_wrong_is_retried(httpserver, retargeting):
    said = {"status": "error", "message": "Something went wrong"}
    httpserver.expect_request(PATH).respond_with_json(said)
    with pytest.raises(TransientError, match="Something went wrong"):
        retargeting.ping()
    assert len(httpserver.log) == 3


def test_a_fail_status_with_data_is_an_error(httpserver, retargeting):
    said = {"status": "fail", "data": {"t": "is no time"}}
    httpserver.expect_request(PATH).respond_with_json(said)
    with pytest.raises(PermanentError, match="t: is no time"):
        list(retargeting.feedback())


@pytest.mark.parametrize("odd", [{"status": "success"}, {"data": None}, {"data": {"0": {}}}, []])
def test_an_unknown_envelope_is_an_error(httpserver, retargeting, odd):
    httpserver.expect_request(PATH).respond_with_json(odd)
    with pytest.raises(EnvelopeNotRecognised):
        list(retargeting.feedback())


def test_logs_and_errors_show_neither_key_nor_customer(httpserver, retargeting, caplog):
    said = {"status": "error", "message": "rest-key-0815 of 42AB is wrong"}
    httpserver.expect_request(PATH).respond_with_json(said)
    with caplog.at_level(logging.DEBUG, "urllib3"), pytest.raises(PermanentError) as caught:
        retargeting.ping()
    # The test server logs its requests; it stands in for the provider.
    logged = [r.getMessage() for r in caplog.records if r.name != "werkzeug"]
    shown = f"{logged} {caught.value!r} {retargeting!r} {retargeting.__dict__}"
    assert any("json-feedback?" in line for line in logged)
    assert "rest-key-0815" not in shown
    assert "42AB" not in shown


def test_both_missing_credentials_are_named():
    with pytest.raises(CredentialsMissing, match="RETARGETING_REST_KEY, RETARGETING_CUSTOMER_ID"):
        Retargeting(rest_key=None, customer_id=" ")
