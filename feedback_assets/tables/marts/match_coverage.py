"""How many answers each rule matched with an order."""

from feedback_assets.schema.columns import INT64, TEXT, Column
from feedback_assets.schema.table import SAME_DAY, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS

MATCH_COVERAGE = Table(
    "marts",
    "match_coverage",
    "One row is the number of a provider's answers on one day that one method matched.",
    (
        Column("provider", TEXT, "Who asked", nullable=False, source=(IN_ANSWERS + "provider",)),
        Column(
            "match_method",
            TEXT,
            "order_id, customer_id or email; null: not matched",
            source=(IN_ANSWERS + "match_method",),
        ),
        Column(
            "responses",
            INT64,
            "All answers, spam and those without score too",
            unit="answers",
            source=(IN_ANSWERS + "feedback_id",),
            nullable=False,
        ),
    ),
    key=("provider", "match_method"),
    order_by=("provider", "match_method"),
    depends={"marts.order_feedback": SAME_DAY},
    example=(
        "select provider, sum(case when match_method is not null then responses else 0 end) "
        '/ sum(responses) as share_matched from "marts"."match_coverage" group by provider'
    ),
)
