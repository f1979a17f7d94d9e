"""How what customers spend is spread, by NPS class."""

from feedback_assets.schema.columns import INT64, TEXT
from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS, IN_FEEDBACK, IN_ORDERS
from feedback_assets.tables.marts.spread import column, money, spread

_CUSTOMER = (IN_ORDERS + "customer_email", IN_ORDERS + "contact_id")

CUSTOMER_VALUE_SPREAD = Table(
    "marts",
    "customer_value_spread",
    "One row is how the spending of one NPS class in one currency is spread, and who came back.",
    (
        column(
            "nps_class",
            "Class of the customer's latest scored answer, or (no answer); of the first for "
            "followed and what comes after it",
            (IN_ANSWERS + "nps_class",),
            type_=TEXT,
            nullable=False,
        ),
        column(
            "currency",
            "ISO 4217 code; null is a currency of its own",
            (IN_ORDERS + "currency",),
            type_=TEXT,
        ),
        column(
            "customers",
            "Customers with an order in the currency",
            (IN_FEEDBACK + "customer_email", *_CUSTOMER),
            "customers",
            INT64,
            nullable=False,
        ),
        money("net_amount", "Net amount of their orders", (IN_ORDERS + "net_amount",)),
        *spread((IN_ORDERS + "net_amount", *_CUSTOMER)),
        column(
            "followed",
            "Customers whose first answer lies 30 days or more before the last day held",
            (IN_ANSWERS + "responded_at", *_CUSTOMER),
            "customers",
            INT64,
            nullable=False,
        ),
        column(
            "returned_30",
            "Share of these with an order within 30 days after that answer",
            (IN_ANSWERS + "responded_at", IN_ORDERS + "ordered_at"),
            "0–1",
        ),
        column(
            "net_amount_30",
            "Net amount of these orders / followed",
            (IN_ANSWERS + "responded_at", IN_ORDERS + "ordered_at", IN_ORDERS + "net_amount"),
            "currency",
        ),
    ),
    key=("nps_class", "currency"),
    order_by=("nps_class", "currency"),
    partitioned=False,
    depends={"marts.order_feedback": ALL_DAYS, "unified.orders": ALL_DAYS},
    example=(
        "select nps_class, customers, net_amount_per_customer, median, returned_30 "
        'from "marts"."customer_value_spread" where currency = \'USD\' order by nps_class'
    ),
)
