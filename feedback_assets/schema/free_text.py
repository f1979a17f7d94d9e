"""Free text as it may be shown: without e-mail addresses, phone numbers and card numbers."""

import hashlib
import re
from collections.abc import Callable

# The sign as such, in full width, percent-encoded, as an HTML entity, and escaped in JSON.
_SIGN = re.compile(r"[@\uff20\ufe6b]|%40|&#64;|&#x40;|&commat;|\\u0040", re.IGNORECASE)
_WORD = re.compile(r"[^\s@<>()\[\]{},;:\"'\uff20\ufe6b]*")
_LONGEST_LOCAL, _LONGEST_DOMAIN = 128, 255
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4}")
_DIGITS = re.compile(r"(?<![\w.,])(?:\+|\()?\d(?:[\s().\-/\u00a0]{0,2}\d){6,18}(?!\w)")
_CARD, _LONG = 13, 10


def masked(text: str) -> str:
    """The text with ``[e-mail]``, ``[phone number]`` and ``[card number]`` in their places.

    A run of digits is a phone number if it is at least ten long or written like one; dates and
    short order numbers stay.
    """
    return _DIGITS.sub(_digits, _without_emails(text, lambda _: "[e-mail]"))


def masked_name(name: str) -> str:
    """The name of a channel, with ``[e-mail 1f3c]`` for each address in it.

    The digits tell different addresses apart. Long numbers stay: they are ids of campaigns.
    """
    return _without_emails(name, _tag)


def _tag(address: str) -> str:
    return f"[e-mail {hashlib.sha256(address.encode()).hexdigest()[:4]}]"


def _without_emails(text: str, instead: Callable[[str], str]) -> str:
    # From each sign outwards: a pattern for the whole address takes quadratic time.
    parts: list[str] = []
    done = 0
    for sign in _SIGN.finditer(text):
        start = sign.start()
        while start > max(done, sign.start() - _LONGEST_LOCAL) and _WORD.fullmatch(text[start - 1]):
            start -= 1
        domain = _domain(text, sign.end())
        if sign.start() >= done and start < sign.start() and domain:
            end = sign.end() + len(domain)
            parts += [text[done:start], instead(text[start:end])]
            done = end
    return "".join([*parts, text[done:]])


def _domain(text: str, start: int) -> str:
    """The host name at this place; empty if there is none."""
    found = _WORD.match(text, start, start + _LONGEST_DOMAIN)
    name = found[0].rstrip(".") if found else ""
    return name if "." in name[1:] else ""


def _digits(found: re.Match[str]) -> str:
    text = found[0]
    digits = [int(one) for one in text if one.isdigit()]
    if len(digits) >= _CARD and _is_card(digits):
        return "[card number]"
    if _DATE.match(text):
        return text
    is_phone = len(digits) >= _LONG or text[0] in "+(0" or not text.isdigit()
    return "[phone number]" if is_phone else text


def _is_card(digits: list[int]) -> bool:
    """Luhn's check digit."""
    doubled = [2 * one - 9 * (one > 4) for one in digits[-2::-2]]
    return (sum(doubled) + sum(digits[::-2])) % 10 == 0
