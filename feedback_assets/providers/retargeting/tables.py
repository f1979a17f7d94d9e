"""The tables of Retargeting: feedback on orders, and its product reviews."""

from feedback_assets.schema.columns import FLOAT, INT8, STAMP, TEXT, Column, Personal, struct
from feedback_assets.schema.table import provider_table

PROVIDER = "retargeting"

_ORDER_NO = Column(
    "order_no",
    TEXT,
    "Number of the order, lifted from order",
    names="order",
    fallback="order.order_no",
    nullable=False,
)
_ORDER = struct(
    "order",
    "The order that the feedback is about",
    Column("order_no", TEXT, "Number of the order", json="orderno", names="order"),
    Column("date", STAMP, "When the order was placed"),
)

ORDER_FEEDBACK = provider_table(
    PROVIDER,
    "order_feedback",
    "One row is one customer's feedback on one order, on the day it was given.",
    _ORDER_NO,
    _ORDER,
    Column("score", INT8, "NPS score; null where none was given", unit="0–10", low=0, high=10),
    Column("comment", TEXT, "The customer's words", personal=Personal.FREE_TEXT),
    Column("added_on", STAMP, "When it was given", nullable=False),
    key=("order_no", "added_on"),
    event_time="added_on",
    example=(
        "select 100 * avg(case when score >= 9 then 1 when score <= 6 then -1 else 0 end) as nps "
        'from "retargeting"."order_feedback" where score is not null'
    ),
)

PRODUCT_REVIEWS = provider_table(
    PROVIDER,
    "product_reviews",
    "One row is one review of one product in an order, on the day it was written. It is not NPS.",
    _ORDER_NO,
    _ORDER,
    Column("real_id", TEXT, "Id of the product in the shop", json="realid", nullable=False),
    Column("score", FLOAT, "Score on the shop's own scale; null where only a comment was left"),
    Column("comment", TEXT, "The customer's words", personal=Personal.FREE_TEXT),
    Column("added_on", STAMP, "When it was written", nullable=False),
    key=("order_no", "real_id", "added_on"),
    event_time="added_on",
    example=(
        "select real_id, count(*) as reviews, avg(score) as mean_score "
        'from "retargeting"."product_reviews" group by real_id'
    ),
)

TABLES = (ORDER_FEEDBACK, PRODUCT_REVIEWS)
