"""The channels in the terminal and the UI: their order, what is measurable, and the layout."""

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from feedback_assets.cli.scorecard import laid_channels, laid_findings
from feedback_assets.scorecard.rows import ChannelRow
from feedback_assets.scorecard.words import CREDITED
from feedback_assets.summary.channels import MOST_CHANNELS, Channels, channels_of
from feedback_assets.summary.findings import sentences_of
from feedback_assets.summary.reading import Scorecard
from tests.scorecard.shops import FINE, channel, shop

LAST = date(2026, 11, 20)
PAID = {
    "spend": Decimal(1234),
    "spend_days_missing": 0,
    "cost_per_order": 12.34,
    "roas": 3.25,
    "cost_per_promoter": 55.4,
    "cost_per_promoter_low": 41.2,
    "cost_per_promoter_high": 80.1,
}


def campaign(name: str, adjusted: float = 20.0, se: float = 5.0, **more: Any) -> list[ChannelRow]:
    return channel(name, orders=100.0, nps=adjusted, nps_adjusted=adjusted, nps_se=se, **more)


def shown(*channels: list[ChannelRow]) -> Channels:
    return channels_of(Scorecard(tuple(shop(*channels)), FINE, LAST))


def cells(found: Channels, name: str) -> dict[str, str]:
    """The texts of one column by channel."""
    (column,) = (column for column in (*found.money, *found.answers) if column.name == name)
    return dict(zip(found.names, column.texts, strict=True))


def printed(laid: RenderableType, width: int = 80) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(laid)
    return text.getvalue().splitlines()


def test_channels_with_few_customers_are_ranked_by_an_nps_pulled_towards_the_average() -> None:
    found = shown(
        campaign("sure/a", 40, 4), campaign("unsure/b", 44, 20), campaign("bad/c", -30, 4)
    )
    assert found.names == ("sure/a", "unsure/b", "bad/c")
    assert found.notes[0].startswith("Sorted by NPS, pulled towards the average (")
    assert cells(found, "NPS") == {"sure/a": "40", "unsure/b": "44", "bad/c": "−30"}


def test_channels_that_do_not_differ_are_sorted_by_money() -> None:
    found = shown(
        campaign("a/a", 21, money={"net_amount": Decimal(10)}),
        campaign("b/b", 20, money={"net_amount": Decimal(30)}),
    )
    assert found.names == ("b/b", "a/a")
    assert found.notes[0].startswith("Sorted by net amount")


def test_channels_with_too_few_answers_follow_and_those_without_a_name_come_last() -> None:
    nameless = [
        replace(row, medium="(none)", campaign="(none)") for row in campaign("(none)/x", 90)
    ]
    found = shown(
        nameless, campaign("few/x", 80, effective=19), campaign("a/a", 40), campaign("b/b", -40)
    )
    assert found.names == ("a/a", "b/b", "few/x", "(none)")


@pytest.mark.parametrize(("effective", "measured"), [(4.9, False), (5.0, True)])
def test_nps_and_the_cost_of_a_promoter_need_five_effective_answers(
    effective: float, measured: bool
) -> None:
    found = shown(campaign("a/a", effective=effective, money=PAID))
    assert cells(found, "NPS") == {"a/a": "20" if measured else "–"}
    assert cells(found, "95 % interval") == {"a/a": "10 to 40" if measured else "–"}
    assert cells(found, "per promoter") == {"a/a": "55 (41–80)" if measured else "–"}
    assert cells(found, "answers") == {"a/a": "80"}
    assert cells(found, "per order") == {"a/a": "12.34"}
    assert cells(found, "ROAS") == {"a/a": "3.2"}


def test_an_unbounded_cost_says_so() -> None:
    found = shown(campaign("a/a", money={**PAID, "cost_per_promoter_high": None}))
    assert cells(found, "per promoter") == {"a/a": "55 (41+)"}


def test_only_channels_beyond_chance_are_marked() -> None:
    found = shown(campaign("a/a", z=5), campaign("b/b", z=-5), campaign("c/c", z=1))
    assert cells(found, "beyond chance") == {"a/a": "above", "b/b": "below", "c/c": ""}


def test_without_spend_there_are_no_columns_for_it_and_without_orders_none_for_money() -> None:
    found = shown(campaign("a/a"))
    assert [column.name for column in found.money] == ["orders", "net USD"]
    rows = [row for row in shop(campaign("a/a")) if row.currency == "(all)"]
    found = channels_of(Scorecard(tuple(rows), FINE, LAST))
    assert [column.name for column in found.money] == ["orders"]
    assert not channels_of(Scorecard((), FINE, None)).names


def test_missing_days_of_spend_are_noted() -> None:
    part = {"spend": Decimal(9), "spend_days_missing": 5}
    assert (
        "No cost where spend is unknown on some days." in shown(campaign("a/a", money=part)).notes
    )
    assert len(shown(campaign("a/a", money=PAID)).notes) == 1


def test_the_channels_with_most_money_are_shown_and_the_others_counted() -> None:
    many = [
        campaign(f"source{n}/c", 20 + n % 40, 3, money={"net_amount": Decimal(n)})
        for n in range(1000)
    ]
    found = shown(*many)
    assert set(found.names) == {f"source{n}/c" for n in range(1000 - MOST_CHANNELS, 1000)}
    assert found.notes[-1] == "980 channels with less net amount are not shown."
    found = shown(*many[: MOST_CHANNELS + 1])
    assert found.notes[-1] == "1 channel with less net amount is not shown."


def test_the_title_says_how_much_of_the_window_is_loaded() -> None:
    rows = tuple(shop(campaign("a/a")))
    assert channels_of(Scorecard(rows, FINE, LAST)).title.endswith("90 days to 2026-11-20")
    part = replace(FINE, days_held=60)
    assert channels_of(Scorecard(rows, part, LAST)).title.endswith("60 of them loaded")


def test_a_terminal_of_80_columns_shows_every_number_in_full() -> None:
    long = campaign(
        "a-source-with-a-long-name/and a campaign that is longer still",
        money={**PAID, "net_amount": Decimal(12_345_678), "spend": Decimal(1_234_567)},
    )
    # A name from a provider can neither move the cursor nor style the text.
    hostile = campaign("evil/\x1b[2J[bold red]喜欢[/]", 60)
    lines = printed(laid_channels(shown(long, hostile)))
    text = "\n".join(lines)
    assert max(map(cell_len, lines)) <= 80
    assert "12,345,678" in text
    assert "1,234,567" in text
    assert "55 (41–80)" in text
    assert "\x1b" not in text
    assert "[bold red]" in text.replace("\n", "")


def test_without_orders_and_answers_one_line_says_so() -> None:
    assert printed(laid_channels(channels_of(Scorecard((), FINE, None)))) == [
        "No orders and no answers yet."
    ]


def test_what_to_do_fits_80_columns_and_says_each_caveat_once() -> None:
    rows = tuple(shop(campaign("a/a", 60, z=5), campaign("newsletter/b", 60, z=5)))
    said = sentences_of(Scorecard(rows, FINE, LAST))
    lines = printed(laid_findings(said), 160)
    assert max(map(cell_len, lines)) <= 80
    assert lines[0] == "What to do"
    assert " ".join(" ".join(lines).split()).count(CREDITED) == 1
    (known,) = (text for text in said.findings if "It reaches people who already know you." in text)
    assert "newsletter/b" in known
