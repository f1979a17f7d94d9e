"""The table of Fullwhere: which survey was sent to whom, when, and whether it was opened."""

from feedback_assets.schema.columns import BOOL, INT64, STAMP, TEXT, Column, Personal
from feedback_assets.schema.table import provider_table

PROVIDER = "fullwhere"

SURVEY_TRACKERS = provider_table(
    PROVIDER,
    "survey_trackers",
    "One row is one survey planned for a purchase, on the day it is due. It has no score.",
    Column("id", TEXT, "Id of the tracker, a UUID", nullable=False),
    Column("created_at", STAMP, "When the tracker was created", json="createdAt"),
    Column("updated_at", STAMP, "When it last changed", json="updatedAt"),
    Column("survey_id", TEXT, "Id of the survey", json="surveyId"),
    Column("survey_name", TEXT, "Name of the survey", json="surveyName"),
    Column(
        "send_at",
        STAMP,
        "When it is to be sent; an estimate that may be in the future",
        json="sendAt",
        nullable=False,
    ),
    Column("sent_at", STAMP, "When it was sent; null until then", json="sentAt"),
    Column("resend_at", STAMP, "When it is or was sent again", json="resendAt"),
    Column("resent", BOOL, "Whether it was sent again"),
    Column("sending_index", INT64, "Attempt, 0 = first", json="sendingIndex"),
    Column(
        "customer_id", TEXT, "Id of the customer", json="customerId", personal=Personal.CONTACT_ID
    ),
    Column("purchase_id", TEXT, "Id of the purchase", json="purchaseId", names="order"),
    Column(
        "sending_type", TEXT, "How it is sent; the values are not documented", json="sendingType"
    ),
    Column("status", TEXT, "Status; the values are not documented"),
    Column("link", TEXT, "Link to the survey, once sent", personal=Personal.LINK),
    Column(
        "new_review_link",
        TEXT,
        "Link to an external review page",
        json="newReviewLink",
        personal=Personal.LINK,
    ),
    Column(
        "sent_to",
        TEXT,
        "E-mail or phone number of the recipient, once sent",
        json="sentTo",
        personal=Personal.ADDRESS,
    ),
    Column(
        "switched_to_sms",
        BOOL,
        "Whether it was sent by SMS after WhatsApp failed",
        json="switchedToSms",
    ),
    Column("clicks", INT64, "Clicks on the link"),
    Column("unique_clicks", INT64, "Distinct clicks on the link", json="uniqueClicks"),
    key=("id",),
    event_time="send_at",
    example=(
        "select survey_name, count(sent_at) as sent, sum(unique_clicks) as unique_clicks "
        'from "fullwhere"."survey_trackers" group by survey_name'
    ),
)

TABLES = (SURVEY_TRACKERS,)
