"""Rows of the scorecard for a shop whose channels are said in a few words."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from feedback_assets.scorecard.findings import Facts
from feedback_assets.scorecard.rows import ALL, ChannelRow

MODELS = (
    "first_click",
    "first_optin",
    "re_optin",
    "last_click",
    "linear",
    "position_based",
    "time_decay",
)
FINE = Facts(matched_share=0.8, days_held=90)


def channel(
    name: str,
    *,
    z: float = 0.0,
    agree: int = 7,
    tested: int = 7,
    effective: float = 60.0,
    currency: str = "USD",
    money: dict[str, Any] | None = None,
    **columns: Any,
) -> list[ChannelRow]:
    """The rows of ``source/campaign`` in all models, and its money by first click.

    ``z`` is that of the first ``agree`` models, 0 in the others; ``tested`` models have the
    effective responses that a test takes.
    """
    source, _, campaign = name.partition("/")
    base = ChannelRow(
        window_days=90,
        model="first_click",
        level="campaign",
        source=source,
        medium="cpc",
        campaign=campaign,
        currency=ALL,
        responses=80.0,
        promoters=40.0 if z >= 0 else 20.0,
        passives=20.0,
        detractors=20.0 if z >= 0 else 40.0,
        effective_responses=effective,
        nps=25.0 if z >= 0 else -25.0,
        nps_low=10.0 if z >= 0 else -40.0,
        nps_high=40.0 if z >= 0 else -10.0,
        rest_nps=5.0,
        versus_z=z,
        first_nps=20.0,
        responses_before=70.0,
        nps_before=20.0,
        nps_change=0.0,
        change_z=0.0,
        promoters_won=3.0,
        promoters_lost=4.0,
    )
    shown = replace(base, **columns)
    rows = [
        replace(
            shown,
            model=model,
            versus_z=z if place < agree else 0.0,
            effective_responses=effective if place < tested else 19.9,
        )
        for place, model in enumerate(MODELS)
    ]
    bought: dict[str, Any] = {
        "net_amount": Decimal(1000),
        "net_amount_detractors": Decimal(300),
        "net_amount_answered": Decimal(900),
    }
    return [*rows, replace(shown, currency=currency, **bought | (money or {}))]


def shop(*channels: Iterable[ChannelRow], first_nps: float | None = 10.0) -> list[ChannelRow]:
    """All rows of a shop that is paid in USD, and a little in EUR."""
    whole = ChannelRow(
        window_days=90,
        model="first_click",
        level="all",
        source=ALL,
        medium=ALL,
        campaign=ALL,
        currency=ALL,
        responses=800.0,
        promoters=390.0,
        passives=200.0,
        detractors=210.0,
        effective_responses=600.0,
        nps=22.5,
        first_nps=first_nps,
    )
    money = [
        replace(whole, currency=currency, net_amount=Decimal(amount))
        for currency, amount in (("EUR", 500), ("USD", 9000), ("GBP", 500))
    ]
    return [whole, *money, *(row for rows in channels for row in rows)]
