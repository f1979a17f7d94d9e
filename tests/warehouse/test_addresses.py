"""E-mails in text: found in any encoding and context, and no one else's."""

import html
import json
import quopri
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from feedback_assets.warehouse.addresses import AT_SIGN, SPELLED_OUT, doubtful, may_contain_address
from feedback_assets.warehouse.erased import Addition, Erased

EMPTY = Erased(b"key")
BOB = "bob@example.com"
BRIEN = "o'brien@example.com"


def knowing(*emails: str, spelled: bool = False) -> Erased:
    hashes = frozenset(EMPTY.hash_of("email", email) for email in emails)
    return EMPTY.with_more(Addition("p", hashes, spelled=hashes if spelled else frozenset()))


def escaped_bytes(sign: str, text: str, *, lower: bool = False) -> str:
    digits = "02x" if lower else "02X"
    return "".join(f"{sign}{byte:{digits}}" for byte in text.encode())


def percent_once(text: str) -> str:
    return quote(text, safe="")


def utf_16(text: str) -> str:
    raw = text.encode("utf-16-be")
    pairs = (raw[at : at + 2] for at in range(0, len(raw), 2))
    return "".join(f"\\u{int.from_bytes(pair):04X}" for pair in pairs)


def quoted_printable(text: str) -> str:
    return quopri.encodestring(text.encode()).decode()


def broken(text: str) -> str:
    """With a soft line break, unless that splits an escape."""
    at = text.index("@") + 1
    return f"{text[:at]}=\n{text[at:]}"


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "NFD": partial(unicodedata.normalize, "NFD"),
    "percent": percent_once,
    "percent, every letter": partial(escaped_bytes, "%"),
    "percent, small digits": lambda text: escaped_bytes("%", text, lower=True),
    "percent twice": lambda text: percent_once(percent_once(text)),
    "JSON": lambda text: json.dumps(text)[1:-1].replace("@", "\\u0040"),
    "JSON, every letter": utf_16,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1].replace("@", "\\u0040"))[1:-1],
    "HTML numbers": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML hex": lambda text: "".join(f"&#x{ord(letter):04x};" for letter in text),
    "HTML name": lambda text: html.escape(text).replace("@", "&commat;").replace(".", "&period;"),
    "HTML in a URL": lambda text: percent_once(text.replace("@", "&#64;")),
    "quoted-printable": lambda text: quoted_printable(text).replace("@", "=40"),
    "quoted-printable, every letter": partial(escaped_bytes, "="),
    "quoted-printable, broken": lambda text: broken(quoted_printable(text)),
    "full width": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text
    ),
    "full-width sign": lambda text: text.replace("@", "＠"),
    "percent, full-width sign": lambda text: percent_once(text.replace("@", "＠")),
    "zero-width spaces": "\u200b".join,
    "soft hyphens and joiners": "\u00ad\u2060".join,
    "percent, zero-width": lambda text: percent_once("\u200b".join(text)),
    "mailto": "mailto:{}".format,
}
# Characters that may be next to an address without being part of it.
BESIDE = [
    *"()<>[]{},;:\"'`|\\/=&?!#%$*^~ \n\t\x00“”„‘’«»…—–、。「」【】（）《》²™😀に",
    *"\u200b\u00a0\u3000\ufeff",
    *("", "❤️", "🇫🇷", "联系", "ください", "...", "--", "**", "__", "'''", "…and "),
    *("&nbsp;", "&quot;", "&lt;", "&#39;", "%20", "%22", "%E2%80%9C", "\\n", "\\u201c", "=20"),
]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@st.composite
def emails(draw: st.DrawFn) -> str:
    atom = st.text(LETTERS + "éüñø", min_size=1, max_size=8)
    joined = st.lists(atom, min_size=1, max_size=3)
    local = draw(st.sampled_from([".", "-", "_", "+", "'"])).join(draw(joined))
    label = st.text(LETTERS + "ü", min_size=1, max_size=8)
    labels = [
        *draw(st.lists(label, min_size=1, max_size=2)),
        draw(st.sampled_from(["com", "co.uk"])),
    ]
    domain = ".".join(labels)
    return f"{local}@{domain}"


@given(
    email=emails(),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    before=st.sampled_from([*BESIDE, "email=", "to:"]),
    after=st.sampled_from(BESIDE),
    words=st.sampled_from(["", "Please write to ", "https://a.example/?email="]),
)
@example("abe@example.com", "percent", "", "&", "100%")
@example("00@0.com", "quoted-printable", "", "(", "email=")
@example(BRIEN, "as it is", "'", "'", "")
@example("abe@example.com", "percent", "", "&", "https://a.example/?q=")
def test_an_erased_email_is_found_in_every_encoding_and_context(
    email: str, encoding: str, before: str, after: str, words: str
) -> None:
    # A character that turns the first letters into an escape and is followed by another encoding:
    # this continues without end.
    assume(not (before[-1:] in ("%", "=", "\\") and re.match("[0-9a-f]{2}|[xu]", email)))
    written = ENCODINGS[encoding](email)
    text = f"{words}{before}{written}{after}"
    known = knowing(email)
    assert may_contain_address(text)
    left = known.scrubbed(text)
    assert "erased:" in left
    assert written not in left
    assert known.scrubbed(left) == left
    # The surrounding text stays.
    assert left.startswith(words)
    assert left.endswith(after)


