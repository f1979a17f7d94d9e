"""The readings of a text: as written, and with its escapes decoded, each letter traced back.

An address in a comment may be percent-encoded in a URL, escaped in JSON, an HTML entity or
quoted-printable, once or twice, and with invisible characters in it. ``=ab`` is an escaped byte in
one text and the beginning of a word in another, so that nothing is decoded for good: every
decoding is one more reading beside the text itself.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

from feedback_assets.schema.text import INVISIBLE

_ROUNDS = 4
_MOST_READINGS = 48
_INVISIBLE = re.compile(INVISIBLE)
_APOSTROPHES = str.maketrans("‘’‛ʼʹ′", "''''''")

Piece = tuple[str, int, int]
"""Letters, and from where to where in the match they were written."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, and from where to where each of its letters is written in the original."""

    text: str
    starts: "list[int] | range"
    ends: "list[int] | range"

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the letters from ``start`` to ``end`` are written."""
        return self.starts[start], self.ends[end - 1]


def readings(text: str) -> Iterator[Reading]:
    """The text as written, then every reading with some of its escapes decoded.

    Each is in NFC and without invisible characters.
    """
    first = _visible(Reading(text, range(len(text)), range(1, len(text) + 1)))
    seen = {first.text}
    yield _composed(first)
    found = [first]
    for _ in range(_ROUNDS):
        found = list(_decoded(found, seen))
        yield from map(_composed, found)


def _decoded(found: list[Reading], seen: set[str]) -> Iterator[Reading]:
    for reading in found:
        for pattern, decode in _DECODERS:
            if len(seen) >= _MOST_READINGS:
                return
            made = _replaced(reading, pattern, decode)
            if made is None:
                continue
            made = _visible(made)
            if made.text not in seen:
                seen.add(made.text)
                yield made


def _replaced(
    reading: Reading,
    pattern: re.Pattern[str],
    decode: Callable[[re.Match[str]], list[Piece] | None],
) -> Reading | None:
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for match in pattern.finditer(reading.text):
        pieces = decode(match)
        if pieces is None:
            continue
        letters.append(reading.text[place : match.start()])
        starts += reading.starts[place : match.start()]
        ends += reading.ends[place : match.start()]
        for text, start, end in pieces:
            begin, finish = reading.span(match.start() + start, match.start() + end)
            letters.append(text)
            starts += [begin] * len(text)
            ends += [finish] * len(text)
        place = match.end()
    if not place:
        return None
    letters.append(reading.text[place:])
    starts += reading.starts[place:]
    ends += reading.ends[place:]
    return Reading("".join(letters), starts, ends)


def _visible(reading: Reading) -> Reading:
    if reading.text.isascii():
        return reading
    return _replaced(reading, _INVISIBLE, lambda _: []) or reading


def _composed(reading: Reading) -> Reading:
    if reading.text.isascii() or unicodedata.is_normalized("NFC", reading.text):
        return reading
    return _replaced(reading, _CLUSTER, _nfc) or reading


def _nfc(match: re.Match[str]) -> list[Piece]:
    return [(unicodedata.normalize("NFC", match[0]), 0, len(match[0]))]


# A letter and the marks that may be composed with it; Hangul is composed of several letters.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u093c\u3099\u309a"
_CLUSTER = re.compile(
    f"[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3]+|.[{_MARKS}\u1dc0-\u1dff\u20d0-\u20ff]+",
    re.DOTALL,
)


def _bytes(match: re.Match[str]) -> list[Piece]:
    """A run of escaped bytes, ``%C3%A9`` or ``=C3=A9``, as UTF-8 and else as Windows-1252."""
    raw = bytes.fromhex(match[0].replace(match[0][0], ""))
    pieces = []
    place = 0
    while place < len(raw):
        lead = raw[place]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        try:
            letter = raw[place : place + size].decode()
        except UnicodeDecodeError:
            size = 1
            letter = raw[place : place + 1].decode("cp1252", errors="replace")
        pieces.append((letter, 3 * place, 3 * (place + size)))
        place += size
    return pieces


def _strict_percent(match: re.Match[str]) -> list[Piece]:
    """The sign and what is not ASCII: in ``email=00=40b.com`` and ``100%abe%40b.com`` no more is.

    Of a run of escaped bytes what is UTF-8; the rest stays as it is written.
    """
    written = match[0]
    if match["code"]:
        return _numbered(int(match["code"], 16), match) or [(written, 0, len(written))]
    if not match["bytes"]:
        return [("@", 0, len(written))]
    pieces = []
    for letter, start, end in _bytes(match):
        utf_8 = end - start > 3
        pieces += (
            [(letter, start, end)]
            if utf_8
            else [(written[at], at, at + 1) for at in range(start, end)]
        )
    return pieces


_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _backslashed(match: re.Match[str]) -> list[Piece] | None:
    if match["simple"]:
        letter = match["simple"]
        return [(_SIMPLE.get(letter, letter), 0, len(match[0]))]
    if match["high"]:
        pair = (0x10000 + ((int(match["high"], 16) & 0x3FF) << 10)) | (
            int(match["low"], 16) & 0x3FF
        )
        return [(chr(pair), 0, len(match[0]))]
    return _numbered(
        int(match["code"] or match["four"] or match["two"] or match["eight"], 16), match
    )


def _entity(match: re.Match[str]) -> list[Piece] | None:
    if match["decimal"]:
        return _numbered(int(match["decimal"]), match)
    if match["hex"]:
        return _numbered(int(match["hex"], 16), match)
    name = match["name"]
    # A few may be written without the semicolon, as in ``&ampx``.
    letters = html5.get(f"{name};") if match[0].endswith(";") else html5.get(name)
    return None if letters is None else [(letters, 0, len(match[0]))]


def _numbered(code: int, match: re.Match[str]) -> list[Piece] | None:
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return None
    return [(chr(code), 0, len(match[0]))]


def _look_alike_letters(match: re.Match[str]) -> list[Piece]:
    letter = match[0].translate(_APOSTROPHES)
    # Not ² and the like, which are a footnote rather than a letter of the address.
    if unicodedata.decomposition(letter).startswith(("<wide>", "<narrow>", "<small>", "<font>")):
        letter = unicodedata.normalize("NFKC", letter)
    return [(letter, 0, 1)]


_DECODERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Piece] | None]], ...] = (
    (re.compile(r"(?:%[0-9A-Fa-f]{2})+"), _bytes),
    (
        re.compile(
            r"[\\%]u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})[\\%]u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
            r"|\\u\{(?P<code>[0-9A-Fa-f]{1,6})\}|[\\%]u(?P<four>[0-9A-Fa-f]{4})"
            r"|\\x(?P<two>[0-9A-Fa-f]{2})|\\U(?P<eight>[0-9A-Fa-f]{8})"
            r"|\\(?P<simple>[\"'\\/bfnrt])"
        ),
        _backslashed,
    ),
    (
        re.compile(
            r"&(?:#(?P<decimal>[0-9]{1,8})|#[xX](?P<hex>[0-9A-Fa-f]{1,8})"
            r"|(?P<name>[A-Za-z][A-Za-z0-9]{1,31}));?"
        ),
        _entity,
    ),
    (re.compile(r"(?:=[0-9A-Fa-f]{2})+"), _bytes),
    # The soft line break of quoted-printable; after ``email=`` it may be a line break.
    (re.compile(r"=\r?\n"), lambda _: []),
    (
        re.compile(
            r"[=%](?:25)*40|(?:\\+|%)u(?P<code>[0-9A-Fa-f]{4})|(?:&|%26)(?:#|%23)(?:0*64|[xX]0*40)(?:;|%3[bB])?"
            r"|(?:&|%26)commat(?:;|%3[bB])"
            r"|(?P<bytes>(?:%[89A-Fa-f][0-9A-Fa-f])+|(?:=[89A-Fa-f][0-9A-Fa-f])+)"
        ),
        _strict_percent,
    ),
    # Full-width and other letters that look alike and mean the same.
    (re.compile(r"[^\x00-\x7f]"), _look_alike_letters),
)
