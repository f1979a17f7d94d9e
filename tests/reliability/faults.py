"""Faults between provider and client, and the required outcome: one entry per row of
docs/reliability.md."""

import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from tests.reliability.wire import Exchange, Spoil, edited, gzipped

ALL = (
    "wicked_reports.contacts",
    "wicked_reports.clicks",
    "wicked_reports.orders",
    "thanx.feedbacks",
    "fullwhere.survey_trackers",
    "feedbackpulse.submissions",
    "retargeting.order_feedback",
    "retargeting.product_reviews",
)
VARIED = (
    "wicked_reports.orders",
    "fullwhere.survey_trackers",
    "retargeting.order_feedback",
    "retargeting.product_reviews",
)
"""Read by GET and by POST, with credentials in headers and in the query: all that the way knows."""
SUBMISSIONS = ("feedbackpulse.submissions",)
ORDERS = ("wicked_reports.orders",)


@dataclass(frozen=True)
class Fault:
    """``says``: required text of the error if the fault lasts; empty if the correct rows arrive.

    ``passes``: whether a retry gets the good response, so that a fault of the first two requests
    costs nothing. ``tries``: requests of each list if the fault lasts. ``same``: whether the rows
    equal those of an undisturbed read exactly. ``limit``: the limit of the policy that ends the
    fault and is therefore short; all others are long, so that a slow machine fails no test."""

    name: str
    spoil: Spoil
    says: str = ""
    passes: bool = False
    tries: int | None = None
    tables: tuple[str, ...] = VARIED
    same: bool = True
    limit: str = ""


def _status(status: int | str, headers: dict[str, Any] | None = None, body: Any = None) -> Spoil:
    def spoil(exchange: Exchange) -> None:
        fields = {k: str(v() if callable(v) else v) for k, v in (headers or {}).items()}
        said = {"message": "a message of the test"} if body is None else body
        exchange.send(
            said if isinstance(said, bytes) else json.dumps(said).encode(), status, fields
        )

    return spoil


def _busy(name: str, headers: dict[str, Any]) -> Fault:
    return Fault(name, _status(429, headers), "answered 429", passes=True, tries=6)


def _body(body: bytes | Callable[[bytes], bytes], headers: dict[str, str] | None = None) -> Spoil:
    def spoil(exchange: Exchange) -> None:
        good = exchange.good()
        exchange.send(body if isinstance(body, bytes) else body(good), 200, headers)

    return spoil


def _soon(seconds: float) -> float:
    return time.time() + seconds


HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"

WAITING = [
    _busy("429 without a hint", {}),
    _busy("429, Retry-After in seconds", {"Retry-After": 2}),
    _busy("429, Retry-After as an HTTP date", {"Retry-After": lambda: formatdate(_soon(2))}),
    _busy("429, x-ratelimit-reset in seconds", {"X-RateLimit-Reset": 2}),
    _busy("429, x-ratelimit-reset in epoch seconds", {"X-RateLimit-Reset": lambda: int(_soon(2))}),
    _busy(
        "429, x-ratelimit-reset in epoch milliseconds",
        {"X-RateLimit-Reset": lambda: int(_soon(2) * 1000)},
    ),
    _busy("429, x-ratelimit-reset as a date", {"X-RateLimit-Reset": lambda: formatdate(_soon(2))}),
    _busy("429 with a wait of −60 s", {"Retry-After": -60}),
    _busy("429 with a wait of 10⁹ s", {"Retry-After": 10**9}),
    _busy("429 with a wait of 10⁷ s", {"Retry-After": 10**7}),
    _busy("429 with a wait until the year 9999", {"X-RateLimit-Reset": 253402300799000}),
    _busy("429 with an invalid wait", {"Retry-After": "soon", "X-RateLimit-Reset": "∞?"}),
    _busy("429 with a wait of 10⁴⁰⁰ s", {"Retry-After": "1e400"}),
    Fault(
        "a rate limit only in the body, with 200",
        _status(200, {}, {"status": "error", "message": "Too many requests"}),
        "Too many requests",
        passes=True,
        tries=6,
    ),
]

