"""Whole warehouses of marts for the page: of channels, of one provider, of a thousand campaigns."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa

from feedback_assets.reports.scorecard_report import MODELS as ALL_MODELS
from feedback_assets.tables import find_table
from tests.reports.conftest import Marts, answer, daily, location, waiting
from tests.reports.shop import LAST, MODELS, WINDOWS, Shown, by_day, scorecard


def put_channels(
    marts: Marts, found: Sequence[Shown], *, days: int = 62, models: Sequence[str] = MODELS
) -> None:
    """The marts from which the page knows channels."""
    marts.put("marts.nps_daily", daily(days=days))
    marts.put("marts.nps_by_attribution", by_day(found, days=days))
    marts.put("marts.channel_scorecard", scorecard(found, models=models))


def without_spend(found: Iterable[Shown]) -> list[Shown]:
    """The channels that have answers, as a shop that has no file of its spend knows them."""
    return [replace(each, spend=None) for each in found if each.answers]


def put_one_provider(marts: Marts) -> None:
    """A restaurant's: answers with locations and comments, and no orders."""
    unmatched = Shown("(unmatched)", "(unmatched)", "(unmatched)", 300, 0.5, 0.2, orders=0)
    put_channels(marts, [unmatched])
    marts.put("marts.nps_daily", [row for row in daily() if row["provider"] == "thanx"])
    coverage = {"day": LAST, "provider": "thanx", "match_method": None, "responses": 300}
    marts.put("marts.match_coverage", [coverage])
    places = (("Harbour", 80, 0.7, 0.1), ("Station", 60, 0.25, 0.5), ("Airport", 8, 0.5, 0.5))
    marts.put(
        "marts.nps_by_location",
        [location(*place, window) for window in WINDOWS for place in places],
    )
    unknown = dict.fromkeys(
        (
            "order_source_id", "currency", "net_amount", "customer_net_amount",
            "first_click_source", "first_click_campaign",
        )
    )  # fmt: skip
    queue = [waiting(n, f"Cold coffee {n}", provider="thanx", **unknown) for n in range(12)]
    marts.put("marts.detractor_queue", queue)
    said = [answer(n, f"Lovely place {n}", order_source_id=None) for n in range(30)]
    late = [
        answer(50 + n, row["comment"], feedback_id=row["feedback_id"])
        for n, row in enumerate(queue)
    ]
    marts.put("marts.order_feedback", [*said, *late])
    for name in ("customer_value", "customer_value_spread", "survey_funnel", "product_scores"):
        marts.put(f"marts.{name}", [])


def put_thousand_campaigns(marts: Marts) -> None:
    """The largest page that a shop makes: many campaigns, all models, five currencies, comments."""
    draw = random.Random(1)
    many = [
        Shown(
            f"source-{n % 40}", f"medium-{n % 7}", f"campaign of spring {n}", draw.randrange(40),
            0.5, 0.25, spend=draw.randrange(10, 900) if n % 3 else None,
        )
        for n in range(1000)
    ]  # fmt: skip
    currencies = (("USD", 0.6), ("EUR", 0.2), ("GBP", 0.1), ("SEK", 0.05), ("NOK", 0.05))
    table = find_table("marts.channel_scorecard")
    filler = {c.name: 0 for c in table.columns if not c.nullable}
    rows = scorecard(many, models=("m",), windows=(0,), currencies=currencies)
    one = pa.Table.from_pylist([filler | row for row in rows], schema=table.schema)
    views = [
        one.set_column(0, table.schema.field(0), pa.array([window] * len(one), pa.int32()))
        .set_column(1, table.schema.field(1), pa.array([model] * len(one)))
        for window in WINDOWS
        for model in ALL_MODELS
    ]  # fmt: skip
    marts.warehouse.replace_whole(table, pa.concat_tables(views))
    marts.put("marts.nps_daily", daily(days=400))
    marts.put("marts.nps_by_attribution", by_day(many[:60], days=91))
    text = "The parcel came late, the box was open, and nobody answered my mails about it. "
    marts.put("marts.order_feedback", [answer(n, 2 * text) for n in range(400)])
    queue = [waiting(n % 30, 2 * text, feedback_id=f"x:{n}") for n in range(250)]
    marts.put("marts.detractor_queue", queue)
