"""What customers spend, by the class of their answer."""

from feedback_assets.schema.columns import FLOAT, INT64, MONEY_SUM, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts.columns import IN_CUSTOMERS

CUSTOMER_VALUE = Table(
    "marts",
    "customer_value",
    "One row is what the customers of one NPS class spent in one currency.",
    (
        Column(
            "nps_class",
            TEXT,
            "Class of the customer's latest scored answer, or (no answer)",
            nullable=False,
            source=(IN_CUSTOMERS + "nps_class",),
        ),
        Column(
            "currency",
            TEXT,
            "ISO 4217 code; null is a currency of its own, and money is never added across "
            "currencies",
            source=(IN_CUSTOMERS + "currency",),
        ),
        Column(
            "customers",
            INT64,
            "Customers with an order in the currency",
            unit="customers",
            source=(IN_CUSTOMERS + "customer_key",),
            nullable=False,
        ),
        Column(
            "orders",
            INT64,
            "Their orders",
            unit="orders",
            source=(IN_CUSTOMERS + "orders",),
            nullable=False,
        ),
        Column(
            "net_amount",
            MONEY_SUM,
            "Net amount of these orders",
            unit="currency",
            source=(IN_CUSTOMERS + "net_amount",),
        ),
        Column(
            "net_amount_per_customer",
            MONEY_SUM,
            "net_amount / customers",
            unit="currency",
            source=(IN_CUSTOMERS + "net_amount",),
        ),
        Column(
            "repeat_rate",
            FLOAT,
            "Share with two orders or more in the currency",
            unit="0–1",
            source=(IN_CUSTOMERS + "orders",),
        ),
    ),
    key=("nps_class", "currency"),
    order_by=("nps_class", "currency"),
    partitioned=False,
    depends={"marts.customers": ALL_DAYS},
    example='select * from "marts"."customer_value" order by currency, nps_class',
)
