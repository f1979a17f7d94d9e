"""A registered secret appears in no text and no log record, in any encoding."""

from __future__ import annotations

import html
import io
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from feedback_assets.http.masking import mask, register

ODD = "K/e y+ü&%='\"<0>\\end"


@pytest.mark.parametrize(
    "form",
    [
        ODD,
        quote(ODD),
        quote(ODD, safe=""),
        quote_plus(ODD),
        quote_plus(ODD).lower().replace("k%2fe+y", "K%2fe+y"),
        json.dumps(ODD)[1:-1],
        html.escape(ODD),
        repr(ODD)[1:-1],
    ],
)
def test_a_secret_is_masked_in_every_encoding(form):
    register(ODD)
    masked = mask(f"before {form} after")
    assert masked == "before *** after"


def test_a_short_secret_is_masked_only_as_a_whole_word():
    register("4711")
    assert mask("u=4711&t=147110 4711 a4711") == "u=***&t=147110 *** a4711"


def test_blank_secrets_are_ignored():
    register("", None)
    assert mask("nothing here") == "nothing here"


@pytest.mark.parametrize("name", ["urllib3.connectionpool", "requests", "urllib3.util.retry"])
def test_log_records_of_http_libraries_are_masked_including_arguments_and_traceback(name):
    register("log-secret-99")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        logger.debug("%s %s", "/x?k=log-secret-99", 5)
        logger.warning("%s %s", "too few log-secret-99")  # noqa: PLE1206 - as libraries do
        try:
            raise ValueError("log-secret-99")  # noqa: TRY301
        except ValueError:
            logger.exception("it broke")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert "log-secret" not in stream.getvalue()
    assert "/x?k=*** 5" in stream.getvalue()
    assert "ValueError: ***" in stream.getvalue()
