"""One customer on one page: identity, purchases, clicks and answers."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from markdown_it import MarkdownIt
from pytest_httpserver import HTTPServer

from feedback_assets.diagnosis.providers import connect
from feedback_assets.jobs.contact import (
    SHOWN,
    Customer,
    UnknownContact,
    look_up,
    markdown,
    plain,
    sections,
    with_masked_texts,
)
from feedback_assets.providers.wicked_reports.client import WickedReports
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.jobs.launching import fill, launch

JOB = "refresh_contact"
FIRST = YESTERDAY - timedelta(days=6)


def found(project: Project, key: str) -> Customer:
    with connect(WickedReports.PROVIDER, project.settings) as client:
        assert isinstance(client, WickedReports)
        return look_up(client, project.warehouse, key, zone="UTC")


@pytest.fixture
def answered(shop: Project) -> dict[str, object]:
    """A stored answer, and its matched order."""
    fill(shop, FIRST, YESTERDAY, "wicked_reports.orders", "thanx.feedbacks")
    names = ("unified.orders", "unified.attribution", "unified.feedback", "marts.order_feedback")
    fill(shop, FIRST, YESTERDAY, *names)
    orders = shop.warehouse.read_arrow(find_table("unified.orders")).to_pylist()
    by_id = {order["order_id"]: order for order in orders if order["customer_email"]}
    answers = shop.warehouse.read_arrow(find_table("marts.order_feedback")).to_pylist()
    answer = next(row for row in answers if row["order_id"] in by_id and row["comment"])
    return {**by_id[answer["order_id"]], "comment": answer["comment"], "score": answer["score"]}


def test_email_id_and_source_id_lead_to_the_same_page(
    shop: Project, sandbox: Sandbox, answered: dict[str, object]
) -> None:
    keys = [str(answered[name]) for name in ("customer_email", "contact_id", "contact_source_id")]
    sandbox.forget_requests()
    pages = [shop.run("contact", key) for key in keys]
    assert [page.exit_code for page in pages] == [0, 0, 0], pages[0].output
    assert len({page.stdout for page in pages}) == 1
    text = pages[0].stdout
    for words in (answered["contact_id"], answered["order_id"], answered["comment"], "order_id"):
        assert str(words) in text
    assert [word for word in ("Customer", "Orders", "Clicks", "Feedback") if word in text] == [
        "Customer", "Orders", "Clicks", "Feedback"
    ]  # fmt: skip
    # Contact, orders and clicks, one request each.
    assert sum(sandbox.requests.values()) == 3 * len(keys)


def test_the_net_amount_of_an_order_equals_the_tables(
    shop: Project, answered: dict[str, object]
) -> None:
    held = shop.warehouse.read_arrow(find_table("unified.orders")).to_pylist()
    mine = {
        row["order_id"]: (row["net_amount"], row["item_count"])
        for row in held
        if row["contact_id"] == answered["contact_id"]
    }
    live = {
        row["id"]: (row["net_amount"], row["item_count"])
        for row in found(shop, str(answered["contact_id"])).orders
    }
    assert mine
    assert mine == {key: value for key, value in live.items() if key in mine}


def test_lists_show_the_newest_fifty_newest_first(shop: Project) -> None:
    fill(shop, FIRST, YESTERDAY, "wicked_reports.orders", "unified.orders")
    key = shop.warehouse.read_arrow(find_table("unified.orders"))["contact_id"][0].as_py()
    customer = found(shop, key)
    assert customer.orders
    for rows in (customer.orders, customer.clicks):
        times = [row["date"] for row in rows]
        assert times == sorted(times, reverse=True)
    many = Customer(customer.contact, customer.orders * 60, customer.clicks, ())
    orders = sections(many)[1]
    assert len(orders.rows) == SHOWN
    assert orders.note.startswith(f"{len(many.orders)}, live")
    assert f"the newest {SHOWN} are shown" in orders.note


def test_the_job_stores_the_page_only_as_markdown_metadata(
    shop: Project, answered: dict[str, object]
) -> None:
    run = launch(shop, JOB, {"key": str(answered["contact_id"])})
    assert run.success
    page = run.metadata["customer"]
    assert str(answered["order_id"]) in page
    assert run.metadata["orders"] >= 1
    assert run.metadata["feedback"] >= 1
    email = str(answered["customer_email"])
    assert email in page.lower()
    telling = [event for event in run.events if email in event.lower()]
    assert len(telling) == 1
    assert "STEP_OUTPUT" in telling[0]


def test_the_stored_page_masks_addresses_and_numbers_in_comments_and_replies() -> None:
    answer = {"comment": "Write to ann@example.com", "reply": None, "score": 3}
    customer = Customer({}, (), (), (answer,))
    (masked,) = with_masked_texts(customer).feedback
    assert masked == {"comment": "Write to [e-mail]", "reply": None, "score": 3}
    assert customer.feedback == (answer,)


def test_an_unknown_key_is_reported_as_unknown(shop: Project) -> None:
    for key in ("nobody@example.com", "AB-9999999", "no such id"):
        result = shop.run("contact", key)
        assert result.exit_code == 1
        assert "has no contact with that key" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert not result.stdout
    run = launch(shop, JOB, {"key": "nobody@example.com"})
    assert not run.success
    assert "has no contact with that key" in run.failure
    with pytest.raises(UnknownContact):
        found(shop, "nobody@example.com")


def test_an_invalid_contact_key_is_not_requested(shop: Project, sandbox: Sandbox) -> None:
    for key in ("", " ", ".."):
        result = shop.run("contact", key)
        assert result.exit_code == 1
        assert "give an id or an e-mail" in result.stderr
    assert sum(sandbox.requests.values()) == 0


def test_without_credentials_the_error_names_the_variable_to_set(project: Project) -> None:
    result = project.run("contact", "ana@example.com")
    assert result.exit_code == 1
    assert "WICKED_REPORTS_API_KEY" in result.stderr


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "https://evil.example and www.evil.example",
    "a | b \\| c",
    "line\n\n# heading\n\n| x |\n",
    "`code` *bold* _it_ ~~gone~~ &lt;b&gt; \\",
    "<https://evil.example>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_page_does_not_interpret_customer_text(text: str) -> None:
    answer = {
        "provider": "thanx",
        "responded_at": datetime(2024, 5, 1, 10, tzinfo=UTC),
        "score": 3,
        "nps_class": "detractor",
        "stars": None,
        "comment": text,
        "reply": text,
        "status": text,
        "is_spam": False,
        "order_id": text,
        "match_method": None,
    }
    customer = Customer({"id": text, "email": text, "firstName": text}, (), (), (answer,))
    page = markdown(sections(customer))
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(page)
    assert [token.type for token in tokens].count("table_open") == 2
    assert [token.type for token in tokens].count("heading_open") == 4
    inner = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inner} <= {"text", "text_special"}
    assert not [token for token in tokens if token.type.startswith(("html", "code", "fence"))]
    # Text is shown unchanged on one line; addresses are not clickable.
    shown = ["".join(c.content for c in token.children or ()) for token in tokens if token.children]
    assert [cell.replace("\u2060", "") for cell in shown].count(plain(text)) == 7
    for cell in shown:
        assert "://" not in cell
        assert "www." not in cell


def test_customer_text_does_not_control_the_terminal(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact = {
        "id": "AB-1",
        "firstName": "\x1b]0;owned\x07\x1b[2J[bold red]Ana[/]",
        "lastName": "null",
        "email": "ana@example.com",
        "createDate": "yesterday",
    }
    one = {"status": "success", "result": contact}
    none = {"status": "success", "results": [], "page": 1, "totalPages": 0, "total": 0}
    httpserver.expect_request("/contacts/AB-1").respond_with_json(one)
    httpserver.expect_request("/contacts/AB-1/orders").respond_with_json(none)
    httpserver.expect_request("/contacts/AB-1/clicks").respond_with_json(none)
    monkeypatch.setenv("WICKED_REPORTS_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("WICKED_REPORTS_API_KEY", "key-of-a-test")
    result = project.run("contact", "AB-1")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert "[bold red]Ana[/]" in result.stdout
    assert "null" not in result.stdout
    assert "yesterday" in result.stdout
    assert json.dumps(contact["email"]).strip('"') in result.stdout
    assert "None, stored in the warehouse." in result.stdout
