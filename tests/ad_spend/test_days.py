"""Files together: what is added up, what replaces what, and which days are covered."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.ad_spend.days import OfFile, Spend, combined, of_file
from feedback_assets.ad_spend.files import SpendFile

HEADER = "day,source,medium,campaign,currency,spend,clicks,impressions,ad_set"
START = date(2024, 5, 1)


def file(number: int, *lines: str) -> OfFile:
    content = "\n".join([HEADER, *lines])
    return of_file(SpendFile(number, f"/exports/{number}.csv", 0, ""), content.encode())


def line(day: int, source: str, spend: str = "1", campaign: str = "c", more: str = ",,") -> str:
    return f"{START + timedelta(days=day)},{source},cpc,{campaign},USD,{spend},{more}"


def spent(spend: Spend) -> dict[tuple[int, str, str], Decimal]:
    return {
        ((day - START).days, one.row.source, one.row.campaign): one.row.spend
        for day, rows in spend.days.items()
        for one in rows
    }


def covered(spend: Spend, source: str) -> set[int]:
    """The days on which a source is covered, as derived from the rows of the table."""
    return {
        number
        for rows in spend.days.values()
        for one in rows
        if one.row.source.lower() == source
        for number in range((one.first - START).days, (one.last - START).days + 1)
    }


def test_rows_with_the_same_key_in_one_file_are_added_and_counted() -> None:
    spend = combined(
        [
            file(
                1,
                line(0, "google", "1.25", more="10,,A"),
                line(0, "google", "2.5", more="5,7,B"),
                line(0, "google", "1", campaign="d"),
                line(0, "google", "1", more=",,B"),
            )
        ]
    )
    assert spent(spend) == {(0, "google", "c"): Decimal("4.75"), (0, "google", "d"): Decimal(1)}
    assert spend.added == {START: 2}
    (first, _) = spend.rows_of(START).to_pylist()
    assert (first["clicks"], first["impressions"]) == (15, 7)
    assert first["extra"] == '{"ad_set": ["A", "B"]}'


def test_a_later_file_replaces_all_rows_of_the_same_day_and_source_and_no_others() -> None:
    spend = combined(
        [
            file(1, line(0, "google", "1"), line(0, "google", "9", "old"), line(1, "google", "2"),
                 line(0, "tiktok", "3")),
            file(2, line(0, "Google", "7")),
        ]
    )  # fmt: skip
    assert spent(spend) == {
        (0, "Google", "c"): Decimal(7),
        (1, "google", "c"): Decimal(2),
        (0, "tiktok", "c"): Decimal(3),
    }
    assert spend.replaced == {START: 2}


def test_a_source_is_covered_from_the_first_to_the_last_day_of_its_file() -> None:
    spend = combined(
        [
            file(1, line(2, "google"), line(4, "tiktok"), line(9, "google")),
            file(2, line(20, "tiktok"), line(22, "tiktok")),
        ]
    )
    assert covered(spend, "google") == set(range(2, 10))
    assert covered(spend, "tiktok") == {*range(2, 10), 20, 21, 22}


def test_a_row_that_cannot_be_read_neither_counts_nor_replaces_nor_covers() -> None:
    spend = combined(
        [file(1, line(0, "google", "1")), file(2, line(0, "google", "1€"), line(3, "google", "2"))]
    )
    assert spent(spend)[0, "google", "c"] == Decimal(1)
    assert covered(spend, "google") == {0, 3}
    (bad,) = spend.bad
    assert bad.reason.endswith("(line 2 of 2.csv)")
    assert not spend.refusals


@pytest.mark.parametrize(
    ("bad", "google", "tiktok"),
    [
        (line(5, "google", "1€"), {1, 2, 3, 4, 6, 7, 8, 9}, set(range(1, 10))),
        (line(5, "GOOGLE", '"1,000.00"'), {1, 2, 3, 4, 6, 7, 8, 9}, set(range(1, 10))),
        (line(5, ""), {1, 2, 3, 4, 6, 7, 8, 9}, {1, 2, 3, 4, 6, 7, 8, 9}),
        (line(5, "google", "1,5"), {1, 2, 3, 4, 6, 7, 8, 9}, {1, 2, 3, 4, 6, 7, 8, 9}),
        (line(5, "other", "1€"), set(range(1, 10)), set(range(1, 10))),
        (line(1, "google", "1€"), {2, 3, 4, 5, 6, 7, 8, 9}, set(range(1, 10))),
        ("1 May,google,cpc,c,USD,1,,,", set(range(1, 10)), set(range(1, 10))),
    ],
)
def test_a_day_with_a_row_that_cannot_be_read_is_not_covered(
    bad: str, google: set[int], tiktok: set[int]
) -> None:
    lines = [line(day, source) for day in (1, 3, 9) for source in ("google", "tiktok")]
    spend = combined([file(1, *lines, bad)])
    assert covered(spend, "google") == google
    assert covered(spend, "tiktok") == tiktok


def test_the_readable_rows_of_a_day_with_one_that_cannot_be_read_count_but_do_not_cover() -> None:
    lines = [line(0, "google"), line(2, "google", "5"), line(4, "google"), line(2, "google", "1€")]
    spend = combined([file(1, *lines)])
    assert spent(spend)[2, "google", "c"] == Decimal(5)
    assert covered(spend, "google") == {0, 1, 3, 4}
    (row,) = spend.rows_of(START + timedelta(days=2)).to_pylist()
    assert row["covered_from"] > row["covered_to"]
    last = "9999-12-31,google,cpc,c,USD"
    first = "0001-01-01,google,cpc,c,USD"
    edges = combined([file(1, *(f"{day},{cost},,," for day in (first, last) for cost in "1x"))])
    assert {row.first > row.last for rows in edges.days.values() for row in rows} == {True}


def test_a_day_that_cannot_be_read_is_covered_once_another_file_has_its_rows() -> None:
    good = file(1, line(0, "google"), line(2, "google"), line(4, "google"))
    gap = file(1, line(0, "google"), line(4, "google"))
    broken = file(2, line(2, "google", "1€"), line(3, "google"))
    partial = file(2, line(2, "google", "1€"), line(2, "google", "3"))
    assert covered(combined([good, broken]), "google") == {0, 1, 2, 3, 4}
    assert covered(combined([broken, good]), "google") == {0, 1, 2, 3, 4}
    assert covered(combined([partial, good]), "google") == {0, 1, 2, 3, 4}
    assert covered(combined([good, partial]), "google") == {0, 1, 3, 4}, "its rows replace"
    assert covered(combined([gap, broken]), "google") == {0, 1, 3, 4}
    assert covered(combined([broken, gap]), "google") == {0, 1, 3, 4}


def test_a_file_without_a_readable_row_is_refused_with_the_first_reason() -> None:
    spend = combined([file(1, line(0, "google", "1€"), line(1, "google", "2€"))])
    (refusal,) = spend.refusals
    assert refusal.startswith(
        "/exports/1.csv: none of its 2 rows can be read. The first: spend is '1€': "
    )


def test_an_appended_day_changes_no_other_day() -> None:
    lines = [line(day, source) for day in range(5) for source in ("google", "tiktok")]
    before = combined([file(1, *lines[:-2])])
    after = combined([file(1, *lines)])
    last = START + timedelta(days=4)
    assert {day: rows for day, rows in after.days.items() if day != last} == before.days


ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 99)),
    max_size=8,
)


@given(st.lists(ROWS, max_size=4))
def test_merging_any_files_gives_the_same_result_as_the_rules_applied_row_by_row(
    files: Sequence[list[tuple[int, str, str, int]]],
) -> None:
    spend = combined(
        file(number, *(line(day, source, str(cost), name) for day, source, name, cost in rows))
        for number, rows in enumerate(files)
    )
    expected: Counter[tuple[int, str, str]] = Counter()
    for day in range(10):
        for source in "ab":
            of_day = [[r for r in rows if r[:2] == (day, source)] for rows in files]
            newest = next((rows for rows in reversed(of_day) if rows), [])
            for _, _, name, cost in newest:
                expected[day, source, name] += cost
                expected.setdefault((day, source, name), 0)
    assert spent(spend) == {key: Decimal(cost) for key, cost in expected.items()}
    for source in "ab":
        days = {
            day
            for rows in files
            if any(row[1] == source for row in rows)
            for day in range(min(row[0] for row in rows), max(row[0] for row in rows) + 1)
        }
        assert covered(spend, source) == days
    rows = sum(map(len, spend.days.values()))
    assert rows + spend.added.total() + spend.replaced.total() == sum(map(len, files))
