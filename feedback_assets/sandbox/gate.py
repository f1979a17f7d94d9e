"""What every request passes through before it reaches a provider: log, faults, quota.

An ASGI middleware; only behaviour shared by all five providers belongs here.
"""

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feedback_assets.sandbox.answering import answer
from feedback_assets.sandbox.faults import PROVIDERS, Faults
from feedback_assets.sandbox.quotas import Quotas, rate_headers, written
from feedback_assets.sandbox.state import Request, State

_ENDPOINTS = tuple(
    (method, re.compile(path), name)
    for method, path, name in (
        ("GET", r"/contacts", "contacts"),
        ("GET", r"/clicks", "clicks"),
        ("GET", r"/orders", "orders"),
        ("GET", r"/contacts/[^/]+", "contact"),
        ("GET", r"/contacts/[^/]+/clicks", "contact_clicks"),
        ("GET", r"/contacts/[^/]+/orders", "contact_orders"),
        ("GET", r"/feedbacks", "feedbacks"),
        ("GET", r"/partner/feedbacks", "partner_feedbacks"),
        ("GET", r"/partners/survey-tracker", "survey_tracker"),
        ("POST", r"/partners/survey-tracker/list", "survey_tracker_list"),
        ("POST", r"/partners/survey-tracker/generate", "survey_tracker_generate"),
        ("GET", r"/api/v2/submissions", "submissions"),
        ("POST", r"/api/v2/submissions", "create_submission"),
        ("GET", r"/api/v2/submissions/[^/]+", "submission"),
        ("GET", r"/email-campaigns/json-feedback", "json_feedback"),
    )
)
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def endpoint_name(method: str, path: str) -> str:
    """Short name of an endpoint, or `unknown`."""
    for expected, pattern, name in _ENDPOINTS:
        if method == expected and pattern.fullmatch(path):
            return name
    return "unknown"


def error_body(provider: str, status: int, message: str) -> dict[str, object]:
    """An error in the provider's format."""
    bodies: dict[str, dict[str, object]] = {
        "wicked_reports": {"status": "error", "message": message},
        "thanx": {"error": {"code": status, "message": message}},
        "fullwhere": {"statusCode": status, "message": message},
        "feedbackpulse": {"error": message, "status": status},
        "retargeting": {"status": "error", "message": message},
    }
    return bodies[provider]


GENERATED = {"X-Feedback-Sandbox": "generated data"}
"""A header of each response that distinguishes the sandbox from a provider."""
SERVER_SEND = "sandbox.server_send"
"""Key of the scope for the server's own `send`, which gives access to its connection."""


def reset(send: Send | None) -> None:
    """Reset the connection during a response (TCP RST), as a crashed server does."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


class _Recorder:
    """Buffers an application's response so that parts of it can be sent."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def headed(self, length: int) -> Message:
        """The start of the response with another content length."""
        kept = [
            pair
            for pair in self.start["headers"]
            if pair[0].lower() not in (b"content-length", b"transfer-encoding")
        ]
        return {**self.start, "headers": [*kept, (b"content-length", str(length).encode())]}


class Gate:
    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self.state = state
        self.quotas = Quotas()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        provider, _, path = scope.get("path", "").lstrip("/").partition("/")
        if scope["type"] != "http" or provider not in PROVIDERS:
            await self.app(scope, receive, send)
            return
        endpoint = endpoint_name(scope["method"], f"/{path}")
        arrived = time.monotonic()
        # Logged before it is answered, so that a client with a response finds it in the log.
        with self.state.lock:
            log = self.state.log
            entry = len(log)
            log.append(Request(arrived, provider, endpoint, 0))

        async def logging(message: Message) -> None:
            if message["type"] == "http.response.start":
                with self.state.lock:
                    log[entry] = Request(arrived, provider, endpoint, message["status"])
            await send(message)

        await self._pass(provider, scope, receive, _with_headers(logging, GENERATED))

    def _drawn(self, rate: float) -> bool:
        if not rate:
            return False
        with self.state.lock:
            return self.state.chance.random() < rate

    async def _pass(self, provider: str, scope: Scope, receive: Receive, send: Send) -> None:
        faults = self.state.faults
        if faults.latency and provider in faults.slow:
            await asyncio.sleep(faults.latency)
        if provider in faults.down:
            body = error_body(provider, 503, "Service Unavailable")
            await answer(body, 503, _retry_after(faults, 30))(scope, receive, send)
            return
        standing = self.quotas.take(provider, faults)
        headers = rate_headers(provider, standing, faults) if standing else {}
        if standing and not standing.allowed:
            body = error_body(provider, 429, "Too Many Requests.")
            wait = _retry_after(faults, standing.wait)
            await answer(body, 429, {**headers, **wait})(scope, receive, send)
            return
        if self._drawn(faults.error_rate):
            await self._error(provider, scope, receive, _with_headers(send, headers))
        elif self._drawn(faults.reset_rate):
            await self._torn(scope, receive, send)
        elif self._drawn(faults.truncate_rate):
            taken = _Recorder()
            await self.app(scope, receive, taken)
            half = taken.body[: len(taken.body) // 2]
            await send(taken.headed(len(half)))
            await send({"type": "http.response.body", "body": half})
        else:
            await self.app(scope, receive, _with_headers(send, headers))

    async def _error(self, provider: str, scope: Scope, receive: Receive, send: Send) -> None:
        with self.state.lock:
            status = self.state.chance.choice((500, 502, 503, 504))
        response = answer(error_body(provider, status, "Something went wrong"), status)
        if status == 502:  # from a proxy, which does not return JSON
            response = type(response)(_BAD_GATEWAY, 502, media_type="text/html")
        await response(scope, receive, send)

    async def _torn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Half of the resets occur before the first byte, half in the middle of the body."""
        if self._drawn(0.5):
            taken = _Recorder()
            await self.app(scope, receive, taken)
            await send(taken.headed(len(taken.body)))
            half = taken.body[: len(taken.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(0.01)  # flush written data before the reset
        reset(scope.get(SERVER_SEND))


def _retry_after(faults: Faults, seconds: float) -> dict[str, str]:
    if faults.retry_after is None:
        return {}
    return {"Retry-After": written(seconds, faults.retry_after)}


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    extra = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sending
