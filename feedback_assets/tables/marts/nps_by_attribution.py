"""A day's answers credited to channels."""

from feedback_assets.schema.columns import FLOAT
from feedback_assets.schema.table import MATCH_WINDOW, SAME_DAY, Table
from feedback_assets.tables.marts.columns import (
    CHANNEL,
    CHANNEL_KEY,
    IN_ANSWERS,
    IN_ATTRIBUTION,
    sums,
)

NPS_BY_ATTRIBUTION = Table(
    "marts",
    "nps_by_attribution",
    "One row is one day's answers credited to one channel by one model. Days add up.",
    (
        *CHANNEL,
        *sums(FLOAT, (IN_ANSWERS + "nps_class", IN_ANSWERS + "is_spam", IN_ATTRIBUTION + "weight")),
    ),
    key=CHANNEL_KEY,
    order_by=CHANNEL_KEY,
    depends={"marts.order_feedback": SAME_DAY, "unified.attribution": MATCH_WINDOW},
    example=(
        "select campaign, 100 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0) "
        'as nps from "marts"."nps_by_attribution" '
        "where model = 'linear' group by campaign"
    ),
)
