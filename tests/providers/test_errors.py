"""Errors are one masked line with all details, and survive pickling between processes."""

from __future__ import annotations

import pickle

import pytest

from feedback_assets.http.errors import (
    CredentialsMissing,
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
    ProviderError,
    RowsMissing,
    TransientError,
)
from feedback_assets.http.masking import register

ERRORS = [
    PermanentError("no", provider="thanx", endpoint="GET /x", status=401, advice="look"),
    TransientError("later", provider="thanx"),
    InvalidRequest("bad", provider="thanx", endpoint="GET /x"),
    CredentialsMissing("fullwhere", ("FULLWHERE_API_KEY", "FULLWHERE_API_SECRET")),
    EnvelopeNotRecognised("results", "the keys a", provider="thanx", endpoint="GET /x"),
    RowsMissing(provider="thanx", endpoint="GET /x", announced=3, came=2),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_survives_pickling_with_all_fields(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.__dict__ == error.__dict__
    assert str(copy) == str(error)
    assert isinstance(copy, ProviderError)


def test_the_error_message_names_every_detail():
    assert str(ERRORS[0]) == "thanx GET /x answered 401: no; look."


def test_every_missing_variable_is_named():
    for name in ("FULLWHERE_API_KEY", "FULLWHERE_API_SECRET"):
        assert name in str(ERRORS[3])


def test_an_error_message_is_one_short_masked_line():
    register("sesame-open-0815")
    error = PermanentError("a\n\tb\x00c sesame-open-0815 " + "x" * 9999, provider="thanx")
    assert "\n" not in str(error)
    assert "sesame" not in str(error)
    assert len(error.message) <= 300


def test_only_errors_that_a_retry_can_fix_are_transient():
    assert [error.transient for error in ERRORS] == [False, True, False, False, False, True]
