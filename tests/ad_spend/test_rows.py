"""What the texts of a record mean, and which are refused with which hint."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from feedback_assets.ad_spend.records import Record
from feedback_assets.ad_spend.rows import (
    BadRow,
    SpendRow,
    read_amount,
    read_count,
    read_currency,
    read_day,
    read_row,
)

AMOUNTS = st.decimals(min_value=0, max_value=10**12 - 1, places=4, allow_nan=False)
GOOD: dict[str, str | None] = {
    "day": "2024-05-01",
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "currency": "usd",
    "spend": "12.50",
    "clicks": "10",
    "impressions": "400",
}


def row(**fields: str | None) -> SpendRow | BadRow:
    return read_row(Record("line 2", GOOD | fields))


def reason(**fields: str | None) -> str:
    found = row(**fields)
    assert isinstance(found, BadRow)
    return found.reason


@given(AMOUNTS)
@example(Decimal(0))
@example(Decimal("999999999999.9999"))
def test_an_amount_of_up_to_four_places_is_read_exactly(amount: Decimal) -> None:
    assert read_amount(f"{amount:f}") == amount
    assert read_amount(f"{amount:f}000000") == amount


@given(st.integers(0, 10**12 - 1))
def test_a_whole_number_is_read_with_or_without_a_fraction_of_zeros(count: int) -> None:
    assert read_count(str(count)) == read_count(f"{count}.0") == count
    assert read_amount(str(count)) == count


@given(st.text(max_size=20))
def test_a_text_is_an_amount_only_if_it_is_digits_with_at_most_one_point(text: str) -> None:
    try:
        amount = read_amount(text)
    except ValueError:
        return
    whole, _, places = text.partition(".")
    assert whole.isascii()
    assert whole.isdigit()
    assert places == "" or (places.isascii() and places.isdigit())
    assert amount == Decimal(text)


@given(AMOUNTS.filter(lambda amount: amount >= 1000), st.sampled_from(",. '’\u00a0_"))
def test_thousands_separators_are_refused_with_a_hint(amount: Decimal, separator: str) -> None:
    whole, _, places = f"{amount:,.2f}".partition(".")
    # One point alone is a decimal point.
    assume(separator != "." or whole.count(",") > 1)
    with pytest.raises(ValueError, match="without thousands separators"):
        read_amount(f"{whole.replace(',', separator)}{',' if separator == '.' else '.'}{places}")


@given(st.integers(0, 999), st.integers(0, 99))
def test_a_decimal_comma_is_refused_with_a_hint(whole: int, places: int) -> None:
    with pytest.raises(ValueError, match=r"decimal comma; write a decimal point, such as 12\.34"):
        read_amount(f"{whole},{places:02}")


@pytest.mark.parametrize("text", ["€12", "12 €", "$ 12.50", "USD 12", "12.50USD", "¥100", "1e3"])
def test_symbols_and_letters_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match="write the number alone"):
        read_amount(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is missing"),
        ("-12.50", "cannot be negative"),
        ("12.34567", "more than 4 decimal places"),
        ("1000000000000", "10¹² or more"),
        ("12.", "write a number"),
        (".5", "write a number"),
        ("+5", "write a number"),
        ("٣", "write a number"),
    ],
)
def test_other_malformed_amounts_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_amount(text)


@pytest.mark.parametrize("text", ["-1", "1,000", "1.5", "ten", "10" + "0" * 12])
def test_clicks_that_are_not_whole_numbers_are_refused(text: str) -> None:
    assert "clicks is" in reason(clicks=text)


@given(st.dates())
def test_a_day_is_read_as_it_is_written_in_iso_8601(day: date) -> None:
    assert read_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["01.05.2024", "5/1/2024", "20240501", "2024-5-1", "2024-05-01T00:00:00", "2024-W18-3"]
)
def test_a_day_in_another_format_is_refused_with_the_right_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 2024-05-01"):
        read_day(text)


def test_a_day_that_is_not_in_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="not a date"):
        read_day("2024-02-30")


@given(st.from_regex(r"[A-Za-z]{3}", fullmatch=True))
def test_a_currency_is_upper_cased(text: str) -> None:
    assert read_currency(text) == text.upper()


@pytest.mark.parametrize("text", ["", "$", "US", "EURO", "U5D", "ÜSD"])
def test_a_currency_without_exactly_three_letters_is_refused(text: str) -> None:
    assert "currency " in reason(currency=text)


@pytest.mark.parametrize("blank", ["", "  ", "\u00a0", "\u200b", None])
def test_blank_medium_and_campaign_are_none_and_a_blank_source_is_refused(
    blank: str | None,
) -> None:
    found = row(medium=blank, campaign=blank, clicks=blank, impressions=blank)
    assert isinstance(found, SpendRow)
    assert (found.medium, found.campaign) == ("(none)", "(none)")
    assert (found.clicks, found.impressions) == (None, None)
    assert "source is missing" in reason(source=blank)


def test_names_lose_invisible_characters_and_blanks_and_keep_their_case() -> None:
    found = row(source="\ufeff Goo\u200bgle ", campaign="E\u0301te\u0301")
    assert isinstance(found, SpendRow)
    assert (found.source, found.campaign) == ("Google", "Été")


def test_a_bad_record_keeps_its_day_and_fields_and_every_problem_is_named() -> None:
    found = row(spend="12,50", currency="$", note="x")
    assert isinstance(found, BadRow)
    assert found.day == date(2024, 5, 1)
    assert found.reason == (
        "currency is '$': write three letters, such as USD; spend is '12,50': that is a decimal "
        "comma; write a decimal point, such as 12.34 (line 2)"
    )
    assert json.loads(found.payload) == GOOD | {
        "spend": "12,50", "currency": "$", "note": "x"
    }  # fmt: skip


def test_unknown_columns_are_kept_unless_they_are_blank() -> None:
    found = row(ad_set="A", note=" ")
    assert isinstance(found, SpendRow)
    assert found.extra == {"ad_set": "A"}
