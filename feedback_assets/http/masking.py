"""Masks secrets in texts and log records.

Settings register every secret that is set, clients register their credentials when created. All
that this package raises or logs goes through `mask`, and every log record of the process, from any
library, is masked when it is created: `urllib3` logs the path with its query, and the loggers of
future libraries cannot be listed today.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote

MASK = "***"

_SHORT = 6
_TOKEN = 8
_WORDS = re.compile(r"[\d.]+|[A-Za-z][a-z]{0,15}([._-][A-Za-z][a-z]{0,15})*")
"""Addresses and names such as `127.0.0.1`, `hooks.slack.com` and `format`; tokens never match."""
_SECRET_NAME = re.compile(r"(?i)key|token|secret|pass|pwd|auth|sig")
_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None


def _forms(secret: str) -> set[str]:
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda m: m.group().lower(), form) for form in quoted}
    escaped = {json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret)}
    return {secret} | quoted | lower | escaped | _base64_forms(secret)


def _base64_forms(secret: str) -> set[str]:
    """The part of the secret's base64 that does not depend on the text around it.

    Basic authentication encodes `user:password`, so the secret's position in it is unknown.
    """
    raw = secret.encode()
    if len(raw) < _SHORT:
        return set()
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        # The letters at both ends that also encode neighbouring bytes are left out.
        first = (before * 8 + 5) // 6
        forms.add(encoded[first : (before + len(raw)) * 8 // 6])
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


def _expression(form: str) -> str:
    # A customer id may be "42": masking it inside other words and numbers would make every text
    # unreadable, so a secret shorter than six characters is only masked as a whole word.
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORT else rf"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])"


def register(*secrets: str | None) -> None:
    """Mask these values from now on, also as quoted in a URL, in JSON or in HTML."""
    global _pattern  # noqa: PLW0603 - one registry a process, as there is one logging a process
    wanted = {secret for secret in secrets if secret}
    with _lock:
        if not wanted - _secrets:
            return
        _secrets.update(wanted)
        forms = sorted({f for s in _secrets for f in _forms(s)}, key=lambda f: (-len(f), f))
        _pattern = re.compile("|".join(_expression(form) for form in forms))


def url_secrets(url: str) -> set[str]:
    """The URL and the parts of it that may be secret: its password, and parts that are not words.

    Services put their token in different places: user, host, path or query.
    """
    found = {url}
    rest = url.partition("://")[2]
    user, at, _ = rest.partition("?")[0].rpartition("@")
    if at:
        found |= {part for part in user.split(":")[1:] if part}
    for part in re.split(r"[/?&=:@,#]", rest):
        if len(part) >= _TOKEN and not _WORDS.fullmatch(part):
            found |= {part}
    query = parse_qsl(rest.partition("?")[2])
    found |= {value for name, value in query if value and _SECRET_NAME.search(name)}
    return found | {unquote(part) for part in found if part != url}


def mask(text: str) -> str:
    """The text with every registered secret replaced by `***`."""
    pattern = _pattern
    return text if pattern is None else pattern.sub(MASK, text)


def mask_bytes(body: bytes, secrets: Iterable[str]) -> bytes:
    """The body without these secrets, for a provider that repeats them in its data.

    Only verbatim and as quoted in a URL or in JSON, and only secrets of eight characters or more: a
    body is a megabyte, and a number such as 4711 may be unrelated.
    """
    for secret in secrets:
        if len(secret) < _TOKEN:
            continue
        for form in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}:
            if form.encode() in body:
                body = body.replace(form.encode(), MASK.encode())
    return body


@contextmanager
def masked_errors() -> Iterator[None]:
    """Re-raise exceptions; those whose texts contain a secret are replaced by masked ones.

    The errors of this package contain none. This is for unforeseen mistakes.
    """
    hidden: Exception | None = None
    try:
        yield
    except Exception as error:
        if mask(text := "".join(traceback.format_exception(error))) == text:
            raise
        # Its chain would be stored and shown with it.
        hidden = RuntimeError(f"{type(error).__name__}: {mask(str(error))}")
        hidden = hidden.with_traceback(error.__traceback__)
    if hidden is not None:
        raise hidden from None


def clean(record: logging.LogRecord) -> logging.LogRecord:
    """The record without secrets in message, arguments and traceback."""
    if _pattern is None:
        return record
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = f"{record.msg} {record.args}"
    masked = mask(message)
    if masked != message:
        record.msg, record.args = masked, None
    if record.exc_info and record.exc_info[0] is not None:
        text = logging.Formatter().formatException(record.exc_info)
        masked = mask(text)
        if masked != text:
            # Every handler would format the exception object itself again.
            record.exc_text, record.exc_info = masked, None
    return record


def _cleaning(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def make_clean(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return clean(make(*args, **kwargs))

    return make_clean


# A filter on a logger does not see the records of its children, and a filter on a handler is lost
# when logging is reconfigured, as Dagster does at the start of each run.
logging.setLogRecordFactory(_cleaning(logging.getLogRecordFactory()))
