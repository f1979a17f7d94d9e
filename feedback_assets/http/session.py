"""HTTP for one provider: quota, time limits, retries, and the meaning of every failure.

`HttpClient` returns bodies that are complete, valid JSON and report no error; interpreting them is
up to the provider modules.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import tenacity
from requests import RequestException, Response
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from feedback_assets.coordination.database import CoordinationUnavailable
from feedback_assets.files.unusable import Unusable
from feedback_assets.http import bodies
from feedback_assets.http.advice import LATER, Advice
from feedback_assets.http.credentials import checked_url
from feedback_assets.http.errors import (
    EnvelopeNotRecognised,
    InvalidRequest,
    PermanentError,
    ProviderError,
    TransientError,
)
from feedback_assets.http.masking import mask_bytes, register
from feedback_assets.http.quota import Quota, QuotaClosedError
from feedback_assets.http.retrying import RetryPolicy, retry_after_of
from feedback_assets.http.transport import Deadline, open_session, proxies_for
from feedback_assets.http.transport_errors import Trouble

USER_AGENT = (
    f"feedback-assets/{version('feedback-assets')} (+https://pypi.org/project/feedback-assets)"
)
LARGEST_BODY = 256 * 1024 * 1024
"""Limit for a decoded body, in bytes; a page of 1,000 orders is about 1 MB."""

_SMALLER = "request a shorter period, or contact the provider"
# The largest documented page has 1,000 records, some hundred thousand values. 200 MB of one-digit
# numbers, within any limit in bytes, would take minutes and gigabytes to parse.
_MOST_VALUES = 20_000_000
_PIECE = 256 * 1024
_RETRIED_4XX = frozenset({408, 425, 429})
_READING = (RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)
_BUSY = ("too many requests", "rate limit", "throttl")

Params = Mapping[str, Any] | None
# The header that a sandbox sends with each response.
GENERATED = "X-Feedback-Sandbox"
Body = bytes
"""An alias of `bytes` for classes with a property of that name."""


class HttpClient:
    """Requests to one provider. Thread-safe; `requests` and `bytes` count its traffic.

    `requests` are attempts sent, `bytes` decoded bytes of bodies received. Every method raises only
    `PermanentError` or `TransientError` for failed requests.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        auth: AuthBase,
        quota: Quota,
        *,
        advice: Advice,
        secrets: tuple[str, ...] = (),
        retry: RetryPolicy | None = None,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        register(*secrets)
        # In a closure, so that listing a client's attributes reveals no credential.
        self._without_secrets: Callable[[bytes], bytes] = lambda body: mask_bytes(body, secrets)
        self.provider = provider
        self.base_url = checked_url(provider, base_url, advice.url)
        self.advice = advice
        self.retry = retry or RetryPolicy()
        self.largest_body = largest_body
        self._auth = auth
        self._quota = quota
        self._proxies = proxies_for(self.base_url)
        self._session = open_session(USER_AGENT)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._requests = 0
        self._bytes = 0
        self._generated = False

    def __repr__(self) -> str:
        return f"HttpClient({self.provider})"

    @property
    def requests(self) -> int:
        """Attempts sent so far."""
        return self._requests

    @property
    def bytes(self) -> int:
        """Decoded bytes of bodies received so far."""
        return self._bytes

    @property
    def generated(self) -> bool:
        """Whether a sandbox responded, so that the data is generated."""
        return self._generated

    def get(
        self,
        path: str,
        params: Params = None,
        *,
        endpoint: str | None = None,
        record_key: str | None = None,
    ) -> Body:
        """The body of a GET. `endpoint` replaces a path that contains an id in errors."""
        return self._send("GET", path, params, None, endpoint, reads=True, record_key=record_key)

    def post(
        self,
        path: str,
        payload: Mapping[str, Any],
        *,
        reads: bool,
        endpoint: str | None = None,
        record_key: str | None = None,
    ) -> Body:
        """The body of a POST. One that only `reads` is retried like a GET.

        One that writes is retried only if no connection was made; any other failure is permanent,
        because the request may have succeeded and a second one would create a duplicate.
        """
        return self._send("POST", path, None, payload, endpoint, reads=reads, record_key=record_key)

    def close(self) -> None:
        """Close connections and end every wait, including those of other threads."""
        self._closed.set()
        self._quota.close()
        self._session.close()

    def unrecognised(self, endpoint: str, expected: str, found: str) -> EnvelopeNotRecognised:
        """The error for a body that does not match the provider's documentation."""
        return EnvelopeNotRecognised(expected, found, provider=self.provider, endpoint=endpoint)

    def invalid(self, endpoint: str, message: str, advice: str = "") -> InvalidRequest:
        """The error for arguments that the provider's documentation rules out."""
        return InvalidRequest(message, provider=self.provider, endpoint=endpoint, advice=advice)

    def _send(
        self,
        method: str,
        path: str,
        params: Params,
        payload: Mapping[str, Any] | None,
        endpoint: str | None,
        *,
        reads: bool,
        record_key: str | None,
    ) -> Body:
        call = _Call(method, path, params, payload, f"{method} {endpoint or path}", record_key)
        waits: dict[str, float | None] = {"retry_after": None}

        def attempt() -> Body:
            outcome = self._attempt(call)
            if isinstance(outcome, bytes):
                return outcome
            waits["retry_after"] = outcome.retry_after
            # Raised outside any except block, so that no context can reveal the URL.
            raise outcome.error if reads or not outcome.landed else _as_write(outcome.error)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(self.retry.attempts),
            wait=lambda state: self.retry.wait(state.attempt_number, waits["retry_after"]),
            sleep=tenacity.sleep_using_event(self._closed),
            reraise=True,
        )
        return retrying(attempt)

    def _attempt(self, call: _Call) -> Body | _Failure:
        try:
            with contextlib.suppress(QuotaClosedError):
                self._quota.acquire(self._closed)
        except CoordinationUnavailable as error:
            # The database was already waited for, and the next request would wait as long again.
            return self._failure(PermanentError, call, error.what, advice=error.cure, landed=False)
        except Unusable as error:
            return self._failure(PermanentError, call, str(error), landed=False)
        if self._closed.is_set():
            return self._failure(PermanentError, call, "the client was closed", landed=False)
        with self._lock:
            self._requests += 1
        response: Response | None = None
        body, trouble = b"", None
        with Deadline(self.retry.total) as deadline:
            try:
                response = self._session.request(
                    call.method,
                    self.base_url + call.path,
                    params=call.params,
                    data=None if call.payload is None else json.dumps(call.payload).encode(),
                    headers={"Content-Type": "application/json"} if call.payload else None,
                    auth=self._auth,
                    timeout=(self.retry.connect, self.retry.read),
                    allow_redirects=False,
                    stream=True,
                    proxies=self._proxies,
                )
                self._generated |= GENERATED in response.headers
                body = self._read(response)
            except _READING as error:
                trouble = Trouble.of(error, answered=response is not None)
            except _TooLargeError:
                trouble = Trouble("large", "")
            finally:
                if response is not None and trouble is not None:
                    response.close()
        with self._lock:
            self._bytes += len(body)
        # A body without a length that the deadline truncated would look complete.
        if trouble is not None or response is None or deadline.passed:
            trouble = trouble or Trouble("reset", "no answer")
            return self._without_answer(call, trouble, response, timed_out=deadline.passed)
        return self._outcome_of(call, response, body)

    def _read(self, response: Response) -> Body:
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self.largest_body:
            raise _TooLargeError
        # Piece by piece as it arrives: read(n) would wait for n bytes however slowly they trickle.
        buffer = io.BytesIO()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            buffer.write(piece)
            if buffer.tell() > self.largest_body:
                raise _TooLargeError
        return buffer.getvalue()

    def _outcome_of(self, call: _Call, response: Response, body: Body) -> Body | _Failure:
        status, headers = response.status_code, response.headers
        if len(body) >= _MOST_VALUES and body.count(b",") >= _MOST_VALUES:
            message = f"the body has more than {_MOST_VALUES:,} values"
            return self._failure(PermanentError, call, message, status, _SMALLER)
        retry_after = retry_after_of(status, headers)
        if 300 <= status < 400:
            target = urlsplit(headers.get("location") or "")
            where = f"{target.scheme}://{target.netloc}" if target.netloc else target.path
            return self._failure(
                PermanentError,
                call,
                f"a redirect to {where or 'nowhere'}, which is not followed "
                "so that credentials are not sent elsewhere",
                status,
                f"set {self.advice.url} to the final address",
            )
        if status >= 400 or status < 200:
            passing = status >= 500 or status in _RETRIED_4XX
            kind = TransientError if passing else PermanentError
            return self._failure(
                kind, call, bodies.message_of(body), status, retry_after=retry_after
            )
        return self._accept(call, response, body, retry_after)

    def _accept(
        self, call: _Call, response: Response, body: Body, retry_after: float | None
    ) -> Body | _Failure:
        status = response.status_code
        if bodies.looks_like_html(body):
            message = bodies.describe(body)
            advice = f"check {self.advice.url}: this looks like a web site or a proxy, not an API"
            return self._failure(PermanentError, call, message, status, advice)
        refused: tuple[int | None, str] | None = None
        broken = deep = ""
        try:
            kind = response.headers.get("content-type", "")
            body = bodies.as_utf8(body, kind, where=f"{self.provider} {call.endpoint}")
            refused = bodies.refusal(body, record_key=call.record_key)
        except bodies.NotJsonError as error:
            broken = f"{error}; it starts with: {bodies.describe(body)}"
        except RecursionError:
            deep = "the body is nested too deeply"
        if deep:
            return self._failure(PermanentError, call, deep, status, "contact the provider")
        if broken:
            return self._failure(
                TransientError, call, broken, status, LATER, retry_after=retry_after
            )
        if refused is None:
            # A provider may repeat the key in a link or a record, which would be stored.
            return self._without_secrets(body)
        named, message = refused
        passing = named in _RETRIED_4XX or (named or 0) >= 500
        passing = passing or any(part in message.lower() for part in (*_BUSY, *self.advice.passing))
        return self._failure(
            TransientError if passing else PermanentError,
            call,
            message,
            named or status,
            retry_after=retry_after,
        )

    def _without_answer(
        self,
        call: _Call,
        trouble: Trouble,
        response: Response | None,
        *,
        timed_out: bool,
    ) -> _Failure:
        status = response.status_code if response is not None else None
        if timed_out:
            message = f"no complete response within {self.retry.total:g} s"
            return self._failure(TransientError, call, message, status, LATER)
        if trouble.kind == "large":
            message = f"the body is larger than {self.largest_body // 1024:,} KiB when decompressed"
            return self._failure(PermanentError, call, message, status, _SMALLER)
        kind = PermanentError if trouble.kind in ("tls", "request") else TransientError
        advice = {
            "tls": f"check {self.advice.url}; for a certificate of your own CA, "
            "set REQUESTS_CA_BUNDLE to the CA file",
            "request": f"check {self.advice.url} and {', '.join(self.advice.credentials)}",
            "unreachable": f"check {self.advice.url} and the network",
        }.get(trouble.kind, LATER)
        # Headers of a response whose body was truncated may indicate how long to wait.
        retry_after = retry_after_of(response.status_code, response.headers) if response else None
        landed = trouble.kind not in ("unreachable", "request")
        return self._failure(
            kind, call, trouble.message, status, advice, retry_after=retry_after, landed=landed
        )

    def _failure(
        self,
        kind: type[ProviderError],
        call: _Call,
        message: str,
        status: int | None = None,
        advice: str = "",
        *,
        retry_after: float | None = None,
        landed: bool = True,
    ) -> _Failure:
        error = kind(
            message,
            provider=self.provider,
            endpoint=call.endpoint,
            status=status,
            advice=advice or self.advice.on(status, message, self.base_url),
        )
        return _Failure(error, retry_after, landed)


class _TooLargeError(Exception):
    pass


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    params: Params
    payload: Mapping[str, Any] | None
    endpoint: str
    record_key: str | None


@dataclass(frozen=True)
class _Failure:
    error: ProviderError
    retry_after: float | None
    landed: bool


def _as_write(error: ProviderError) -> ProviderError:
    if not error.transient:
        return error
    return PermanentError(
        error.message,
        provider=error.provider,
        endpoint=error.endpoint,
        status=error.status,
        advice="it may have been processed anyway: check at the provider before sending it again",
    )
