"""What each customer bought and answered, for marts that would otherwise read all days."""

from feedback_assets.schema.columns import INT64, MONEY_SUM, STAMP, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS, IN_ORDERS

_BUYER = (IN_ORDERS + "customer_email", IN_ORDERS + "contact_id")
_ANSWERED = (IN_ANSWERS + "responded_at", IN_ANSWERS + "customer_key", *_BUYER)

CUSTOMERS = Table(
    "marts",
    "customers",
    "One row is what one customer bought in one currency, with their first and latest answer.",
    (
        Column(
            "customer_key",
            TEXT,
            "Pseudonym of the customer, as in marts.order_feedback: keyed hash of the order's "
            "e-mail, else of its contact id",
            nullable=False,
            source=_BUYER,
            names="customer",
        ),
        Column(
            "currency",
            TEXT,
            "ISO 4217 code; null is a currency of its own",
            source=(IN_ORDERS + "currency",),
        ),
        Column(
            "orders",
            INT64,
            "Orders in the currency",
            unit="orders",
            source=(IN_ORDERS + "order_id",),
            nullable=False,
        ),
        Column(
            "net_amount",
            MONEY_SUM,
            "Net amount of these orders",
            unit="currency",
            source=(IN_ORDERS + "net_amount",),
        ),
        Column(
            "first_ordered_at",
            STAMP,
            "When the customer placed their first stored order, in any currency",
            source=(IN_ORDERS + "ordered_at",),
            nullable=False,
        ),
        Column(
            "nps_class",
            TEXT,
            "Class of the customer's latest scored answer that is not spam; null without answers",
            source=(IN_ANSWERS + "nps_class", *_ANSWERED),
        ),
        Column(
            "first_nps_class",
            TEXT,
            "Class of the first such answer",
            source=(IN_ANSWERS + "nps_class", *_ANSWERED),
        ),
        Column(
            "first_responded_at",
            STAMP,
            "When that first answer was given",
            source=_ANSWERED,
        ),
        Column(
            "orders_30",
            INT64,
            "Orders in the currency within 30 days after the first answer",
            unit="orders",
            source=(IN_ORDERS + "ordered_at", *_ANSWERED),
            nullable=False,
        ),
        Column(
            "net_amount_30",
            MONEY_SUM,
            "Net amount of these orders",
            unit="currency",
            source=(IN_ORDERS + "net_amount", IN_ORDERS + "ordered_at", *_ANSWERED),
        ),
    ),
    key=("customer_key", "currency"),
    order_by=("customer_key", "currency"),
    partitioned=False,
    depends={"marts.order_feedback": ALL_DAYS, "unified.orders": ALL_DAYS},
    parts=("customer_orders", "customer_answers"),
    example=(
        'select customer_key, orders, net_amount from "marts"."customers" '
        "where nps_class = 'detractor' and currency = 'USD' order by net_amount desc limit 20"
    ),
)
