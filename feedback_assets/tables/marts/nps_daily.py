"""The NPS of each provider by day."""

from feedback_assets.schema.columns import INT64, TEXT, Column
from feedback_assets.schema.table import SAME_DAY, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS, NPS, sums

NPS_DAILY = Table(
    "marts",
    "nps_daily",
    "One row is the NPS of one provider on one day.",
    (
        Column("provider", TEXT, "Who asked", nullable=False, source=(IN_ANSWERS + "provider",)),
        *sums(INT64, (IN_ANSWERS + "score", IN_ANSWERS + "is_spam")),
        Column(
            "score_sum", INT64, "Sum of the scores", source=(IN_ANSWERS + "score",), nullable=False
        ),
        NPS,
    ),
    key=("provider",),
    order_by=("provider",),
    depends={"marts.order_feedback": SAME_DAY},
    example=(
        "select day, 100 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0) as nps "
        'from "marts"."nps_daily" group by day order by day'
    ),
)
