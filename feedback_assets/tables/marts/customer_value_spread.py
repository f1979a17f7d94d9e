"""The distribution of what customers spend, by NPS class."""

from feedback_assets.schema.columns import INT64, TEXT
from feedback_assets.schema.table import ALL_DAYS, SAME_DAY, Table
from feedback_assets.tables.marts.columns import IN_CUSTOMERS
from feedback_assets.tables.marts.spread import column, money, spread

CUSTOMER_VALUE_SPREAD = Table(
    "marts",
    "customer_value_spread",
    "One row is the distribution of what customers of one NPS class spend in one currency.",
    (
        column(
            "nps_class",
            "Class of the customer's latest scored answer, or (no answer); for followed, "
            "returned_30 and net_amount_30 that of the first",
            (IN_CUSTOMERS + "nps_class", IN_CUSTOMERS + "first_nps_class"),
            type_=TEXT,
            nullable=False,
        ),
        column(
            "currency",
            "ISO 4217 code; null is a currency of its own",
            (IN_CUSTOMERS + "currency",),
            type_=TEXT,
        ),
        column(
            "customers",
            "Customers with an order in the currency",
            (IN_CUSTOMERS + "customer_key",),
            "customers",
            INT64,
            nullable=False,
        ),
        money("net_amount", "Net amount of their orders", (IN_CUSTOMERS + "net_amount",)),
        *spread((IN_CUSTOMERS + "net_amount",)),
        column(
            "followed",
            "Customers whose first answer is at least 30 days older than the last stored day",
            (IN_CUSTOMERS + "first_responded_at",),
            "customers",
            INT64,
            nullable=False,
        ),
        column(
            "returned_30",
            "Share of the followed customers with an order within 30 days after that answer",
            (IN_CUSTOMERS + "first_responded_at", IN_CUSTOMERS + "orders_30"),
            "0–1",
        ),
        column(
            "net_amount_30",
            "Net amount of the orders within those 30 days / followed",
            (IN_CUSTOMERS + "first_responded_at", IN_CUSTOMERS + "net_amount_30"),
            "currency",
        ),
    ),
    key=("nps_class", "currency"),
    order_by=("nps_class", "currency"),
    partitioned=False,
    # Of the answers, the last stored day.
    depends={"marts.order_feedback": SAME_DAY, "marts.customers": ALL_DAYS},
    example=(
        "select nps_class, customers, net_amount_per_customer, median, returned_30 "
        'from "marts"."customer_value_spread" where currency = \'USD\' order by nps_class'
    ),
)
