"""What a body says before anybody knows its envelope: bytes, character set, error or not."""

from __future__ import annotations

import codecs
import json
import logging
import re
import threading
from typing import Any

import msgspec

from feedback_assets.http.errors import one_line

_log = logging.getLogger(__name__)
_ERROR_WORDS = frozenset({"error", "fail", "failed", "failure"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFF = 100
_READ_TO_DESCRIBE = 64 * 1024
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJsonError(Exception):
    """A body that cannot be read as JSON, most often because it was cut short on its way."""


_NULL = msgspec.Raw(b"null")
_last = threading.local()


def top_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """The top-level fields of an object, undecoded; msgspec's errors for anything else.

    A body is looked at for an error and then for its envelope: this thread's last one is taken
    apart once, 0.7 ms for a page of 1,000 orders.
    """
    if getattr(_last, "body", None) is not body:
        _last.fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        _last.body = body
    found: dict[str, msgspec.Raw] = _last.fields
    return found


def as_utf8(body: bytes, content_type: str, *, where: str) -> bytes:
    """The body as UTF-8 without a byte order mark.

    A body in another character set is transcoded by its mark, by the zeros of UTF-16 and UTF-32,
    or by what `Content-Type` declares; one that is neither is read with U+FFFD in place of what
    cannot be, and a warning: one bad name must not keep a thousand good rows out.
    """
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            body = body[len(bom) :]
            return body if encoding == "utf-8" else _recode(body, encoding, where)
    if b"\0" in body[:4]:
        # JSON begins with ASCII, so these are wide characters that nobody announced.
        return _recode(body, json.detect_encoding(body), where)
    if b"\\u" in body and _SURROGATE.search(body):
        body = _without_lone_surrogates(body, where)
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return _recode(body, _charset_of(content_type), where)
    return body


def _without_lone_surrogates(body: bytes, where: str) -> bytes:
    """The body repaired where only half a surrogate pair keeps it from being JSON."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        repaired = repair_surrogates(body)
        if repaired != body:
            _log.warning("%s: half a surrogate pair was replaced by U+FFFD", where)
        return repaired
    return body


def repair_surrogates(record: bytes) -> bytes:
    """The record with U+FFFD in the place of each half of a surrogate pair.

    Whoever cuts a text after so many UTF-16 units leaves such a half where an emoji was.
    """
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["lone"] else found[0], record)


def _charset_of(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            try:
                return codecs.lookup(value.strip().strip("\"'")).name
            except LookupError:
                break
    return "utf-8"


def _recode(body: bytes, encoding: str, where: str) -> bytes:
    text = body.decode(encoding, errors="replace")
    if "\ufffd" in text:
        _log.warning("%s: some bytes are not %s and were replaced by U+FFFD", where, encoding)
    return text.encode(errors="replace")


def refusal(body: bytes, *, record_key: str | None = None) -> tuple[int | None, str] | None:
    """What an error in a body says: the status it names, if any, and the provider's words.

    None where the body reports no error. `record_key` names a field that only a record has: a
    Fullwhere tracker is the whole body, and its own `status` may be any word. Raises
    `NotJsonError` for what is not JSON and `RecursionError` for what is nested too deep; either
    way the whole body has been checked.
    """
    if not body.lstrip().startswith(b"{"):
        _decode(body, msgspec.Raw)
        return None
    try:
        signs = top_fields(body)
    except msgspec.DecodeError as found:
        broken = str(found)
    else:
        return _signalled(body, signs, record_key)
    raise NotJsonError(f"not valid JSON: {broken}")


def _signalled(
    body: bytes, signs: dict[str, msgspec.Raw], record_key: str | None
) -> tuple[int | None, str] | None:
    if record_key is not None and record_key in signs:
        return None
    status, error = _value(signs.get("status", _NULL)), _value(signs.get("error", _NULL))
    if isinstance(status, int) and not isinstance(status, bool) and 400 <= status <= 599 and error:
        return status, message_of(body)
    if isinstance(status, str) and status.strip().lower() in _ERROR_WORDS:
        return None, message_of(body)
    if error not in (None, False, "", 0, {}, []):
        return None, message_of(body)
    return None


def message_of(body: bytes) -> str:
    """The provider's own words in an error body, whatever its shape: one masked line."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return describe(body)
    return one_line(_words(tree)) or describe(body)


def _words(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    if isinstance(tree, (list, tuple)):
        return "; ".join(filter(None, (_words(part) for part in tree[:5])))
    if not isinstance(tree, dict):
        return "" if tree is None or isinstance(tree, bool) else str(tree)
    found = [_words(tree[key]) for key in ("message", "error", "detail", "code") if tree.get(key)]
    if tree.get("errors"):
        found.append(_fields(tree["errors"]))
    if not any(found) and tree.get("data"):
        found.append(_fields(tree["data"]))
    return ": ".join(dict.fromkeys(filter(None, found)))


def _fields(tree: Any) -> str:
    if isinstance(tree, dict) and not tree.keys() & {"message", "error", "detail", "errors"}:
        return "; ".join(f"{key}: {_words(value)}" for key, value in list(tree.items())[:5])
    return _words(tree)


def describe(body: bytes) -> str:
    """A body that is no error document, in a few words."""
    if not body.strip():
        return "an empty body"
    if looks_like_html(body):
        return "a web page (HTML) instead of JSON"
    # Masked before it is cut: half a key is not known for one.
    return one_line(body[:_READ_TO_DESCRIBE].decode(errors="replace"), limit=_SNIFF)


def looks_like_html(body: bytes) -> bool:
    """Whether this is markup: a login page, a proxy's page, a wrong URL."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        text = str(error)
    raise NotJsonError(f"not valid JSON: {text}")


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return "unreadable"
