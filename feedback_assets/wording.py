"""The format of numbers, counts, money and long names in sentences, tables and messages."""

from decimal import Decimal

LONGEST_NAME = 100
"""Characters of a name in a sentence: providers accept names of any length."""


def number(value: float, places: int = 0) -> str:
    """``1234.5`` as ``1,235``; a true minus sign; never ``−0``."""
    text = f"{value:,.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def percent(part: float, places: int = 0) -> str:
    """``0.8313`` as ``83 %``."""
    return f"{number(100 * part, places)}\u00a0%"


def money(amount: Decimal | float | None, currency: str, places: int = 2) -> str:
    """``EUR 1,234.50``; a dash if there is none."""
    if amount is None:
        return "–"
    return f"{currency}\u00a0{number(float(amount), places)}"


def span(interval: tuple[float, float] | None, places: int = 0) -> str:
    """An interval as ``37 to 47``."""
    if interval is None:
        return "–"
    return f"{number(interval[0], places)} to {number(interval[1], places)}"


def counted(count: float, noun: str, plural: str | None = None) -> str:
    """``1 answer``, ``1,200 answers``."""
    return f"{number(count)} {noun if round(count) == 1 else plural or noun + 's'}"


def shortened(text: str, most: int) -> str:
    """The text in at most so many characters, the last one an ellipsis if it is cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
