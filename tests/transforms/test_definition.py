"""The definition of a derived table: what it includes and what it does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.schema.columns import INT64, TEXT, Column
from feedback_assets.schema.definition import FIRST_VERSION, Definition, why
from feedback_assets.schema.table import SAME_DAY
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.transforms import definition
from feedback_assets.transforms.definition import derived_definition, functions_used, sql_tokens
from feedback_assets.transforms.engine import sql_of
from feedback_assets.transforms.inputs import Spans
from feedback_assets.transforms.pseudonym import fingerprint

SPANS = Spans(90, 30)
DAILY = find_table("marts.nps_daily")
SQL = "select day, count(*) as n -- how many\nfrom marts.order_feedback where status = 'a -- b'"


@pytest.mark.parametrize(
    "same",
    [
        "select day,count( * ) as n from marts.order_feedback\n\nwhere status='a -- b'",
        "-- said otherwise\n" + SQL,
        "/* said\notherwise */" + SQL.replace("-- how many", "-- how many there are: it's 'few'"),
    ],
)
def test_comments_and_white_space_do_not_change_a_definition(same: str) -> None:
    assert sql_tokens(same) == sql_tokens(SQL)


@pytest.mark.parametrize(
    "other",
    [
        SQL.replace("'a -- b'", "'a -- c'"),
        SQL.replace("'a -- b'", "'a  -- b'"),
        SQL.replace("count", "sum"),
        SQL.replace("as n", 'as "n"'),
        SQL.replace("-- how many", ", 1 as m"),
    ],
)
def test_words_and_quoted_text_change_a_definition(other: str) -> None:
    assert sql_tokens(other) != sql_tokens(SQL)


@given(
    st.lists(
        st.sampled_from(["select", "'it''s'", '"a b"', "1e-5", "$match_days", "<=", "(", ")", ","]),
        max_size=12,
    ),
    st.lists(st.sampled_from([" ", "\n", "\t", " -- note\n", "/* a */"]), min_size=1),
)
def test_the_separator_does_not_change_the_tokens(words: list[str], gaps: list[str]) -> None:
    apart = "".join(word + gaps[n % len(gaps)] for n, word in enumerate(words))
    assert sql_tokens(apart) == sql_tokens(" ".join(words))


def test_a_function_brings_the_functions_it_calls_in_either_engine() -> None:
    assert functions_used("select a from b") == []
    names = [function.name for function in functions_used("select present(a) from b")]
    assert "present" in names
    assert "trimmed" in names


def test_every_row_relevant_part_of_a_declaration_changes_the_definition() -> None:
    columns = DAILY.columns
    text, number = Column("added", TEXT, ""), Column("added", INT64, "")
    variants = [
        DAILY,
        replace(DAILY, columns=(*columns, text)),
        replace(DAILY, columns=(*columns, number)),
        replace(DAILY, columns=(*columns, replace(text, nullable=False))),
        replace(DAILY, columns=columns[::-1]),
        replace(DAILY, key=("nps",)),
        replace(DAILY, order_by=()),
        replace(DAILY, depends={**DAILY.depends, "unified.orders": SAME_DAY}),
    ]
    codes = [derived_definition(table, SPANS, None).code for table in variants]
    assert len(set(codes)) == len(codes)
    described = replace(DAILY, description="Said otherwise", example="")
    assert derived_definition(described, SPANS, None).code == codes[0]


def test_a_definition_depends_on_the_types_of_its_source_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feedback = find_table("unified.feedback")
    before = derived_definition(feedback, SPANS, None)
    pulse = find_table("feedbackpulse.submissions")
    widened = tuple(
        replace(column, type=INT64) if column.name == "nps_score" else column
        for column in pulse.columns
    )
    changed = replace(pulse, columns=widened)
    monkeypatch.setattr(
        definition,
        "find_table",
        lambda name: changed if name == pulse.full_name else find_table(name),
    )
    definition._code.cache_clear()
    try:
        assert derived_definition(feedback, SPANS, None) != before
        others = [table for table in DERIVED_TABLES if table is not feedback]
        now = [derived_definition(table, SPANS, None) for table in others]
    finally:
        definition._code.cache_clear()
    monkeypatch.undo()
    assert [derived_definition(table, SPANS, None) for table in others] == now


def test_a_setting_changes_only_the_definitions_of_tables_that_read_it() -> None:
    base = {table: derived_definition(table, SPANS, "a") for table in DERIVED_TABLES}

    def changed_by(spans: Spans, secret: str) -> set[str]:
        return {
            table.full_name
            for table in DERIVED_TABLES
            if derived_definition(table, spans, secret) != base[table]
        }

    for name, found, span in (
        ("$match_days", changed_by(Spans(60, 30), "a"), "match"),
        ("$touch_days", changed_by(Spans(90, 7), "a"), "touch"),
        ("$inner_pad", changed_by(SPANS, "b"), "none"),
    ):
        assert found == {
            table.full_name
            for table in DERIVED_TABLES
            if name in sql_of(table) or span in {one.span for one in table.depends.values()}
        }
        assert found
    assert "unified.attribution" in changed_by(Spans(90, 7), "a")
    assert "marts.order_feedback" in changed_by(SPANS, "b")
    assert "unified.orders" not in changed_by(Spans(60, 7), "b")


def test_a_fingerprint_distinguishes_secrets_without_containing_them() -> None:
    assert fingerprint(b"one") != fingerprint(b"two")
    assert fingerprint(b"one") == fingerprint(b"one")
    assert b"one".hex() not in fingerprint(b"one")


def test_the_reason_for_a_stale_partition_is_explained() -> None:
    now = Definition("abc", {"FEEDBACK_MATCH_DAYS": "60", "FEEDBACK_CUSTOMER_SECRET": "12ab"})
    assert why(now.text, now) == ""
    assert "first version" in why(None, now)
    assert "first version" in why(FIRST_VERSION, now)
    before = Definition("abc", {**now.settings, "FEEDBACK_MATCH_DAYS": "90"})
    assert why(before.text, now) == "FEEDBACK_MATCH_DAYS was 90 and is 60"
    before = Definition("abc", {**now.settings, "FEEDBACK_CUSTOMER_SECRET": "34cd"})
    assert why(before.text, now) == "FEEDBACK_CUSTOMER_SECRET changed"
    before = Definition("def", now.settings)
    assert why(before.text, now) == "its declaration or the code that fills it changed"
