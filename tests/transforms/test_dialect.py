"""The functions of the SQL files agree with the rules in Python."""

import itertools
import unicodedata
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedback_assets.schema.text import WHITE_SPACE, channel_name, normal_email, present
from feedback_assets.transforms.dialect import FUNCTIONS

ODD = (*WHITE_SPACE, "a", "Z", "!", "~", "\x7f", "\x00", "é", "😀", "")
# Characters in e-mails and channel names: white space, invisible characters, decomposed accents,
# letters with an unusual lower case, names around an address.
PIECES = (
    *"aZ@<>.\"',;é É İ ς Σ ß K ﬀ Ａ 😀",
    *"\t\n\r\x00\x7f\u0085\u00a0\u2003\u3000",
    *"\u00ad\u200b\u200d\u2060\ufeff\ufe0f\U000e0020\u3164",
    *"e\u0301 e\u0323\u0302 H\u0331 I\u0307 <\u0338 ;\u037e\u1fef",
    *(
        "ana@example.com",
        "Ana@Example.COM",
        "Ana <",
        '"Ana, B." <',
        "@",
        "n/a",
        "none",
        "-",
        "(none)",
        "(all)",
        "(Unmatched)",
        "(unattributed)",
    ),
    *("erased:" + "0123456789abcdef" * 2, "ERASED:" + "0" * 32, "erased:", "f" * 31),
)
# The lower case of letters added by a later Unicode version depends on each library.
LETTERS = [
    letter
    for letter in map(chr, range(1, 0x30000))
    if unicodedata.ucd_3_2_0.category(letter) not in ("Cn", "Cs")
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(LETTERS)), max_size=8).map(
    "".join
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for function in FUNCTIONS:
            opened.execute(function.macro)
        yield opened


def _of(connection: duckdb.DuckDBPyConnection, call: str, texts: list[str | None]) -> list[object]:
    connection.register("texts", pa.table({"t": pa.array(texts, pa.string())}))
    return [value for (value,) in connection.sql(f"select {call} from texts").fetchall()]


def test_any_white_space_is_trimmed_and_counts_as_blank(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    words = ["".join(letters) for letters in itertools.product(ODD, repeat=3)]
    texts = [*words, None]
    assert _of(connection, "trimmed(t)", texts) == [*(w.strip(WHITE_SPACE) for w in words), None]
    assert _of(connection, "present(t)", texts) == [present(text) for text in texts]
    assert _of(connection, "normal_email(t)", texts) == [normal_email(text) for text in texts]
    assert _of(connection, "channel_name(t)", texts) == [channel_name(text) for text in texts]


@given(st.lists(texts, min_size=20, max_size=40))
@example(
    ["", "a@b@c", "@", "a@", "@b", "a@b", " a @ b ", "a@b <c@d>", "<<a@b>>", "a@b\n", "<a@b\n>"]
)
def test_an_email_and_a_channel_have_the_same_form_in_sql_and_in_python(
    connection: duckdb.DuckDBPyConnection, written: list[str]
) -> None:
    assert _of(connection, "normal_email(t)", [*written]) == [*map(normal_email, written)]
    assert _of(connection, "channel_name(t)", [*written]) == [*map(channel_name, written)]


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    email, channel = normal_email(text), channel_name(text)
    assert normal_email(email) == email
    assert channel_name(channel) == channel


def test_sql_and_python_lower_every_letter_alike(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = _of(connection, "channel_name(t)", [*LETTERS])
    pairs = zip(LETTERS, found, strict=True)
    assert [letter for letter, name in pairs if name != channel_name(letter)] == []
    assert [letter for letter in LETTERS if letter.isspace()] == list(WHITE_SPACE)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" ANA@Example.com\u00a0", "ana@example.com"),
        ("ana@\u200bexample.com\ufeff", "ana@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("JOSÉ@EXAMPLE.COM", "josé@example.com"),
        ("H\u0331@example.com", "\u1e96@example.com"),
        ("Ana <ana@example.com>", "ana@example.com"),
        ('"Ana, B." < ana@example.com > ', "ana@example.com"),
        ("<ana@example.com>", "ana@example.com"),
        ("info@shop.example <Ana@example.com>", "ana@example.com"),
        ("erased:0123456789abcdef0123456789abcdef", "erased:0123456789abcdef0123456789abcdef"),
        *((text, None) for text in ("n/a", "none", "-", "@", "a@", "@b", "a@b@c", " ", "", None)),
        *((text, None) for text in ("Ana <>", "Ana <n/a>", "erased:", "a@\u200b", "\u00a0@b")),
    ],
)
def test_every_spelling_of_an_email_is_one_address(
    connection: duckdb.DuckDBPyConnection, written: str | None, address: str | None
) -> None:
    assert normal_email(written) == address
    assert _of(connection, "normal_email(t)", [written]) == [address]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Facebook ", "facebook"),
        ("\u2003FACE\u200bBOOK", "facebook"),
        ("Cafe\u0301", "café"),
        ("(none)", "(none)"),
        *((text, None) for text in (None, "", " \u00a0", "\u200b", " \ufeff ")),
        *(
            (text, None)
            for text in ("(all)", " (ALL)", "(un\u200bmatched)", "(unattributed)\u00a0")
        ),
        ("(all) (all)", "(all) (all)"),
    ],
)
def test_every_spelling_of_a_channel_is_one_name(
    connection: duckdb.DuckDBPyConnection, written: str | None, name: str | None
) -> None:
    assert channel_name(written) == name
    assert _of(connection, "channel_name(t)", [written]) == [name]


def test_a_currency_is_trimmed_and_upper_case(connection: duckdb.DuckDBPyConnection) -> None:
    written = ["usd", " USD", "EUR\u00a0", "€", "", "  ", None]
    wanted = ["USD", "USD", "EUR", "€", None, None, None]
    assert _of(connection, "currency_code(t)", written) == wanted


@pytest.mark.parametrize("most", [10**12, 10**14, 10**22])
def test_money_is_split_to_four_decimals_rounding_half_away_from_zero(
    connection: duckdb.DuckDBPyConnection, most: int
) -> None:
    query = "select money_each(cast($total as decimal(38, 4)), $n)::varchar"
    for total, n, wanted in (
        (f"{most}.0001", 2, f"{most // 2}.0001"),
        (f"-{most}.0001", 2, f"-{most // 2}.0001"),
        (f"{most}.0000", 3, f"{most // 3}.3333"),
    ):
        assert connection.execute(query, {"total": total, "n": n}).fetchall() == [(wanted,)]
