"""What was spent on advertising, by day and channel, according to the user's own files."""

from feedback_assets.schema.columns import DATE, INT64, MONEY_SUM, TEXT, Column
from feedback_assets.schema.table import EXTRA, Table

_KEY = ("source", "medium", "campaign", "currency")

DAILY = Table(
    "ad_spend",
    "daily",
    "One row is what a channel cost on a day in one currency, from the files of FEEDBACK_AD_SPEND.",
    (
        Column(
            "source",
            TEXT,
            "utm_source, as in the file. Sources are compared without regard to case",
            channel=True,
            nullable=False,
        ),
        Column("medium", TEXT, "utm_medium; (none) if blank", channel=True, nullable=False),
        Column("campaign", TEXT, "utm_campaign; (none) if blank", channel=True, nullable=False),
        Column("currency", TEXT, "Three letters, in upper case", nullable=False),
        Column("spend", MONEY_SUM, "What was spent", unit="currency", nullable=False),
        Column("clicks", INT64, "Clicks the platform counted; null if the file says nothing"),
        Column("impressions", INT64, "Times an ad was shown; null if the file says nothing"),
        Column(
            "covered_from",
            DATE,
            "First day of the span covered by this row. The source is covered on each day from "
            "`covered_from` to `covered_to` of any of its rows; on other days its spend "
            "is missing. A row that covers no day has a `covered_to` before its `covered_from`",
            nullable=False,
        ),
        Column("covered_to", DATE, "Last day of that span", nullable=False),
        EXTRA,
    ),
    key=_KEY,
    order_by=_KEY,
    example="select day, source, currency, sum(spend) as spend "
    'from "ad_spend"."daily" group by all order by day desc, source limit 20',
)

TABLES = (DAILY,)
