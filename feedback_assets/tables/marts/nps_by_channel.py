"""The NPS of each channel over the last days."""

from feedback_assets.schema.columns import FLOAT, INT32, Column
from feedback_assets.schema.table import Depends, Table
from feedback_assets.tables.marts.columns import CHANNEL, CHANNEL_KEY, IN_ANSWERS, NPS, sums

NPS_BY_CHANNEL = Table(
    "marts",
    "nps_by_channel",
    "One row is the NPS of one channel by one model over the last 7, 30, 90 or 365 days.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last day held",
            unit="days",
            nullable=False,
        ),
        *CHANNEL,
        *sums(
            FLOAT,
            tuple(
                f"marts.nps_by_attribution.{name}"
                for name in ("responses", "promoters", "passives", "detractors")
            ),
        ),
        NPS,
        Column(
            "nps_low",
            FLOAT,
            "Lower end of the 95 % interval (adjusted Wald)",
            unit="−100 to 100",
            source=(IN_ANSWERS + "nps_class",),
        ),
        Column(
            "nps_high",
            FLOAT,
            "Upper end of the 95 % interval (adjusted Wald)",
            unit="−100 to 100",
            source=(IN_ANSWERS + "nps_class",),
        ),
    ),
    key=("window_days", *CHANNEL_KEY),
    order_by=("window_days", *CHANNEL_KEY),
    partitioned=False,
    depends={"marts.nps_by_attribution": Depends(back=364)},
    example=(
        'select source, campaign, nps, nps_low, nps_high from "marts"."nps_by_channel" '
        "where model = 'linear' and window_days = 90 order by nps desc"
    ),
)
