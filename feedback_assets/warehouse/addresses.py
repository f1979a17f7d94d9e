"""E-mail addresses in any text, however they are written: those that may stand there, and where.

``addresses`` gives every reading of the text around an ``@``: ``o'brien@example.com`` may be that
address, or ``brien@example.com`` after an apostrophe. Whoever knows the addresses takes the longest
that is known. One that goes on in a letter, a digit or what joins two (``jimbob@example.com``,
``jim.bob@example.com``, ``bob@example.com.au``) is another address. ``doubtful`` gives what only a
person can decide.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from feedback_assets.schema.text import WHITE_SPACE
from feedback_assets.warehouse.decoding import Reading, readings

# An ``@`` in every form that ``decoding`` reads, written so that Python, Arrow and DuckDB read it
# alike. Cheap: nearly no text has one.
AT_SIGN = (
    r"(?i)@|\x{FF20}|\x{FE6B}|[%=xu5]\{?0*40|[#3]0*64|commat|(?:bc|b9)(?:%|=|%25)a[0b]"
    r"|ff20|fe6b|65312|65131"
)
"""For RE2, which is DuckDB's and Arrow's."""
AT_SIGN_PATTERN = AT_SIGN.replace(r"\x{FF20}", "\uff20").replace(r"\x{FE6B}", "\ufe6b")
"""For Python."""
_AT_SIGN = re.compile(AT_SIGN_PATTERN)

# No escape and no address goes on over one of these; a soft line break of quoted-printable does.
_SEGMENT = re.compile(r"(?:=\r?\n|[^\s<>\"])+")
_LONG_SEGMENT = 4000
_AROUND = 1500
_LONGEST_LOCAL = 128
_LONGEST_DOMAIN = 255

_WALL, _SEPARATOR, _JOINER, _LETTER, _UNSPACED = range(5)
"""What a character is beside an address. Writing without spaces between words, such as Chinese,
ends an address of Latin letters as a space would."""


@dataclass(frozen=True, slots=True)
class Found:
    """An address that may stand in a text from ``start`` to ``end``."""

    start: int
    end: int
    address: str


def may_hold(text: str) -> bool:
    """Whether there may be an address in the text; seldom true where there is none."""
    return _AT_SIGN.search(text) is not None


def addresses(text: str) -> Iterator[Found]:
    """Every address that may stand in the text, those around one ``@`` from long to short."""
    yield from _around_signs(text, _certain_spans)


def whole_addresses(text: str) -> Iterator[Found]:
    """The addresses that the text is, with nothing around it but blanks and brackets."""
    for found in addresses(text):
        if not f"{text[: found.start]}{text[found.end :]}".strip(f"{WHITE_SPACE}<>\"'"):
            yield found


def doubtful(text: str) -> Iterator[Found]:
    """Addresses that may be meant: tagged, spelled out, or with a word right behind them."""
    if may_hold(text):
        yield from _around_signs(text, _possible_spans)
        for found in _around_signs(text, _certain_spans):
            local, _, domain = found.address.partition("@")
            if "+" in local:
                yield Found(found.start, found.end, f"{local.partition('+')[0]}@{domain}")
    if _SPELLED_HINT.search(text):
        for number, reading in enumerate(readings(text)):
            if number == _SPELLED_READINGS:
                break
            yield from _spelled_out(reading)


def _around_signs(
    text: str, bounds: Callable[[str, int], Iterator[tuple[int, int]]]
) -> Iterator[Found]:
    seen = set()
    for offset, part in _parts(text):
        for reading in readings(part):
            for sign in (n for n, letter in enumerate(reading.text) if letter == "@"):
                for start, end in bounds(reading.text, sign):
                    begin, finish = reading.span(start, end)
                    found = Found(offset + begin, offset + finish, reading.text[start:end])
                    if found not in seen:
                        seen.add(found)
                        yield found


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text in which an ``@`` may be read, and where they begin."""
    # No sign goes over the end of a segment, so one search of the text does for all of them.
    signs = [sign.start() for sign in _AT_SIGN.finditer(text)]
    passed = 0
    for segment in _SEGMENT.finditer(text) if signs else ():
        before, passed = passed, bisect_left(signs, segment.end())
        if before == passed:
            continue
        written = segment[0]
        if len(written) <= _LONG_SEGMENT:
            yield segment.start(), written
            continue
        begin = finish = 0
        for sign in _AT_SIGN.finditer(written):
            if sign.start() - _AROUND > finish and finish:
                yield segment.start() + begin, written[begin:finish]
                finish = 0
            begin = begin if finish else max(0, sign.start() - _AROUND)
            finish = sign.end() + _AROUND
        if finish:
            yield segment.start() + begin, written[begin:finish]


def _certain_spans(text: str, sign: int) -> Iterator[tuple[int, int]]:
    ends = list(_ends(text, sign))
    for start in _starts(text, sign):
        for end in ends:
            yield start, end


def _starts(text: str, sign: int) -> Iterator[int]:
    """Where an address before this ``@`` may begin, the longest first."""
    begin = sign
    while begin and sign - begin < _LONGEST_LOCAL and _kind(text[begin - 1]) != _WALL:
        begin -= 1
    before = _WALL
    only_joiners = False
    for place in range(begin, sign):
        kind = _kind(text[place])
        starts = (
            before in (_WALL, _SEPARATOR)
            or (before == _JOINER and (only_joiners or _joined_twice(text, place - 2)))
            or {before, kind} == {_LETTER, _UNSPACED}
        )
        if starts:
            yield place
        only_joiners = kind == _JOINER and (starts or before == _UNSPACED)
        before = kind


