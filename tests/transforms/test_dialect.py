"""The functions that the SQL files use give what the rules in Python give."""

import itertools

import duckdb
import pyarrow as pa

from feedback_assets.tables.text import WHITE_SPACE, normal_email, present
from feedback_assets.transforms.dialect import FUNCTIONS

ODD = (*WHITE_SPACE, "a", "Z", "!", "~", "\x7f", "\x00", "é", "😀", "")


def test_text_is_trimmed_and_blank_wherever_white_space_stands() -> None:
    texts = ["".join(letters) for letters in itertools.product(ODD, repeat=3)]
    rows = pa.table({"t": pa.array([*texts, None], pa.string())})
    with duckdb.connect() as connection:
        for function in FUNCTIONS:
            connection.execute(function.macro)
        connection.register("texts", rows)
        found = connection.sql("select t, trimmed(t), present(t), normal_email(t) from texts")
        wrong = [
            text
            for text, *given in found.fetchall()
            if given
            != [
                None if text is None else text.strip(WHITE_SPACE),
                present(text),
                normal_email(text),
            ]
        ]
    assert wrong == []
