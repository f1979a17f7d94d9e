"""Free text as it may be shown: without e-mail addresses, phone numbers and card numbers."""

import re

_EMAIL = re.compile(r"[^\s@<>()\[\]{},;:\"']+@[^\s@<>()\[\]{},;:\"']+\.[^\s@<>()\[\]{},;:\"'.]+")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4}")
_DIGITS = re.compile(r"(?<![\w.,])(?:\+|\()?\d(?:[\s().\-/\u00a0]{0,2}\d){6,18}(?!\w)")
_CARD, _LONG = 13, 10


def masked(text: str) -> str:
    """The text with ``[e-mail]``, ``[phone number]`` and ``[card number]`` in their places.

    A run of digits is a phone number if it is at least ten long or written like one; dates and
    short order numbers stay.
    """
    return _DIGITS.sub(_digits, _EMAIL.sub("[e-mail]", text))


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