@pytest.mark.parametrize(
    "text",
    [
        "jimbob@example.com",
        "jim.bob@example.com",
        "jim-bob@example.com",
        "jim_bob@example.com",
        "jim+bob@example.com",
        "bob@example.com.au",
        "bob@example.community",
        "bob@example.com2",
        "bob@sub.example.com",
        "bob@my-example.com",
        "bob%2Bshop%40example.com",
        "élbob@example.com",
        "bob@examplé.com",
        "bob@",
        "@example.com",
        "bob at the example.com shop",
        "Meet @bob or example.com",
    ],
)
@pytest.mark.parametrize("beside", ["", "'", "“", "联系"])
def test_other_addresses_are_unchanged(text: str, beside: str) -> None:
    written = f"{beside}{text}{beside}"
    assert knowing(BOB).scrubbed(written) == written


def test_the_longer_of_two_known_addresses_matches() -> None:
    known = knowing(BRIEN, "brien@example.com")
    assert known.scrubbed(BRIEN) == known.pseudonym("email", BRIEN)
    both = known.scrubbed(f"{BRIEN}, brien@example.com")
    assert both == ", ".join(known.pseudonym("email", at) for at in (BRIEN, "brien@example.com"))


@pytest.mark.parametrize(
    "text",
    [
        "bob (at) example.com",
        "bob(at)example.com",
        "bob [at] example [dot] com",
        "Write to bob at example dot com, please",
        "bob AT example.com",
        "bob @ example.com",
        "bob@example dot com",
        "bob_at_example.com",
        "jim+bob@example.com",
        "bob+shop@example.com",
        "See bob@example.com.Thanks",
    ],
)
def test_ambiguous_cases_stay_and_are_reported(text: str) -> None:
    known = knowing(BOB)
    assert known.scrubbed(text) == text
    assert known.doubtful(text)
    assert not known.doubtful(text.replace("bob", "tom"))
    decided = knowing(BOB, spelled=True)
    left = decided.scrubbed(text)
    assert "erased:" in left
    assert not decided.doubtful(left)


@given(st.text(alphabet="ab@. ()+at%40&#64;=\\u0do\n'…联", max_size=60))
def test_searching_any_text_ends_and_is_idempotent(text: str) -> None:
    known = knowing("a@b.ab", "ab@a.at", "b@a.b")
    left = known.scrubbed(text)
    assert known.scrubbed(left) == left
    for found in doubtful(text):
        assert 0 <= found.start < found.end <= len(text)


def test_a_text_of_a_megabyte_is_searched_in_chunks() -> None:
    filler = "%20=ab&amp;" * 50_000
    text = f"{filler}bob%40example.com&{filler}"
    assert knowing(BOB).scrubbed(text) == text.replace(
        "bob%40example.com", EMPTY.pseudonym("email", BOB)
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://a.example/?contact_id=AB-1&x=1", "https://a.example/?contact_id={}&x=1"),
        ("https://a.example/?r=%3FcustomerId%3DAB-1", "https://a.example/?r=%3FcustomerId%3D{}"),
        ('{"userId": "AB-1"}', '{{"userId": "{}"}}'),
        ('{"user_id":7}', '{{"user_id":"{}"}}'),
        ('"{\\"user_id\\":7}"', '"{{\\"user_id\\":\\"{}\\"}}"'),
    ],
)
def test_an_id_is_erased_where_a_field_or_parameter_name_marks_it(text: str, left: str) -> None:
    ids = {EMPTY.hash_of("contact", text) for text in ("AB-1", "7")}
    known = EMPTY.with_more(Addition("p", frozenset(ids)))
    instead = [EMPTY.pseudonym("contact", text) for text in ("AB-1", "7")]
    assert known.scrubbed(text) in [left.format(one) for one in instead]
    for other in ("7 stars, AB-1", '{"score":7}', "?page=7", "contact_id=70"):
        assert known.scrubbed(other) == other


def test_every_engine_accepts_the_search_patterns() -> None:
    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc

    written = [encode(BOB) for encode in ENCODINGS.values()]
    assert pc.all(pc.match_substring_regex(pa.array(written), AT_SIGN)).as_py()
    spelled = ["bob (at) example.com", "bob at example dot com", "bob @ x.de"]
    assert pc.all(pc.match_substring_regex(pa.array(spelled), SPELLED_OUT)).as_py()
    for pattern, texts in ((AT_SIGN, written), (SPELLED_OUT, spelled)):
        for text in texts:
            asked = duckdb.execute("select regexp_matches($1, $2)", [text, pattern]).fetchone()
            assert asked == (True,), text
