"""What a webhook and a mail server receive is what docs/operations.md shows, byte for byte."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pytest_httpserver import HTTPServer

from feedback_assets.alerts.delivery import Message, deliver, targets
from feedback_assets.alerts.detractors import Detractor, compose
from feedback_assets.settings import load_settings
from tests.alerts.mailbox import Mailbox
from tests.test_documents import ROOT

DETRACTOR = Detractor(
    feedback_id="feedbackpulse:5207",
    provider="feedbackpulse",
    responded_at=datetime(2026, 11, 29, 14, 2, tzinfo=UTC),
    score=2,
    comment="Arrived broken. Call me: 0170 1234567",
    answered=False,
    replied_at=None,
    # pragma: allowlist nextline secret
    customer_key="9f2c41d07be6a83f5d1e0c94b7a26d38ef51c07a4b9d82e6135fa0c8d7e4b291",
    order_id="WR-5016804",
    order_source_id="1042",
    ordered_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    currency="EUR",
    net_amount=Decimal("143.5000"),
    customer_net_amount=None,
    first_click_source="google",
    first_click_medium="cpc",
    first_click_campaign="spring",
    last_click_source="newsletter",
    last_click_medium=None,
    last_click_campaign=None,
)


def message() -> Message:
    found = compose([DETRACTOR], [DETRACTOR.feedback_id], "https://dagster.example.com")
    assert found is not None
    return found


def shown(language: str) -> str:
    """The block of the page in this language that shows the alert."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page[page.index("### A new unhappy customer") :]
    found = re.search(rf"```{language}\n(.*?)\n```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_webhook_receives_the_shown_body(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    url = f"json://127.0.0.1:{httpserver.port}/hook"
    (target,) = targets(load_settings({"FEEDBACK_ALERT_URLS": url}))
    assert deliver(target, message()) == ""
    ((request, _),) = httpserver.log
    assert request.content_type == "application/json"
    assert request.data == json.dumps(json.loads(shown("json"))).encode()


@pytest.mark.parametrize("form", ["", "&format=text"])
def test_a_mail_server_receives_the_shown_text(mailbox: tuple[Mailbox, str], form: str) -> None:
    box, url = mailbox
    (target,) = targets(load_settings({"FEEDBACK_ALERT_URLS": url + form}))
    assert deliver(target, message()) == ""
    (mail,) = box.mails
    (text,) = (part for part in mail.walk() if part.get_content_type() == "text/plain")
    body = text.get_payload(decode=True)
    assert isinstance(body, bytes)
    subject, _, rest = shown("text").partition("\n\n")
    assert f"Subject: {mail['Subject']}" == subject
    assert body.replace(b"\r\n", b"\n").strip() == rest.encode()
