"""The channels as a table of texts: their order, and only what can be measured.

The window, model, level and currency are those of the findings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from feedback_assets.scorecard import words
from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW, main_currency
from feedback_assets.scorecard.ranking import pull
from feedback_assets.scorecard.rows import (
    ALL,
    FEW_SHOWN,
    Channel,
    ChannelRow,
    beyond_chance,
    view,
)
from feedback_assets.summary.reading import Scorecard
from feedback_assets.wording import counted, number, span

MOST_CHANNELS = 20
BEYOND = "beyond chance"
_NONE = "–"
_BEYOND = {1: "above", -1: "below"}
_FALLBACK = "Sorted by net amount: the channels do not differ enough to rank them by NPS."


@dataclass(frozen=True)
class Column:
    """A column of texts; all but the channel are numbers."""

    name: str
    is_number: bool
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Channels:
    """The channels, best first: what they brought and cost, and whether customers recommend.

    Both parts have a line for each of ``names``, in the same order. ``notes`` say how they are
    sorted and what is left out. No channels without orders and answers.
    """

    title: str
    names: tuple[str, ...]
    money: tuple[Column, ...]
    answers: tuple[Column, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """A channel: its row over all currencies, and that of the currency shown if it has one."""

    row: ChannelRow
    bought: ChannelRow

    @property
    def is_measured(self) -> bool:
        """Whether there are enough answers for its NPS and for the cost of a promoter."""
        return self.row.nps is not None and self.row.effective_responses >= FEW_SHOWN


_Cell = Callable[[_Line], str]


def channels_of(scorecard: Scorecard) -> Channels:
    """The table of the last 90 days by first click: at most 20 channels, those with most money."""
    rows = scorecard.rows
    currency = main_currency(rows)
    chosen = view(rows, WINDOW, MODEL, LEVEL, ALL)
    money = {row.channel: row for row in view(rows, WINDOW, MODEL, LEVEL, currency or ALL)}
    shown = (row for row in chosen if row.orders > 0 or row.responses > 0)
    lines = sorted((_Line(row, money.get(row.channel, row)) for row in shown), key=_by_amount)
    kept = lines[:MOST_CHANNELS]
    ranked, ranked_by = _ranked(lines)
    ordered = [line for line in ranked if line in kept]
    notes = [ranked_by] if ordered else []
    if any(line.bought.spend is not None and line.bought.spend_days_missing for line in ordered):
        notes.append("No cost where spend is unknown on some days.")
    if len(lines) > MOST_CHANNELS:
        left = len(lines) - MOST_CHANNELS
        verb = "is" if left == 1 else "are"
        notes.append(f"{counted(left, 'channel')} with less net amount {verb} not shown.")
    return Channels(
        _title(scorecard),
        tuple(_name(line.row, chosen) for line in ordered),
        tuple(_columns(ordered, _money_columns(ordered, currency))),
        tuple(_columns(ordered, _answer_columns(beyond_chance(chosen)))),
        tuple(notes),
    )


def _ranked(lines: Sequence[_Line]) -> tuple[list[_Line], str]:
    """The tested channels by shrunk NPS, then those with too few answers, then those unnamed."""
    tested = [line for line in lines if line.row.is_tested]
    pulled = pull(
        [line.row.nps_adjusted or 0 for line in tested], [line.row.nps_se or 1 for line in tested]
    )
    named = [line for line in lines if line.row.is_named and not line.row.is_tested]
    unnamed = [line for line in lines if not line.row.is_named]
    note = words.pulled(pulled.average) if pulled.is_ranked else _FALLBACK
    return [*(tested[place] for place in pulled.order()), *named, *unnamed], note


def _money_columns(lines: Iterable[_Line], currency: str | None) -> Mapping[str, _Cell]:
    columns: dict[str, _Cell] = {"orders": lambda line: number(line.row.orders)}
    if currency is None:
        return columns
    columns[f"net {currency}"] = lambda line: _amount(line.bought.net_amount)
    if any(line.bought.spend is not None for line in lines):
        columns |= {
            "spend": lambda line: _amount(line.bought.spend),
            "per order": lambda line: _value(line.bought.cost_per_order, 2),
            "ROAS": lambda line: _value(line.bought.roas, 1),
            "per promoter": _per_promoter,
        }
    return columns


def _answer_columns(differs: Mapping[Channel, int]) -> Mapping[str, _Cell]:
    return {
        "NPS": lambda line: number(line.row.nps or 0) if line.is_measured else _NONE,
        "95 % interval": lambda line: span(_interval(line)),
        BEYOND: lambda line: _BEYOND.get(differs.get(line.row.channel, 0), ""),
        "answers": lambda line: number(line.row.responses),
    }


def _columns(lines: Sequence[_Line], cells: Mapping[str, _Cell]) -> Iterable[Column]:
    for name, cell in cells.items():
        yield Column(name, name != BEYOND, tuple(map(cell, lines)))


def _per_promoter(line: _Line) -> str:
    row = line.bought
    if row.cost_per_promoter is None or not line.is_measured:
        return _NONE
    places = 0 if row.cost_per_promoter >= 10 else 2
    low, high = row.cost_per_promoter_low or 0, row.cost_per_promoter_high
    ends = f"{number(low, places)}–{number(high, places)}" if high else f"{number(low, places)}+"
    return f"{number(row.cost_per_promoter, places)} ({ends})"


def _interval(line: _Line) -> tuple[float, float] | None:
    low, high = line.row.nps_low, line.row.nps_high
    return (low, high) if line.is_measured and low is not None and high is not None else None


def _amount(amount: Decimal | None) -> str:
    return _NONE if amount is None else number(float(amount))


def _value(value: float | None, places: int) -> str:
    return _NONE if value is None else number(value, places)


def _by_amount(line: _Line) -> tuple[Decimal, float, Channel]:
    return -(line.bought.net_amount or Decimal(0)), -line.row.responses, line.row.channel


def _name(row: ChannelRow, others: Iterable[ChannelRow]) -> str:
    return words.channel_label(row, others) if row.is_named else row.source


def _title(scorecard: Scorecard) -> str:
    until = f" to {scorecard.last_day}" if scorecard.last_day else ""
    held = scorecard.facts.days_held
    days = f"{WINDOW} days{until}"
    if held < WINDOW:
        days += f", {held} of them loaded"
    return f"Channels by first click, {days}"
