"""Secrets that must never be seen, and how they are taken out of texts and log records.

Clients register their credentials here when they are built. Everything that this package raises or
logs goes through `mask`, and a filter on the HTTP libraries' loggers does the same for their debug
lines, which carry the path with its query.
"""

from __future__ import annotations

import html
import json
import logging
import re
import threading
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

LOGGERS = (
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util",
    "urllib3.util.retry",
    "urllib3.util.ssl_",
    "requests",
    "requests.sessions",
    "requests.adapters",
    "charset_normalizer",
    "pyrate_limiter",
    "apprise",
)
"""Every logger by name: a filter on a logger does not see the records of its children."""

_SHORT = 6
_TOKEN = 8
_WORDS = re.compile(r"[\d.]+|[A-Za-z][a-z]{0,15}([._-][A-Za-z][a-z]{0,15})*")
"""Addresses and names such as `127.0.0.1`, `hooks.slack.com` and `format`; no token is one."""
_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None


def _forms(secret: str) -> set[str]:
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda m: m.group().lower(), form) for form in quoted}
    escaped = {json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret)}
    return {secret} | quoted | lower | escaped


def _expression(form: str) -> str:
    # A customer id may be "42": masking it inside other words and numbers would make every text
    # unreadable, so what is shorter than six characters is masked as a whole word only.
    escaped = re.escape(form)
    return escaped if len(form) >= _SHORT else rf"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])"


def register(*secrets: str | None) -> None:
    """Mask these values from now on, also as they look quoted in a URL, in JSON or in HTML."""
    global _pattern  # noqa: PLW0603 - one registry a process, as there is one logging a process
    wanted = {secret for secret in secrets if secret}
    with _lock:
        if not wanted - _secrets:
            return
        _secrets.update(wanted)
        forms = sorted({f for s in _secrets for f in _forms(s)}, key=lambda f: (-len(f), f))
        _pattern = re.compile("|".join(_expression(form) for form in forms))
    install()


def url_secrets(url: str) -> set[str]:
    """The URL and what in it may be a secret: its password, and other parts that are no words.

    Where in a URL a service has its token differs: user, host, path or query.
    """
    found = {url}
    rest = url.partition("://")[2]
    user, at, _ = rest.partition("?")[0].rpartition("@")
    if at:
        found |= {part for part in user.split(":")[1:] if part}
    for part in re.split(r"[/?&=:@,#]", rest):
        if len(part) >= _TOKEN and not _WORDS.fullmatch(part):
            found |= {part}
    return found | {unquote(part) for part in found if part != url}


def mask(text: str) -> str:
    """The text with every registered secret replaced by `***`."""
    pattern = _pattern
    return text if pattern is None else pattern.sub(MASK, text)


class MaskingFilter(logging.Filter):
    """Takes secrets out of a log record: message, arguments and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record where needed; never drops one."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} {record.args}"
        masked = mask(message)
        if masked != message:
            record.msg, record.args = masked, None
        if record.exc_info:
            # The exception object itself would be formatted again by every handler.
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


_FILTER = MaskingFilter()


def install(names: tuple[str, ...] = LOGGERS) -> None:
    """Put the filter on these loggers; doing it twice changes nothing."""
    for name in names:
        logging.getLogger(name).addFilter(_FILTER)


install()
