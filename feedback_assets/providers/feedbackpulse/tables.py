"""The table of FeedbackPulse: submissions, each with one answer."""

from feedback_assets.schema.columns import BOOL, FLOAT, INT8, INT64, STAMP, TEXT, Column, Personal
from feedback_assets.schema.table import provider_table

PROVIDER = "feedbackpulse"

SUBMISSIONS = provider_table(
    PROVIDER,
    "submissions",
    "One row is one submission of a feedback form, including spam, on the day it was made.",
    Column(
        "id",
        INT64,
        "Id of the submission",
        nullable=False,
        names="answer",
        prefix=f"{PROVIDER}:",
    ),
    Column("campaign_id", INT64, "Id of the feedback campaign"),
    Column("product_id", INT64, "Id of the product"),
    Column("star_rating", INT8, "Stars", unit="1–5", low=1, high=5),
    Column("nps_score", INT8, "NPS score; null where none was given", unit="0–10", low=0, high=10),
    Column("text_feedback", TEXT, "The customer's words", personal=Personal.FREE_TEXT),
    Column("customer_name", TEXT, "Name of the customer", personal=Personal.NAME),
    Column("customer_email", TEXT, "E-mail address of the customer", personal=Personal.EMAIL),
    Column(
        "sentiment_score", FLOAT, "Sentiment of the text as FeedbackPulse sees it", unit="−1 to 1"
    ),
    Column("sentiment_label", TEXT, "positive, neutral or negative"),
    Column("status", TEXT, "pending, approved, resolved or spam"),
    Column("is_public", BOOL, "Whether it is shown to everybody"),
    Column("admin_reply", TEXT, "The reply", personal=Personal.FREE_TEXT),
    Column("created_at", STAMP, "When it was made", nullable=False),
    key=("id",),
    event_time="created_at",
    example=(
        "select status, count(*) as submissions, avg(nps_score) as mean_score "
        'from "feedbackpulse"."submissions" group by status'
    ),
)

TABLES = (SUBMISSIONS,)
