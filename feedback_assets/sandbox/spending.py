"""What the generated shop pays for advertising: spend files as two platforms would export them.

One has most channels; Bing's has semicolons and ends some days early, so that its last days are not
covered. Channels that are not paid for are in neither.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from feedback_assets.sandbox.draws import unit
from feedback_assets.sandbox.journeys import DAYS_BETWEEN_ORDERS
from feedback_assets.sandbox.vocabulary import CHANNELS, Channel

CURRENCY = "USD"
COLUMNS = ("day", "source", "medium", "campaign", "currency", "spend", "clicks", "impressions")
APART = "bing"
"""The source with a file of its own."""
DAYS_LATE = 5
"""How many of the last days that file lacks."""
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Price:
    """What a channel costs: US cents a click, clicks an order, and shown ads a click."""

    cents: int
    clicks_an_order: int
    shown: int


# Search for the shop's own name is cheap and buys at once; cold audiences are neither.
PRICES = {
    ("google", "brand"): Price(42, 14, 12),
    ("google", "generic"): Price(118, 24, 30),
    ("bing", "generic"): Price(86, 25, 34),
    ("facebook", "spring-sale"): Price(74, 44, 90),
    ("instagram", "creator-reels"): Price(61, 52, 105),
    ("tiktok", "flash-deals"): Price(48, 80, 140),
    ("affiliate", "coupon-site"): Price(55, 20, 40),
    ("youtube", "reviews"): Price(33, 95, 210),
}
# Paid per day regardless of reach; clicks are not counted.
FLAT_CENTS = {("podcast", "host-read"): 9000}


def write_spend(directory: Path, last: date, *, customers: int, seed: int, days: int) -> list[Path]:
    """Write the spend of ``days`` days up to ``last`` into ``directory``; the files.

    A day has the same figures whatever ``last`` is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rows = list(_rows(last, customers=customers, seed=seed, days=days))
    paths = [directory / "platforms.csv", directory / f"{APART}.csv"]
    late = last - timedelta(days=DAYS_LATE)
    own = [row for row in rows if row["source"] == APART]
    _write(paths[0], ",", [row for row in rows if row["source"] != APART])
    _write(paths[1], ";", [row for row in own if row["day"] <= late])
    return paths


def _write(path: Path, delimiter: str, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _rows(last: date, *, customers: int, seed: int, days: int) -> Iterator[dict[str, Any]]:
    orders = customers / DAYS_BETWEEN_ORDERS
    for number in range(days):
        day = last - timedelta(days=days - 1 - number)
        for channel in CHANNELS:
            row = _row(channel, day, orders * channel.weight, seed)
            if row is not None:
                yield row


def _row(channel: Channel, day: date, orders: float, seed: int) -> dict[str, Any] | None:
    named = (channel.source, channel.campaign)
    about: dict[str, Any] = {
        "day": day,
        "source": channel.source,
        "medium": channel.medium,
        "campaign": channel.campaign,
        "currency": CURRENCY,
    }
    if named in FLAT_CENTS:
        return about | {"spend": f"{FLAT_CENTS[named] / 100:.2f}", "clicks": "", "impressions": ""}
    if named not in PRICES:
        return None
    price = PRICES[named]
    stream = f"spend {channel.source} {channel.campaign}"
    dear, busy = unit(seed, stream, np.array([2 * day.toordinal(), 2 * day.toordinal() + 1]))
    weekend = 0.8 if day.weekday() >= _SATURDAY else 1.0
    clicks = round(orders * price.clicks_an_order * weekend * (0.8 + 0.4 * busy))
    spend = clicks * price.cents * (0.85 + 0.3 * dear) / 100
    return about | {
        "spend": f"{spend:.2f}",
        "clicks": clicks,
        "impressions": round(clicks * price.shown * (0.9 + 0.2 * dear)),
    }
