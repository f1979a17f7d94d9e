"""One HTTP layer: every fault ends in bounded time, with correct data or a clear error."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import zlib
from dataclasses import replace
from email.utils import formatdate

import pytest

from feedback_assets.http.errors import PermanentError, ProviderError, TransientError
from feedback_assets.http.transport import QueryAuth
from tests.servers.supervised import wait_until

GOOD = {"status": "success", "results": [1]}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def failing(client, kind=ProviderError, path="/x", **more):
    with pytest.raises(kind) as caught:
        client.get(path, **more)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).__dict__ == caught.value.__dict__
    return caught.value


@pytest.mark.parametrize("status", ["429 Too Many", "500 Oops", "502 Bad", "503 No", "504 Late"])
def test_a_transient_status_is_retried(raw, client, kit, status):
    server = raw(kit.answer({"message": "wait"}, status), kit.answer(GOOD))
    one = client(server.url)
    assert json.loads(one.get("/x")) == GOOD
    assert one.requests == 2


@pytest.mark.parametrize(
    "told",
    [
        {"Retry-After": "0.3"},
        {"Retry-After": lambda: formatdate(time.time() + 3600, usegmt=True)},
        {"x-ratelimit-reset": "0.3"},
        {"x-ratelimit-reset": lambda: str(time.time() + 3600)},
        {"x-ratelimit-reset": lambda: str(int(time.time() * 1000) + 3_600_000)},
        {"x-ratelimit-reset": lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(9e9))},
    ],
)
def test_each_retry_after_notation_is_honoured_up_to_the_cap(raw, client, kit, told):
    headers = {name: value() if callable(value) else value for name, value in told.items()}
    server = raw(kit.answer({}, "429 Too Many", headers), kit.answer(GOOD))
    one = client(server.url, retry=replace(kit.quick, longest_wait=0.25))
    began = time.monotonic()
    one.get("/x")
    assert 0.24 <= time.monotonic() - began < 60


def test_a_lasting_rate_limit_ends_in_an_error_that_names_the_setting(raw, client, kit):
    server = raw(kit.answer({"message": "Too many"}, "429 Too Many", {"Retry-After": "0"}))
    error = failing(client(server.url), TransientError)
    assert len(server.requests) == 3
    assert "TESTED_RATE" in error.advice


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 422])
def test_a_rejected_request_fails_at_once_with_all_details(raw, client, kit, status):
    server = raw(kit.answer({"status": "error", "message": "Not for you."}, f"{status} No"))
    error = failing(client(server.url), PermanentError, "/orders", params={"from": "2024-01-01"})
    assert len(server.requests) == 1
    assert (error.provider, error.endpoint, error.status) == ("tested", "GET /orders", status)
    assert error.message == "Not for you."
    assert error.advice
    assert "2024" not in str(error)


def test_a_401_names_the_variable_and_a_404_the_address(raw, client, kit):
    server = raw(kit.answer({}, "401 No"), kit.answer({}, "404 No"))
    assert "TESTED_KEY" in failing(client(server.url)).advice
    assert server.url in failing(client(server.url)).advice


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "m"}, "m"),
        ({"error": "e", "status": 401}, "e"),
        ({"error": {"code": "c", "message": "m"}}, "m: c"),
        ({"status": "fail", "data": {"u": "unknown"}}, "u: unknown"),
        ({"message": "invalid", "errors": {"from": ["is no date"]}}, "invalid: from: is no date"),
        ({"message": ["a", "b"], "statusCode": 400}, "a; b"),
        (["x"], "x"),
        (b"<html>no</html>", "a web page (HTML) instead of JSON"),
        (b"", "an empty body"),
        (b"plain words", "plain words"),
    ],
)
def test_the_provider_message_is_quoted_for_any_error_shape(raw, client, kit, body, words):
    assert failing(client(raw(kit.answer(body, "400 Bad")).url)).message == words


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "message": "no"},
        {"status": "fail", "data": {"k": "no"}},
        {"status": "ERROR", "message": "no", "results": []},
        {"error": "no", "status": 401},
        {"error": {"code": 1, "message": "no"}},
    ],
)
def test_an_error_body_is_an_error_with_any_status(raw, client, kit, body):
    server = raw(kit.answer(body))
    assert "no" in failing(client(server.url), PermanentError).message
    assert len(server.requests) == 1


def test_a_rate_limit_reported_only_in_the_body_is_transient(raw, client, kit):
    server = raw(kit.answer({"status": "error", "message": "Too many requests"}), kit.answer(GOOD))
    client(server.url).get("/x")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param(lambda k: k.reset(), id="reset before the answer"),
        pytest.param(lambda k: k.reset(HEAD[:20]), id="reset in the head"),
        pytest.param(
            lambda k: k.reset(HEAD + b'Content-Length: 90\r\n\r\n{"a"'), id="reset in the body"
        ),
        pytest.param(
            lambda k: k.reset(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), id="in a chunk"
        ),
        pytest.param(lambda k: k.answer(b'{"status": "suc', length=400), id="shorter than said"),
        pytest.param(lambda k: k.answer(b'{"status": "suc'), id="cut JSON"),
        pytest.param(lambda k: k.answer(b""), id="empty body"),
        pytest.param(lambda k: k.answer(b'{"a": 1}}'), id="invalid JSON"),
        pytest.param(
            lambda k: k.answer(
                gzip.compress(b'{"a": 1}')[:-12], headers={"Content-Encoding": "gzip"}
            ),
            id="cut gzip",
        ),
        pytest.param(
            lambda k: k.answer(b"no gzip", headers={"Content-Encoding": "gzip"}), id="false gzip"
        ),
    ],
)
def test_a_broken_connection_is_retried_and_then_reported(raw, client, kit, scripts):
    bad = scripts(kit)
    server = raw(bad, kit.answer(GOOD))
    assert json.loads(client(server.url).get("/x")) == GOOD
    assert len(server.requests) == 2
    failing(client(raw(bad).url), TransientError)


def test_a_reset_after_a_complete_body_loses_nothing(raw, client, kit):
    body = json.dumps(GOOD).encode()
    server = raw(kit.reset(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body))
    assert client(server.url).get("/x") == body
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="head"),
        pytest.param(HEAD + b"Content-Length: 99999999\r\n\r\n", id="body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", id="chunk size"),
    ],
)
def test_an_endlessly_slow_response_times_out(raw, client, kit, start):
    server = raw(kit.trickle(b"0", 0.02, start))
    one = client(server.url, retry=replace(kit.quick, attempts=1, total=0.4))
    began = time.monotonic()
    error = failing(one, TransientError)
    assert time.monotonic() - began < 60
    assert "within 0.4 s" in error.message


def test_a_stalled_response_times_out(raw, client, kit):
    server = raw(lambda c: (c.sendall(HEAD), time.sleep(60)))
    one = client(server.url, retry=replace(kit.quick, attempts=1, read=0.2))
    assert failing(one, TransientError).message == "the response stalled"


def test_a_web_page_with_status_200_is_reported_and_not_retried(raw, client, kit):
    server = raw(kit.answer(b"<!DOCTYPE html><html>Log in</html>"))
    error = failing(client(server.url), PermanentError)
    assert "web page" in error.message
    assert "TESTED_URL" in error.advice
    assert len(server.requests) == 1


def test_a_gzip_bomb_is_stopped_early_and_reported_as_too_large(raw, client, kit):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b" " * (1 << 20)
    bomb = b"".join(packer.compress(zeros) for _ in range(300)) + packer.flush()
    server = raw(kit.answer(bomb, headers={"Content-Encoding": "gzip"}))
    one = client(server.url, largest_body=4 << 20)
    error = failing(one, PermanentError)
    assert "larger than 4,096 KiB" in error.message
    assert len(server.requests) == 1


def test_a_body_with_too_large_a_content_length_is_not_read(raw, client, kit):
    server = raw(kit.answer(b"{", length=10**12))
    assert "larger" in failing(client(server.url), PermanentError).message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_a_million_levels_deep_is_an_error(raw, client, kit, opening):
    server = raw(kit.answer(opening * 1_000_000))
    assert "nested too deeply" in failing(client(server.url), PermanentError).message


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        ('{"n": "Zoë"}'.encode("latin-1"), "application/json; charset=iso-8859-1", "Zoë"),
        ('{"n": "Zoë"}'.encode("utf-16"), "application/json", "Zoë"),
        ('{"n": "Zoë"}'.encode("utf-8-sig"), "application/json", "Zoë"),
        ('{"n": "Zoë"}'.encode("latin-1"), "application/json; charset=utf-8", "Zo\ufffd"),
        ('{"n": "Zoë"}'.encode("latin-1"), "application/json; charset=nonsense", "Zo\ufffd"),
    ],
)
def test_a_wrong_character_set_is_read_as_well_as_possible(raw, client, kit, body, kind, name):
    server = raw(kit.answer(body, headers={"Content-Type": kind}))
    assert json.loads(client(server.url).get("/x").decode()) == {"n": name}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("auth", ["header", "query"])
def test_credentials_do_not_follow_a_redirect(raw, client, kit, status, auth):
    other = raw(kit.answer(GOOD))
    server = raw(kit.answer({}, status, {"Location": f"{other.url}/there?k={kit.secret}"}))
    changes = {} if auth == "header" else {"auth": QueryAuth({"k": kit.secret})}
    error = failing(client(server.url, **changes), PermanentError)
    assert other.requests == []
    assert "TESTED_URL" in error.advice
    assert other.url in error.message
    assert kit.secret not in str(error)


def test_a_netrc_file_does_not_replace_the_credentials(raw, client, kit, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = raw(kit.answer(GOOD))
    client(server.url).get("/x")
    assert b"uthorization" not in server.requests[0]
    assert kit.secret.encode() in server.requests[0]


def test_a_proxy_from_the_environment_is_not_used_for_loopback(raw, client, kit, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client(raw(kit.answer(GOOD)).url).get("/x")


def test_cookies_are_not_kept(raw, client, kit):
    server = raw(kit.answer(GOOD, headers={"Set-Cookie": "a=b"}))
    one = client(server.url)
    one.get("/x")
    one.get("/x")
    assert b"ookie" not in server.requests[1]


def test_the_user_agent_names_the_project(raw, client, kit):
    server = raw(kit.answer(GOOD))
    client(server.url).get("/x")
    assert b"User-Agent: feedback-assets/" in server.requests[0]


def test_plain_http_behind_an_https_address_is_permanent_and_clear(httpserver, client):
    error = failing(client(f"https://127.0.0.1:{httpserver.port}"), PermanentError)
    assert "TLS connection failed" in error.message
    assert "TESTED_URL" in error.advice


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_certificate_that_does_not_verify_is_permanent_and_clear(client, kit, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        while True:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as secure:
                    seen.append(secure.recv(9999))
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    error = failing(client(f"https://127.0.0.1:{listener.getsockname()[1]}"), PermanentError)
    listener.close()
    assert "self-signed" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.advice
    assert seen == []


def test_a_refused_connection_is_transient_and_names_the_setting(client):
    error = failing(client("http://127.0.0.1:1"), TransientError)
    assert "refused" in error.message
    assert "TESTED_URL" in error.advice


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "ftp://x", "http://", "http://u:p@x", "http://x/?k=1", "http://["],
)
def test_an_invalid_address_is_rejected_before_any_request(client, url):
    with pytest.raises(PermanentError, match="TESTED_URL"):
        client(url)


def test_a_read_only_post_is_retried_like_a_get(raw, client, kit):
    server = raw(kit.reset(), kit.answer({}, "503 No"), kit.answer(GOOD))
    assert json.loads(client(server.url).post("/list", {"page": 1}, reads=True)) == GOOD
    assert len(server.requests) == 3
    assert server.requests[2].endswith(b'{"page": 1}')


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda k: k.reset(), id="reset"),
        pytest.param(lambda k: k.reset(HEAD), id="reset later"),
        pytest.param(lambda k: k.answer({}, "500 Oops"), id="500"),
        pytest.param(lambda k: k.answer({}, "429 Too many"), id="429"),
        pytest.param(lambda k: k.answer(b'{"cut'), id="cut"),
        pytest.param(lambda k: lambda c: time.sleep(60), id="stall"),
    ],
)
def test_a_creating_post_is_never_sent_twice(raw, client, kit, script):
    server = raw(script(kit))
    one = client(server.url, retry=replace(kit.quick, read=0.3))
    with pytest.raises(PermanentError, match="may have been processed") as caught:
        one.post("/create", {"a": 1}, reads=False)
    wait_until(lambda: server.requests, 60, every=0.01)
    time.sleep(0.1)
    assert len(server.requests) == 1
    assert caught.value.__context__ is None


def test_a_creating_post_is_retried_when_no_connection_was_made(client):
    one = client("http://127.0.0.1:1")
    with pytest.raises(TransientError):
        one.post("/create", {"a": 1}, reads=False)
    assert one.requests == 3


def test_status_201_counts_as_success(raw, client, kit):
    server = raw(kit.answer(GOOD, "201 Created"))
    assert json.loads(client(server.url).post("/create", {"a": 1}, reads=False)) == GOOD


@pytest.mark.parametrize("auth", ["header", "query"])
def test_no_log_or_error_shows_a_secret(raw, client, kit, caplog, auth):
    echo = {"status": "error", "message": f"key {kit.secret} is wrong"}
    server = raw(
        kit.answer(echo, "500 Oops"), kit.reset(HEAD), kit.answer(echo, "401 No"), kit.answer(GOOD)
    )
    changes = {} if auth == "header" else {"auth": QueryAuth({"k": kit.secret})}
    with caplog.at_level(logging.DEBUG):
        one = client(server.url, **changes)
        error = failing(one)
        one.get("/x")
        unreachable = failing(client("http://127.0.0.1:1", **changes))
    shown = caplog.text + repr(one) + repr(one.__dict__)
    for each in (error, unreachable):
        shown += "".join(traceback.format_exception(each)) + repr(each) + repr(each.args)
    assert "/x" in caplog.text
    for form in (kit.secret, kit.secret[:12], kit.secret.replace("/", "%2F")):
        assert form not in shown
    assert b"s3cret" in server.requests[0]


def test_requests_and_decoded_bytes_are_counted_across_threads(raw, client, kit):
    body = gzip.compress(json.dumps(GOOD).encode())
    server = raw(kit.answer(body, headers={"Content-Encoding": "gzip"}))
    one = client(server.url)
    threads = [threading.Thread(target=one.get, args=("/x",)) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert one.requests == 16
    assert one.bytes == 16 * len(json.dumps(GOOD))


def test_closing_ends_the_waits_of_other_threads(raw, client, kit):
    server = raw(kit.answer({}, "429 No", {"Retry-After": "60"}))
    one = client(server.url, retry=replace(kit.quick, longest_wait=60))
    raised = []

    def ask():
        try:
            one.get("/x")
        except PermanentError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: server.requests, 60, every=0.01)
    time.sleep(0.1)
    one.close()
    thread.join(30)
    assert "closed" in raised[0].message
    assert len(server.requests) == 1