STATUSES = [
    *(
        Fault(f"{status}", _status(status), f"answered {status}", passes=True, tries=6)
        for status in (408, 500, 503, 504)
    ),
    Fault("502 with a proxy's web page", _status(502, {}, HTML), "502: a web page", True, 6),
    *(
        Fault(f"{status}", _status(status), f"answered {status}: a message of the test", tries=1)
        for status in (400, 401, 403, 404, 422)
    ),
    Fault("an unknown status (799)", _status(799), "answered 799", True, 6),
    Fault(
        "a response that is not HTTP",
        lambda e: e.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        "connection",
        True,
        6,
    ),
]


def _reset_in_head(exchange: Exchange) -> None:
    exchange.raw(exchange.head(length=100)[:40])
    exchange.reset()


def _reset_in_body(exchange: Exchange) -> None:
    good = exchange.good()
    exchange.raw(exchange.head(length=len(good)) + good[: len(good) // 2])
    exchange.reset()


def _reset_after_body(exchange: Exchange) -> None:
    exchange.send(exchange.good())
    exchange.reset()


def _stall_in_body(exchange: Exchange) -> None:
    good = exchange.good()
    exchange.raw(exchange.head(length=len(good)) + good[: len(good) // 2])
    exchange.stall()


def _stall_after_head(exchange: Exchange) -> None:
    exchange.raw(exchange.head(length=100))
    exchange.stall()


def _drip_head(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    exchange.trickle(b"a")


def _drip_body(exchange: Exchange) -> None:
    exchange.raw(exchange.head() + b'{"results": [')
    exchange.trickle(b" ")


def _drip_gzip(exchange: Exchange) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)

    def pieces() -> Any:
        while True:
            yield packer.compress(b" ") + packer.flush(zlib.Z_SYNC_FLUSH)

    exchange.raw(exchange.head(headers={"Content-Encoding": "gzip"}))
    exchange.trickle(pieces())


def _continue_for_ever(exchange: Exchange) -> None:
    exchange.trickle(b"HTTP/1.1 100 Continue\r\n\r\n")


def _headers_for_ever(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        exchange.raw(f"X-{number}: {'a' * 60}\r\n".encode())


def _short(exchange: Exchange) -> None:
    good = exchange.good()
    exchange.raw(exchange.head(length=len(good) + 10) + good)


def _cut_without_length(exchange: Exchange) -> None:
    good = exchange.good()
    exchange.raw(exchange.head() + good[: len(good) // 2])


def _odd_chunks(exchange: Exchange) -> None:
    exchange.raw(exchange.head(headers={"Transfer-Encoding": "chunked"}))
    exchange.raw(b"-5\r\nhello\r\nzz\r\n")


def _unended_chunks(exchange: Exchange) -> None:
    good = exchange.good()
    exchange.raw(exchange.head(headers={"Transfer-Encoding": "chunked"}))
    exchange.raw(f"{len(good):x}\r\n".encode() + good + b"\r\n")


CONNECTIONS = [
    Fault("a reset before the response", lambda e: e.reset(), "connection was lost", True, 6),
    Fault("a reset in the headers", _reset_in_head, "connection was lost|cut", True, 6),
    Fault("a reset in the body", _reset_in_body, "the body was truncated", True, 6),
    Fault("a reset after the body", _reset_after_body),
    Fault("a connection closed without a response", lambda _: None, "connection was lost", True, 6),
    Fault("a response that never starts", lambda e: e.stall(), "stalled", True, 6, limit="read"),
    Fault("headers and then nothing", _stall_after_head, "stalled", True, 6, limit="read"),
    Fault("half a body and then nothing", _stall_in_body, "stalled", True, 6, limit="read"),
    Fault(
        "headers one byte at a time, without end",
        _drip_head,
        "no complete response",
        True,
        6,
        limit="total",
    ),
    Fault(
        "a body one byte at a time, without end",
        _drip_body,
        "no complete response",
        True,
        6,
        limit="total",
    ),
    Fault(
        "a compressed body one byte at a time, without end",
        _drip_gzip,
        "no complete response",
        True,
        6,
        limit="total",
    ),
    Fault(
        "“100 Continue” without end",
        _continue_for_ever,
        "no complete response",
        True,
        6,
        limit="total",
    ),
    Fault("a hundred thousand headers", _headers_for_ever, "connection was lost", True, 6),
    Fault("fewer bytes than Content-Length", _short, "the body was truncated", True, 6),
    Fault(
        "a truncated body without Content-Length", _cut_without_length, "not valid JSON", True, 6
    ),
    Fault("chunks without a valid size", _odd_chunks, "the body was truncated", True, 6),
    Fault("chunks without an end", _unended_chunks, "the body was truncated", True, 6),
]


def _gzip_cut(good: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(good) + packer.flush()
    return packed[: len(packed) // 2]


def _nested_record(exchange: Exchange) -> None:
    def deepen(good: bytes) -> bytes:
        deep = b"[" * 1_000_000 + b"]" * 1_000_000
        return good.replace(b'{"id":', b'{"deep":' + deep + b',"id":', 1)

    exchange.send(deepen(exchange.good()))


BODIES = [
    Fault("truncated JSON", _body(lambda b: b[: len(b) // 2]), "not valid JSON", True, 6),
    Fault(
        "JSON with an extra byte", _body(lambda b: b[:-1] + b",}"), "not valid JSON", True, 6
    ),
    Fault("JSON with trailing data", _body(lambda b: b + b"{}"), "not valid JSON", True, 6),
    Fault("an empty body", _body(b""), "an empty body", True, 6),
    Fault("204 without a body", _status(204, {}, b""), "an empty body", True, 6),
    Fault("a web page with 200", _body(HTML), r"a web page \(HTML\) instead of JSON", tries=1),
    Fault(
        "an error in a body with 200",
        _status(200, {}, {"status": "fail", "message": "a message of the test"}),
        "a message of the test",
        tries=1,
        tables=ALL,
    ),
    Fault(
        "an unknown envelope",
        _body(b'{"rows": [{"id": 1}], "ok": true}'),
        "unexpected response body: expected .*found",
        tries=1,
        tables=ALL,
    ),
    Fault("null", _body(b"null"), "unexpected response body: .*found null", tries=1, tables=ALL),
    Fault("a list of numbers", _body(b"[1, 2, 3]"), "unexpected response", tries=1, tables=ALL),
    Fault(
        "invalid gzip",
        _body(b"PK nonsense", {"Content-Encoding": "gzip"}),
        "could not be decompressed",
        True,
        6,
    ),
    Fault(
        "truncated gzip",
        _body(_gzip_cut, {"Content-Encoding": "gzip"}),
        "could not be unpacked|not valid JSON",
        True,
        6,
    ),
    Fault(
        "a gzip bomb of 1 GB",
        _body(gzipped(1 << 30), {"Content-Encoding": "gzip"}),
        "larger than 262,144 KiB when decompressed",
        tries=1,
        tables=ORDERS,
    ),
    Fault(
        "a Content-Length of 1 TB",
        lambda e: e.raw(e.head(length=10**12) + b"{"),
        "larger than",
        tries=1,
    ),
    Fault("10⁶ levels of nesting", _body(b"[" * 1_000_000), "nested too deeply", tries=1),
    Fault("10⁶ levels of nesting in a record", _nested_record, "nested too deeply", tries=1,
          tables=ORDERS),
]  # fmt: skip


def _latin(good: bytes) -> bytes:
    text = json.dumps(json.loads(good), ensure_ascii=False)
    return re.sub(
        r"[^\x00-\xff]+", lambda found: json.dumps(found[0])[1:-1], text
    ).encode("latin-1")  # fmt: skip


def _wide(good: bytes) -> bytes:
    return json.dumps(json.loads(good)).encode("utf-16-be")


def _charset(name: str) -> dict[str, str]:
    return {"Content-Type": f"application/json; charset={name}"}


CHARSETS = [
    Fault("latin-1, declared", _body(_latin, _charset("iso-8859-1"))),
    Fault("latin-1, undeclared", _body(_latin), same=False),
    Fault("latin-1 declared as UTF-8", _body(_latin, _charset("utf-8")), same=False),
    Fault("UTF-16 with a BOM", _body(lambda b: b.decode().encode("utf-16"))),
    Fault(
        "UTF-16 without a BOM",
        _body(lambda b: b.decode().encode("utf-16-le"), _charset("utf-16")),
    ),
    Fault("UTF-16 declared as UTF-8", _body(_wide, _charset("utf-8"))),
    Fault("UTF-32, undeclared", _body(lambda b: b.decode().encode("utf-32-be"))),
    Fault("UTF-8 with a BOM", _body(lambda b: b.decode().encode("utf-8-sig"))),
    Fault("UTF-8 declared as an unknown character set", _body(lambda b: b, _charset("klingon"))),
]


def _paged(exchange: Exchange, page: Callable[[int], int], **changes: Any) -> None:
    """FeedbackPulse's list in pages of seven, with the requested page modified."""
    asked = int(re.search(r"[?&]page=(\d+)", exchange.target)[1])  # type: ignore[index]
    target = re.sub(r"([?&]page)=\d+", rf"\1={page(asked)}", exchange.target)
    target = re.sub(r"per_page=\d+", "per_page=7", target)

    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        answer["meta"] |= {k: v(answer, asked) for k, v in changes.items()}
        return answer

    edited(exchange, edit, target)


def _moved(exchange: Exchange) -> None:
    asked = int(re.search(r"[?&]page=(\d+)", exchange.target)[1])  # type: ignore[index]
    target = re.sub(r"per_page=\d+", "per_page=7", exchange.target)

    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        # The second page of the first read lacks a row that moved to the page before.
        if asked == 2 and exchange.number == 2:
            del answer["data"][0]
        return answer

    edited(exchange, edit, target)


def _same_next(exchange: Exchange) -> None:
    target = re.sub(r"limit=\d+", "limit=3", re.sub(r"&?next=[^&]*", "", exchange.target))

    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"next": "always-the-same"}

    edited(exchange, edit, target)


LISTS = [
    Fault(
        "pages of seven when a hundred are requested",
        lambda e: _paged(e, lambda page: page),
        tables=SUBMISSIONS,
    ),
    Fault(
        "a total larger than the rows",
        lambda e: _paged(e, lambda page: page, total=lambda a, _: a["meta"]["total"] + 3),
        r"\d+ rows announced, \d+ received",
        tables=SUBMISSIONS,
    ),
    Fault(
        "a total of 10⁴⁰⁰",
        _body(lambda b: re.sub(rb'"total":\d+', b'"total":1e400', b)),
        tables=ORDERS,
    ),
    Fault(
        "the first page repeated",
        lambda e: _paged(e, lambda _: 1),
        r"\d+ rows announced, 7 received",
        tables=SUBMISSIONS,
    ),
    Fault(
        "two alternating pages, with ever new page numbers",
        lambda e: _paged(e, lambda page: (page - 1) % 2 + 1, current_page=lambda _, asked: asked),
        r"\d+ rows announced, 14 received",
        tables=SUBMISSIONS,
    ),
    Fault("a list that shifts while it is read", _moved, tables=SUBMISSIONS),
    Fault("a next that never changes", _same_next, r"rows announced, 3 received", tables=ORDERS),
]

FAULTS = [*WAITING, *STATUSES, *CONNECTIONS, *BODIES, *CHARSETS, *LISTS]
# Tried as passing too: one fault per error, as a retry does not depend on what caused the error.
TRANSIENT = [*{(f.says, f.limit): f for f in reversed(FAULTS) if f.passes}.values()][::-1]
