"""The unified tables: answers, orders and attribution in one shape, from all providers."""

from dataclasses import replace

from feedback_assets.providers.answers import COLUMNS
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.schema.columns import (
    FLOAT,
    INT32,
    MONEY,
    QUANTITY,
    STAMP,
    TEXT,
    Column,
    Personal,
)
from feedback_assets.schema.table import (
    SAME_DAY,
    TOUCH_WINDOW,
    Table,
)

GIVEN_MODELS = ("first_click", "first_optin", "re_optin", "last_click")
COMPUTED_MODELS = ("linear", "position_based", "time_decay")
MODELS = GIVEN_MODELS + COMPUTED_MODELS

_ORDERS = "wicked_reports.orders."
_CLICKS = "wicked_reports.clicks."

ANSWERS = {provider.name: provider.answers for provider in REGISTRY if provider.answers}
"""By provider, how its answers become rows of ``unified.feedback``."""


def _any_of(names: tuple[str, ...]) -> str:
    """``a, b or c``."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _sources(answer_column: str) -> tuple[str, ...]:
    """The providers' columns that a column of an answer is computed from."""
    return tuple(
        f"{name}.{path}"
        for name, answers in ANSWERS.items()
        for path in answers.columns.get(answer_column, ())
    )


_ANSWER = {column.name: replace(column, source=_sources(column.name)) for column in COLUMNS}

FEEDBACK = Table(
    "unified",
    "feedback",
    "One row is one customer's answer from any provider, on the day it was given.",
    (
        Column(
            "feedback_id",
            TEXT,
            "provider:id",
            names="answer",
            nullable=False,
            source=_sources("provider_feedback_id"),
        ),
        Column("provider", TEXT, _any_of(tuple(ANSWERS)), nullable=False),
        _ANSWER.pop("provider_feedback_id"),
        _ANSWER.pop("responded_at"),
        _ANSWER.pop("score"),
        Column(
            "nps_class",
            TEXT,
            "promoter 9–10, passive 7–8, detractor 0–6; null without a score",
            source=_sources("score"),
        ),
        *_ANSWER.values(),
    ),
    key=("feedback_id",),
    event_time="responded_at",
    order_by=("responded_at", "feedback_id"),
    depends={
        f"{name}.{table}": days
        for name, answers in ANSWERS.items()
        for table, days in answers.depends.items()
    },
    example='select provider, count(*) as answers from "unified"."feedback" group by provider',
)

ORDERS = Table(
    "unified",
    "orders",
    "One row is one order from Wicked Reports with its paid, refunded and net amounts.",
    (
        Column(
            "order_id",
            TEXT,
            "Id of the order in Wicked Reports",
            nullable=False,
            names="order",
            source=(_ORDERS + "id",),
        ),
        Column(
            "source_id",
            TEXT,
            "Id of the order in the source system",
            names="order",
            source=(_ORDERS + "source_id",),
        ),
        Column(
            "source_system", TEXT, "The shop or payment system", source=(_ORDERS + "source_system",)
        ),
        Column(
            "ordered_at",
            STAMP,
            "When the order was placed",
            nullable=False,
            source=(_ORDERS + "date",),
        ),
        Column(
            "contact_id",
            TEXT,
            "Id of the contact in Wicked Reports",
            personal=Personal.CONTACT_ID,
            source=(_ORDERS + "contact",),
        ),
        Column(
            "contact_source_id",
            TEXT,
            "Id of the contact in the source system",
            personal=Personal.CONTACT_ID,
            source=(_ORDERS + "contact",),
        ),
        Column(
            "customer_email",
            TEXT,
            "Normal form of the e-mail: the address in lower case, in NFC, without invisible "
            "characters and white space around it; null for text that is not an e-mail",
            personal=Personal.EMAIL,
            source=(_ORDERS + "contact",),
        ),
        Column(
            "currency",
            TEXT,
            "ISO 4217 code, trimmed and in upper case",
            source=(_ORDERS + "currency",),
        ),
        Column(
            "amount", MONEY, "Amount of the order", unit="currency", source=(_ORDERS + "amount",)
        ),
        Column(
            "paid_amount",
            MONEY,
            "Sum of the payments with status APPROVED, MANUAL or Partially Refunded (in any case); "
            "0 without payments",
            unit="currency",
            source=(_ORDERS + "payments",),
        ),
        Column(
            "refunded_amount",
            MONEY,
            "Sum of the payments with status REFUNDED (in any case), as a positive number",
            unit="currency",
            source=(_ORDERS + "payments",),
        ),
        Column(
            "net_amount",
            MONEY,
            "amount if there are no payments, otherwise paid_amount − refunded_amount, at least 0",
            unit="currency",
            source=(_ORDERS + "amount", _ORDERS + "payments"),
        ),
        Column(
            "item_count",
            QUANTITY,
            "Sum of the quantities, 1 for a product without one",
            unit="items",
            source=(_ORDERS + "products",),
        ),
        Column(
            "subscription_id", TEXT, "Id of the subscription", source=(_ORDERS + "subscription_id",)
        ),
    ),
    key=("order_id",),
    event_time="ordered_at",
    order_by=("ordered_at", "order_id"),
    depends={"wicked_reports.orders": SAME_DAY},
    example=(
        "select currency, count(*) as orders, sum(net_amount) as net_amount "
        'from "unified"."orders" group by currency'
    ),
)

_TOUCH = (_ORDERS + "attributions", _CLICKS + "utms")

ATTRIBUTION = Table(
    "unified",
    "attribution",
    "One row is one touch that one model credits for one order, on the order's day.",
    (
        Column(
            "order_id",
            TEXT,
            "Id of the order in Wicked Reports",
            nullable=False,
            source=(_ORDERS + "id",),
        ),
        Column(
            "ordered_at",
            STAMP,
            "When the order was placed",
            nullable=False,
            source=(_ORDERS + "date",),
        ),
        Column("model", TEXT, ", ".join(MODELS), nullable=False),
        Column(
            "touch_index",
            INT32,
            "Position of the touch, 1 = first",
            nullable=False,
            source=(_CLICKS + "date",),
        ),
        Column(
            "touch_count",
            INT32,
            "Touches of the order in the model",
            nullable=False,
            source=(_CLICKS + "date",),
        ),
        Column(
            "touched_at",
            STAMP,
            "When the touch happened",
            source=(_ORDERS + "attributions", _CLICKS + "date"),
        ),
        Column("source", TEXT, "utm_source of the touch, as served", source=_TOUCH),
        Column("medium", TEXT, "utm_medium of the touch, as served", source=_TOUCH),
        Column("campaign", TEXT, "utm_campaign of the touch, as served", source=_TOUCH),
        Column("content", TEXT, "utm_content of the touch", source=_TOUCH),
        Column("term", TEXT, "utm_term of the touch", source=_TOUCH),
        Column(
            "weight",
            FLOAT,
            "Share of the order's credit; 1 in all for an order and model",
            unit="0–1",
            nullable=False,
            source=(_CLICKS + "date",),
        ),
    ),
    key=("order_id", "model", "touch_index"),
    event_time="ordered_at",
    order_by=("ordered_at", "order_id", "model", "touch_index"),
    depends={
        "wicked_reports.orders": SAME_DAY,
        "wicked_reports.clicks": TOUCH_WINDOW,
    },
    example=(
        'select model, campaign, sum(weight) as orders from "unified"."attribution" group by all'
    ),
)

TABLES = (FEEDBACK, ORDERS, ATTRIBUTION)
