"""Delivery: every URL is independent, messages are plain text, and credentials never leak."""

import logging

import pytest
from pytest_httpserver import HTTPServer

from feedback_assets.alerts.delivery import (
    Message,
    Target,
    deliver,
    harmless,
    send_pending,
    targets,
)
from feedback_assets.definitions import build_defs
from feedback_assets.http.masking import mask, url_secrets
from feedback_assets.settings import SettingsError, load_settings
from tests.alerts.mailbox import Mailbox
from tests.conftest import Project

NASTY = (
    '<b>x</b> <a href="https://evil.example">y</a> [z](https://evil.example) @channel <!here> *!*'
)
TOKEN = "TIiajkdnlazkcOXrIdevi7FQ"


def hook(server: HTTPServer, path: str = "/hook", status: int = 200) -> str:
    server.expect_request(path, method="POST").respond_with_data("", status)
    return f"json://{server.host}:{server.port}{path}"


def chosen(*urls: str) -> tuple[Target, ...]:
    return targets(load_settings({"FEEDBACK_ALERT_URLS": ", ".join(urls)}))


def test_a_webhook_receives_title_and_text_unchanged(httpserver: HTTPServer) -> None:
    (target,) = chosen(hook(httpserver))
    assert deliver(target, Message("Two lines", f"first\n{NASTY}")) == ""
    ((request, _),) = httpserver.log
    assert request.json["title"] == "Two lines"
    assert request.json["message"] == f"first\n{NASTY}"


@pytest.mark.parametrize("form", ["", "&format=text", "&format=html"])
def test_a_mail_shows_customer_text_without_interpreting_it(
    mailbox: tuple[Mailbox, str], form: str
) -> None:
    box, url = mailbox
    (target,) = chosen(url + form)
    assert deliver(target, Message("A title", f"Comment: {NASTY}\nnext")) == ""
    (mail,) = box.mails
    assert mail["Subject"] == "A title"
    for part in mail.walk():
        if part.get_content_type() == "text/html":
            assert "<b>x</b>" not in part.get_content()
            assert "<a href" not in part.get_content()
            assert "&lt;b&gt;x" in part.get_content()
        elif part.get_content_type() == "text/plain":
            assert "<b>x</b>" in part.get_content()


def test_customer_text_creates_no_link_and_mentions_no_one() -> None:
    shown = harmless(f"{NASTY}\n\x1b[31mwww.evil.example ana@example.com", 500)
    for live in ("https://", "@channel", "<!here", "www.", "\n", "\x1b"):
        assert live not in shown
    assert "ana@example.com" in shown
    assert len(harmless("x" * 1000, 400)) == 400
    assert harmless(None, 400) == ""


def test_only_the_url_that_failed_is_retried(
    httpserver: HTTPServer,
) -> None:
    good = hook(httpserver, "/good")
    bad = hook(httpserver, "/bad", 500)
    both = chosen(good, bad)
    pending = {target.key: ["a", "b"] for target in both}
    asked: list[list[str]] = []

    def compose(items: list[str]) -> Message:
        asked.append(items)
        return Message("title", "\n".join(items))

    sent = send_pending(both, pending, compose)
    assert sent.pending == {both[1].key: ["a", "b"]}
    assert sent.taken == ("URL 1 (JSON)",)
    assert "URL 2 (JSON)" in sent.summary
    assert "500" in sent.summary
    httpserver.clear()
    hook(httpserver, "/bad")
    sent = send_pending(both, sent.pending, compose)
    assert sent.pending == {}
    assert [request.path for request, _ in httpserver.log] == ["/bad"]
    # A URL removed from the setting is forgotten.
    assert send_pending(both[:1], pending | {"gone": ["a"]}, compose).pending == {
        both[0].key: ["a", "b"]
    }


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("{0},support={0}", set()),
        ("support={0},{0}", set()),
        ("support={0},marketing={0},support+operators={0}", {"support", "marketing", "operators"}),
    ],
)
def test_a_url_listed_twice_receives_each_message_once_and_has_the_tags_of_both(
    httpserver: HTTPServer, written: str, tags: set[str]
) -> None:
    (target, other) = chosen(written.format(hook(httpserver)), hook(httpserver, "/other"))
    assert (target.name, target.tags) == ("URL 1 (JSON)", tags)
    assert other.number > 2, "the number in the setting"
    sent = send_pending([target], {target.key: ["a"]}, lambda _: Message("title", "body"))
    assert sent.pending == {}
    assert [request.path for request, _ in httpserver.log] == ["/hook"]


