"""An array cut into its records, though msgspec gives up on it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.http.bodies import repair_surrogates
from feedback_assets.http.cutting import (
    _cut_by_brackets,
    cut_records,
    null_for_null_text,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["null", 'a"null"', "\\", '\\"', "[", "{,", "]}", '"null": 1']),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3) | st.just("null"), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=6), st.booleans(), st.sampled_from([None, 1]))
def test_cutting_by_brackets_gives_what_a_json_parser_gives(
    values: list[object], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(values, ensure_ascii=ascii_only, indent=indent)
    array = text.encode(errors="surrogatepass")
    assert [json.loads(part) for part in _cut_by_brackets(array)] == values


@given(JSON)
def test_only_values_that_are_the_text_null_become_null(value: object) -> None:
    def expected(part: object) -> object:
        if isinstance(part, dict):
            return {name: expected(inner) for name, inner in part.items()}
        if isinstance(part, list):
            return [expected(inner) for inner in part]
        return None if part == "null" else part

    for indent in (None, 1):
        array = json.dumps([value], indent=indent).encode()
        assert json.loads(null_for_null_text(array)) == [expected(value)]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "5", '"[]"', "[", "[1", "[1]]", "[1] 2", "[1],[2]", "[1,,2]", "[1,]", "[,1]",
     '["a]', "[}", "null", "[1}"],
)  # fmt: skip
def test_what_is_no_array_is_an_error_and_never_no_records(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        cut_records(text.encode())


def test_a_record_nested_a_hundred_thousand_deep_is_cut_out_like_any_other() -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    records = cut_records(b'[{"id":1}, ' + deep + b' ,{"id":"]"}]')
    assert [bytes(record) for record in records] == [b'{"id":1}', deep, b'{"id":"]"}']


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (r'"cut \ud83d"', r'"cut \ufffd"'),
        (r'"\udc00\ud83d"', r'"\ufffd\ufffd"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d\ud83d\ude00"', r'"\ufffd\ud83d\ude00"'),
        (r'"\\ud83d"', r'"\\ud83d"'),
        (r'"\\\ud83d\n"', r'"\\\ufffd\n"'),
    ],
)
def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_stays(text: str, repaired: str) -> None:
    assert repair_surrogates(text.encode()).decode() == repaired