def _ends(text: str, sign: int) -> Iterator[int]:
    """Where an address after this ``@`` may end, the longest first."""
    finish = sign + 1
    last = min(len(text), sign + 1 + _LONGEST_DOMAIN)
    while finish < last and _kind(text[finish]) != _WALL:
        finish += 1
    after = _WALL
    only_joiners = False
    dotted = False
    for place in range(finish, sign + 1, -1):
        kind = _kind_in_domain(text[place - 1])
        ends = (
            after in (_WALL, _SEPARATOR)
            or (after == _JOINER and (only_joiners or _joined_twice(text, place)))
            or {after, kind} == {_LETTER, _UNSPACED}
            # No name of a country or the like has a hyphen, so a word was joined to it.
            or (text[place : place + 1] == "-" and not dotted and "." in text[sign:place])
        )
        if ends:
            yield place
        only_joiners = kind == _JOINER and (ends or after == _UNSPACED)
        dotted = (dotted or text[place - 1] == ".") and kind != _SEPARATOR
        after = kind


def _joined_twice(text: str, place: int) -> bool:
    return text[place : place + 2] in ("..", "--")


def _possible_spans(text: str, sign: int) -> Iterator[tuple[int, int]]:
    """``bob`` of ``jim+bob@…`` and what stands before a dot: ``bob@example.com.Thanks``."""
    starts = list(_starts(text, sign))
    ends = list(_ends(text, sign))
    tagged = [
        place + 1 for place in range(starts[0] if starts else sign, sign - 1) if text[place] == "+"
    ]
    dots = [
        place
        for place in range(sign + 1, ends[0] if ends else sign)
        if text[place] == "." and "." in text[sign:place]
    ]
    for start in starts + tagged:
        for end in ends + dots:
            if start in tagged or end in dots:
                yield start, end


@lru_cache(maxsize=4096)
def _kind(letter: str) -> int:
    if letter.isascii():
        if letter.isalnum():
            return _LETTER
        if letter in "._-+":
            return _JOINER
        return _SEPARATOR if letter in "!#$%&'*/=?^`{|}~" else _WALL
    category = unicodedata.category(letter)
    if category == "Lo":
        return _UNSPACED
    return _LETTER if category[0] in "LM" or category == "Nd" else _WALL


def _kind_in_domain(letter: str) -> int:
    return _SEPARATOR if letter in "_+" else _kind(letter)


_AT_WORD = r"at|a|\u00e4t|arroba|arobase|chiocciola|klammeraffe|@"
_DOT_WORD = r"dot|punkt|point|punto|ponto|\."
_BEFORE, _AFTER = r"[(\[{<*_-]+\s*", r"\s*[)\]}>*_-]+"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_SPELLED_AT = rf"\s*(?:{_BEFORE}(?:{_AT_WORD}){_AFTER}|\s(?:at|@)\s|@)\s*"
_SPELLED_DOT = rf"\s*(?:{_BEFORE}(?:{_DOT_WORD}){_AFTER}|\s(?:dot|punkt|point|punto)\s|\.)\s*"
_SPELLED = re.compile(
    rf"(?i)(?P<local>[\w.+'-]+){_SPELLED_AT}"
    rf"(?P<domain>{_LABEL}(?:{_SPELLED_DOT}{_LABEL})+)"
)
_DOT = re.compile(rf"(?i){_SPELLED_DOT}")
_SPELLED_READINGS = 6
# For RE2 too: ``\b`` and no letters beyond ASCII.
_OPEN, _CLOSE = r"[(\[{<*_-]", r"[)\]}>*_-]"
SPELLED_OUT = (
    rf"(?i)(?:\s|{_CLOSE})(?:at|@)(?:\s|{_OPEN})"
    rf"|{_OPEN}\s*(?:at|a|\S{{1,2}}t|arroba|arobase|chiocciola|klammeraffe|@)\s*{_CLOSE}"
    rf"|@\s|\s@|(?:dot|punkt|point|punto|ponto)(?:\s|{_CLOSE})"
)
"""A text in which an address may be spelled out, for RE2."""
_SPELLED_HINT = re.compile(SPELLED_OUT)


def _spelled_out(reading: Reading) -> Iterator[Found]:
    """``bob (at) example.com``, ``bob at example dot com``, ``bob @ example.com``."""
    for match in _SPELLED.finditer(reading.text):
        local = match["local"].strip(".-'")
        written = match[0]
        for domain, end in _domains(match["domain"]):
            finish = match.start("domain") + end
            begin, last = reading.span(match.start(), finish)
            # Written as it is, it was decided before.
            if f"@{domain}" not in written:
                yield Found(begin, last, f"{local}@{domain}")


def _domains(written: str) -> list[tuple[str, int]]:
    """The domain with all its parts, then with the last left out, down to two."""
    parts = []
    place = 0
    for dot in _DOT.finditer(written):
        parts.append((written[place : dot.start()], dot.start()))
        place = dot.end()
    parts.append((written[place:], len(written)))
    return [
        (".".join(part for part, _ in parts[:count]), parts[count - 1][1])
        for count in range(len(parts), 1, -1)
    ]