def test_an_alert_url_does_not_follow_redirects(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data(
        "", 302, headers={"Location": httpserver.url_for("/elsewhere")}
    )
    httpserver.expect_request("/elsewhere").respond_with_data("")
    (target,) = chosen(f"json://{httpserver.host}:{httpserver.port}/hook")
    assert deliver(target, Message("title", "body"))
    assert [request.path for request, _ in httpserver.log] == ["/hook"]


@pytest.mark.parametrize(
    "text",
    ["hunter2hunter2", "nosuch://hunter2hunter2/x", "slack://hunter2hunter2", "json:// hunter2"],
)
def test_an_invalid_url_stops_loading_and_is_not_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build_defs(load_settings({"FEEDBACK_ALERT_URLS": f"{text}, json://127.0.0.1/x"}))
    assert str(caught.value).startswith("FEEDBACK_ALERT_URLS: ")
    assert "URL 1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_urls_are_split_where_a_new_url_begins() -> None:
    mail = "mailto://me:a,b@example.com?to=a@b.example,c@d.example"
    settings = load_settings(
        {"FEEDBACK_ALERT_URLS": f" {mail} , json://host/x\njson://host/y, {mail}"}
    )
    assert settings.alert_urls == (mail, "json://host/x", "json://host/y")
    assert load_settings({}).alert_urls == ()


def test_no_possible_secret_in_a_url_is_shown(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture, project: Project
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"json://somebody:hunter2@{httpserver.host}:{httpserver.port}/{TOKEN}?+X-Key=Sup3rS3cret"
    httpserver.expect_request(f"/{TOKEN}").respond_with_data(f"{TOKEN} Sup3rS3cret hunter2", 403)
    settings = load_settings({"FEEDBACK_ALERT_URLS": url, "DAGSTER_HOME": str(project.home)})
    (target,) = targets(settings)
    reason = deliver(target, Message("title", "body"))
    assert "403" in reason
    kept = "".join(path.read_text() for path in project.home.glob("*.json"))
    assert "JSON" in kept
    # The local test server logs the requested URL.
    logged = " ".join(r.getMessage() for r in caplog.records if r.name != "werkzeug")
    said = f"{reason} {logged} {target!r} {settings!r} {kept}"
    for secret in ("hunter2", TOKEN, "Sup3rS3cret"):
        assert secret not in said
        assert secret not in mask(f"see {secret}")


def test_plain_words_in_a_url_are_not_treated_as_secrets() -> None:
    url = f"https://hooks.slack.com/services/{TOKEN}?format=markdown&overflow=truncate"
    assert url_secrets(url) == {url, TOKEN}
    assert "qwertyuiopasdfghjklz" in url_secrets("json://host/qwertyuiopasdfghjklz")
    assert "p@ss" in url_secrets("mailto://me:p%40ss@example.com")


def test_the_command_reports_which_url_accepted_the_test(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = project.run("alert-test")
    assert nothing.exit_code == 2
    assert "FEEDBACK_ALERT_URLS" in nothing.output
    good, bad = hook(httpserver, "/good"), hook(httpserver, "/bad", 500)
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", good)
    assert project.run("alert-test").output == "✓ URL 1 (JSON): delivered\n"
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"{good} {bad}")
    mixed = project.run("alert-test")
    assert mixed.exit_code == 1
    assert "✗ URL 2 (JSON)" in mixed.output
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", "slack://no")
    assert project.run("alert-test").exit_code == 2
