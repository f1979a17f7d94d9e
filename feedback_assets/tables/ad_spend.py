"""What was spent on channels, as the user's own files say it."""

from feedback_assets.schema.columns import DATE, INT64, MONEY_SUM, TEXT, Column
from feedback_assets.schema.table import EXTRA, Table

DAILY = Table(
    "ad_spend",
    "daily",
    "One row is what was spent on one channel on one day in one currency.",
    (
        Column("source", TEXT, "utm_source, as the file has it", nullable=False, channel=True),
        Column(
            "medium", TEXT, "utm_medium, likewise; (none) where blank", nullable=False, channel=True
        ),
        Column(
            "campaign",
            TEXT,
            "utm_campaign, likewise; (none) where blank",
            nullable=False,
            channel=True,
        ),
        Column("currency", TEXT, "ISO 4217 code, in upper case", nullable=False),
        Column("spend", MONEY_SUM, "What was spent", unit="currency", nullable=False),
        Column("clicks", INT64, "Clicks that were paid for", unit="clicks"),
        Column("impressions", INT64, "How often it was shown", unit="impressions"),
        Column(
            "source_first_day",
            DATE,
            "First day of the source in the file of this row; from there to source_last_day what "
            "has no row was not spent",
            nullable=False,
        ),
        Column(
            "source_last_day",
            DATE,
            "Last day of the source in the file of this row",
            nullable=False,
        ),
        EXTRA,
    ),
    key=("source", "medium", "campaign", "currency"),
    order_by=("source", "medium", "campaign", "currency"),
    example=(
        'select source, currency, sum(spend) as spend from "ad_spend"."daily" '
        "group by source, currency"
    ),
)

TABLES = (DAILY,)
