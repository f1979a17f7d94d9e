"""Parses the text of one record into values, and says why text is refused."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from feedback_assets.ad_spend.records import KNOWN, Record
from feedback_assets.schema.columns import AMOUNT_LIMIT
from feedback_assets.schema.text import WHITE_SPACE, without_invisible

NONE = "(none)"
"""The value of a blank medium or campaign."""
DECIMALS = 4

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_AMOUNT = re.compile(r"[0-9]+(?:\.([0-9]+))?")
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+")
_SEPARATED = re.compile(r"[0-9]{1,3}(?:[,.'’_\s][0-9]{3})+(?:[.,][0-9]+)?")
_WHOLE = re.compile(r"([0-9]+)(?:\.0+)?")
_LONGEST_SHOWN = 40

Value = TypeVar("Value")


@dataclass(frozen=True)
class SpendRow:
    """One record that can be read; ``extra`` by column, several values where rows were added up."""

    day: date
    source: str
    medium: str
    campaign: str
    currency: str
    spend: Decimal
    clicks: int | None
    impressions: int | None
    extra: Mapping[str, str | tuple[str, ...]]

    @property
    def key(self) -> tuple[date, str, str, str, str]:
        return (self.day, self.source, self.medium, self.campaign, self.currency)


@dataclass(frozen=True)
class BadRow:
    """One record that cannot be read: its day and source if known, the reason, and its fields."""

    day: date | None
    reason: str
    payload: str
    source: str | None = None


def read_row(record: Record) -> SpendRow | BadRow:
    """The record's row, or everything that is wrong with it in one sentence."""
    problems: list[str] = [record.problem] if record.problem else []

    def take(column: str, read: Callable[[str], Value]) -> Value | None:
        try:
            return read(trimmed(record.fields.get(column)))
        except ValueError as error:
            # In a record of the wrong shape the fields are shifted, so more problems would mislead.
            if not record.problem:
                problems.append(f"{column} {error}")
            return None

    day = take("day", read_day)
    source = take("source", read_source)
    currency = take("currency", read_currency)
    spend = take("spend", read_amount)
    clicks = take("clicks", read_count)
    impressions = take("impressions", read_count)
    if problems or day is None or source is None or currency is None or spend is None:
        reason = f"{'; '.join(problems)} ({record.place})"
        return BadRow(day, reason, _payload(record), None if record.problem else source)
    return SpendRow(
        day=day,
        source=source,
        medium=trimmed(record.fields.get("medium")) or NONE,
        campaign=trimmed(record.fields.get("campaign")) or NONE,
        currency=currency,
        spend=spend,
        clicks=clicks,
        impressions=impressions,
        extra=_extra(record),
    )


def trimmed(text: str | None) -> str:
    """Text as names are stored: trimmed, in NFC, without invisible characters."""
    if text is None:
        return ""
    return unicodedata.normalize("NFC", without_invisible(text)).strip(WHITE_SPACE)


def read_day(text: str) -> date:
    """Parse ``2024-05-01``; every ``ValueError`` here completes a sentence about its column."""
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"is {_shown(text)}, which is not a date") from None
    raise ValueError(_wrong(text, "write it as 2024-05-01"))


def read_source(text: str) -> str:
    """Any text that is not blank."""
    if not text:
        raise ValueError("is missing")
    return text


def read_currency(text: str) -> str:
    """Three letters, in upper case."""
    if _CURRENCY.fullmatch(text):
        return text.upper()
    raise ValueError(_wrong(text, "write three letters, such as USD"))


def read_amount(text: str) -> Decimal:
    """A decimal from 0 to below 10¹² with at most four significant decimal places."""
    found = _AMOUNT.fullmatch(text)
    if not found:
        raise ValueError(_wrong(text, _hint(text)))
    if len((found[1] or "").rstrip("0")) > DECIMALS:
        raise ValueError(f"is {_shown(text)}: more than {DECIMALS} decimal places")
    amount = Decimal(text)
    if amount >= AMOUNT_LIMIT:
        raise ValueError(f"is {_shown(text)}: 10¹² or more")
    return amount


def read_count(text: str) -> int | None:
    """A whole number from 0 to below 10¹²; ``None`` if blank."""
    if not text:
        return None
    found = _WHOLE.fullmatch(text)
    if not found:
        raise ValueError(f"is {_shown(text)}: use a whole number, such as 1250, or leave it blank")
    if len(found[1].lstrip("0")) > len(str(AMOUNT_LIMIT)) - 1:
        raise ValueError(f"is {_shown(text)}: 10¹² or more")
    return int(found[1])


def _hint(text: str) -> str:
    """How to correct text that is not an amount."""
    if text.startswith("-") and _AMOUNT.fullmatch(text[1:]):
        return "spend cannot be negative"
    if any(letter.isalpha() or unicodedata.category(letter) == "Sc" for letter in text):
        return "write the number alone, without symbols; the currency has a column of its own"
    if _SEPARATED.fullmatch(text):
        return "write it without thousands separators and with a decimal point, such as 1234.50"
    if _DECIMAL_COMMA.fullmatch(text):
        return "that is a decimal comma; write a decimal point, such as 12.34"
    return "write a number, such as 1234.50"


def _wrong(text: str, hint: str) -> str:
    return f"is {_shown(text)}: {hint}" if text else "is missing"


def _shown(text: str) -> str:
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    return repr(cut)


def _extra(record: Record) -> dict[str, str | tuple[str, ...]]:
    return {
        name: unicodedata.normalize("NFC", text)
        for name, text in record.fields.items()
        if name not in KNOWN and text is not None and text.strip(WHITE_SPACE)
    }


def _payload(record: Record) -> str:
    fields: dict[str, Any] = dict(record.fields)
    if record.surplus:
        fields["(more)"] = list(record.surplus)
    return json.dumps(fields, ensure_ascii=False)
