"""Reasons for quarantining, without the offending values, so that they can be counted and reported.

A reason quotes the value, which differs in every record and may be a person's name.
"""

import re
from collections import Counter
from collections.abc import Iterable

_NUMBER = r"-?[0-9][0-9.eE+-]*…?"
_GENERAL = (
    (re.compile(r"\[\d+\]"), "[]"),
    (re.compile(r'the text "(?:[^"\\]|\\.)*(?:"|$)…?'), "the text"),
    (re.compile(rf"\bgot {_NUMBER}"), "got a number"),
    (re.compile(rf": {_NUMBER} is out of range"), ": a number is out of range"),
    (re.compile(rf"adds up to {_NUMBER}"), "adds up to too much"),
    (re.compile(r"(cannot be read as JSON|is no(?:t a)? time stamp): .*", re.DOTALL), r"\1"),
)


def general_reason(reason: str) -> str:
    """The reason without the value that it quotes."""
    for pattern, general in _GENERAL:
        reason = pattern.sub(general, reason)
    return reason


def most_common_reason(reasons: Iterable[str]) -> str:
    """The most frequent reason, compared without the quoted values."""
    ((reason, _),) = Counter(map(general_reason, reasons)).most_common(1)
    return reason
