"""The unified tables: answers, orders and attribution in one shape, whoever they came from."""

from feedback_assets.schema.columns import (
    BOOL,
    FLOAT,
    INT8,
    INT32,
    MONEY,
    QUANTITY,
    STAMP,
    TEXT,
    Column,
    Personal,
)
from feedback_assets.schema.table import (
    MATCH_WINDOW,
    SAME_DAY,
    TOUCH_WINDOW,
    Table,
)

GIVEN_MODELS = ("first_click", "first_optin", "re_optin", "last_click")
COMPUTED_MODELS = ("linear", "position_based", "time_decay")
MODELS = GIVEN_MODELS + COMPUTED_MODELS

_THANX = "thanx.feedbacks."
_PULSE = "feedbackpulse.submissions."
_RETARGETING = "retargeting.order_feedback."
_ORDERS = "wicked_reports.orders."
_CLICKS = "wicked_reports.clicks."

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
            source=(
                _THANX + "id",
                _PULSE + "id",
                _RETARGETING + "order_no",
                _RETARGETING + "added_on",
            ),
        ),
        Column("provider", TEXT, "thanx, feedbackpulse or retargeting", nullable=False),
        Column(
            "provider_feedback_id",
            TEXT,
            "What follows the first colon of feedback_id",
            nullable=False,
            source=(
                _THANX + "id",
                _PULSE + "id",
                _RETARGETING + "order_no",
                _RETARGETING + "added_on",
            ),
        ),
        Column(
            "responded_at",
            STAMP,
            "When the customer answered (Thanx: rated, else reviewed, else responded, else "
            "purchased)",
            nullable=False,
            source=(
                _THANX + "rated_at",
                _THANX + "reviewed_at",
                _THANX + "responded_at",
                _THANX + "purchased_at",
                _PULSE + "created_at",
                _RETARGETING + "added_on",
            ),
        ),
        Column(
            "score",
            INT8,
            "NPS score; null where none was given",
            unit="0–10",
            low=0,
            high=10,
            source=(_THANX + "rating", _PULSE + "nps_score", _RETARGETING + "score"),
        ),
        Column(
            "nps_class",
            TEXT,
            "promoter 9–10, passive 7–8, detractor 0–6; null without score",
            source=(_THANX + "rating", _PULSE + "nps_score", _RETARGETING + "score"),
        ),
        Column(
            "stars",
            INT8,
            "Stars, where the provider asks for them",
            unit="1–5",
            low=1,
            high=5,
            source=(_PULSE + "star_rating",),
        ),
        Column(
            "comment",
            TEXT,
            "The customer's words",
            personal=Personal.FREE_TEXT,
            source=(_THANX + "review", _PULSE + "text_feedback", _RETARGETING + "comment"),
        ),
        Column(
            "reply",
            TEXT,
            "The merchant's words",
            personal=Personal.FREE_TEXT,
            source=(_THANX + "response", _PULSE + "admin_reply"),
        ),
        Column(
            "replied_at",
            STAMP,
            "When the merchant replied, where the provider says",
            source=(_THANX + "responded_at",),
        ),
        Column(
            "status",
            TEXT,
            "State or status as the provider calls it",
            source=(_THANX + "state", _PULSE + "status"),
        ),
        Column(
            "is_spam",
            BOOL,
            "Whether the provider marked it as spam",
            nullable=False,
            source=(_PULSE + "status",),
        ),
        Column(
            "sentiment_score",
            FLOAT,
            "Sentiment of the text",
            unit="−1 to 1",
            source=(_PULSE + "sentiment_score",),
        ),
        Column(
            "sentiment_label",
            TEXT,
            "positive, neutral or negative",
            source=(_PULSE + "sentiment_label",),
        ),
        Column(
            "order_ref",
            TEXT,
            "The order that the answer names",
            names="order",
            source=(_THANX + "purchase", _RETARGETING + "order_no"),
        ),
        Column(
            "purchase_ref",
            TEXT,
            "The purchase that the answer names",
            names="order",
            unless="order_ref",
            source=(_THANX + "purchase",),
        ),
        Column(
            "customer_email",
            TEXT,
            "Normal form of the e-mail: the address in lower case, in NFC, without invisible "
            "characters and white space around it; null for text that is not an e-mail",
            personal=Personal.EMAIL,
            source=(_PULSE + "customer_email",),
        ),
        Column(
            "customer_ref",
            TEXT,
            "The provider's id of the customer",
            personal=Personal.CONTACT_ID,
            source=(_THANX + "user_id",),
        ),
        Column(
            "product_ref",
            TEXT,
            "The product that the answer names",
            source=(_PULSE + "product_id",),
        ),
        Column(
            "location_ref",
            TEXT,
            "The place that the answer names",
            source=(_THANX + "location_id",),
        ),
        Column(
            "survey_ref",
            TEXT,
            "The survey or campaign that asked",
            source=(_PULSE + "campaign_id",),
        ),
        Column(
            "purchased_at",
            STAMP,
            "When the purchase was made, where the provider says",
            source=(_THANX + "purchased_at", _RETARGETING + "order"),
        ),
        Column(
            "purchase_amount",
            MONEY,
            "Amount of the purchase, where the provider says",
            source=(_THANX + "purchase",),
        ),
    ),
    key=("feedback_id",),
    event_time="responded_at",
    order_by=("responded_at", "feedback_id"),
    depends={
        "thanx.feedbacks": MATCH_WINDOW,
        "feedbackpulse.submissions": SAME_DAY,
        "retargeting.order_feedback": SAME_DAY,
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
            "Sum of the payments APPROVED, MANUAL or Partially Refunded (in any case); 0 without "
            "payments",
            unit="currency",
            source=(_ORDERS + "payments",),
        ),
        Column(
            "refunded_amount",
            MONEY,
            "Sum of the payments REFUNDED (in any case), as a positive number",
            unit="currency",
            source=(_ORDERS + "payments",),
        ),
        Column(
            "net_amount",
            MONEY,
            "amount where there are no payments, else paid − refunded, never under 0",
            unit="currency",
            source=(_ORDERS + "amount", _ORDERS + "payments"),
        ),
        Column(
            "item_count",
            QUANTITY,
            "Sum of the quantities, 1 where a product has none",
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
