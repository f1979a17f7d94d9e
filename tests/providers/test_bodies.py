"""Response bodies: character sets, and halves of surrogate pairs."""

import json
import logging

import pytest

from feedback_assets.http.bodies import as_utf8, refusal

JSON = "application/json"


def test_half_a_surrogate_pair_costs_one_character_not_the_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = rb'{"data": [{"text": "caf\ud83d"}, {"text": "\ud83d\ude00 \\ud83d"}]}'
    with caplog.at_level(logging.WARNING):
        repaired = as_utf8(body, JSON, where="thanx GET /feedbacks")
    assert refusal(repaired) is None
    assert json.loads(repaired) == {"data": [{"text": "caf\ufffd"}, {"text": "😀 \\ud83d"}]}
    assert "thanx GET /feedbacks" in caplog.text


def test_a_body_with_complete_escapes_is_unchanged() -> None:
    body = rb'{"data": ["\ud83d\ude00", "\u00e9"]}'
    assert as_utf8(body, JSON, where="x") is body


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"name": "Zoë"}'.encode(), JSON),
        ('{"name": "Zoë"}'.encode("latin-1"), f"{JSON}; charset=ISO-8859-1"),
        ('{"name": "Zoë"}'.encode("utf-16"), JSON),
        (b"\xef\xbb\xbf" + '{"name": "Zoë"}'.encode(), JSON),
    ],
)
def test_a_name_survives_any_character_set(body: bytes, content_type: str) -> None:
    assert json.loads(as_utf8(body, content_type, where="x")) == {"name": "Zoë"}
