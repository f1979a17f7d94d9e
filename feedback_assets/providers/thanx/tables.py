"""The table of Thanx: feedback records of purchases."""

from feedback_assets.schema.columns import INT8, MONEY, STAMP, TEXT, Column, Personal, struct
from feedback_assets.schema.table import provider_table

PROVIDER = "thanx"

FEEDBACKS = provider_table(
    PROVIDER,
    "feedbacks",
    "One row is one feedback request for a purchase, answered or not, on the day of the purchase.",
    Column(
        "id",
        TEXT,
        "Id of the feedback record",
        nullable=False,
        names="answer",
        prefix=f"{PROVIDER}:",
    ),
    Column("user_id", TEXT, "Id of the user", personal=Personal.CONTACT_ID),
    Column("merchant_id", TEXT, "Id of the merchant"),
    Column("location_id", TEXT, "Id of the location"),
    Column("state", TEXT, "unviewed, viewed, expired, rated, reviewed or responded"),
    Column("expires_at", STAMP, "Until when an answer can be given"),
    Column(
        "purchased_at",
        STAMP,
        "When the purchase was made",
        fallback="purchase.purchased_at",
        nullable=False,
    ),
    Column("viewed_at", STAMP, "When the prompt was seen"),
    Column("rated_at", STAMP, "When the score was given"),
    Column("reviewed_at", STAMP, "When the review was written"),
    Column("responded_at", STAMP, "When the merchant replied"),
    Column("rating", INT8, "NPS score; null where none was given", unit="0–10", low=0, high=10),
    Column("review", TEXT, "The customer's words", personal=Personal.FREE_TEXT),
    Column("response", TEXT, "The merchant's words", personal=Personal.FREE_TEXT),
    struct(
        "purchase",
        "The purchase that the feedback is about",
        Column("id", TEXT, "Id of the purchase", names="order", unless="purchase.order.id"),
        Column("purchased_at", STAMP, "When the purchase was made"),
        Column("amount", MONEY, "Amount of the purchase"),
        struct(
            "order",
            "The order in the ordering system; null for a purchase in person",
            Column("id", TEXT, "Id of the order", names="order"),
            Column("provider", TEXT, "The ordering system"),
        ),
    ),
    key=("id",),
    event_time="purchased_at",
    example='select state, count(*) as records from "thanx"."feedbacks" group by state',
)

TABLES = (FEEDBACKS,)
