"""The table of the survey links that Fullwhere was asked to generate; a job writes it, no asset."""

from feedback_assets.schema.columns import INT32, STAMP, TEXT, Column, Personal
from feedback_assets.schema.table import Table

_ORDERS = "unified.orders."
_TRACKERS = "fullwhere.survey_trackers."

GENERATED = Table(
    "survey_links",
    "generated",
    "One row is one tracker that Fullwhere generated for an order, as returned to the job "
    "`generate_survey_trackers`. An order listed here is not requested again.",
    (
        Column(
            "order_id",
            TEXT,
            "Id of the order in Wicked Reports",
            nullable=False,
            names="order",
            source=(_ORDERS + "order_id",),
        ),
        Column(
            "purchase_id",
            TEXT,
            "Id sent to Fullwhere: the order's id in the source system",
            nullable=False,
            names="order",
            source=(_ORDERS + "source_id",),
        ),
        Column(
            "ordered_at",
            STAMP,
            "When the order was placed",
            nullable=False,
            source=(_ORDERS + "ordered_at",),
        ),
        Column("position", INT32, "Position in Fullwhere's answer, 1 = first", nullable=False),
        Column("asked_at", STAMP, "When it was requested from Fullwhere", nullable=False),
        Column(
            "tracker_id",
            TEXT,
            "Id of the tracker; null if the response had none that could be read",
            source=(_TRACKERS + "id",),
        ),
        Column("survey_id", TEXT, "Id of the survey", source=(_TRACKERS + "survey_id",)),
        Column("survey_name", TEXT, "Name of the survey", source=(_TRACKERS + "survey_name",)),
        Column("send_at", STAMP, "When it is to be sent", source=(_TRACKERS + "send_at",)),
        Column("sending_type", TEXT, "How it is sent", source=(_TRACKERS + "sending_type",)),
        Column("status", TEXT, "Status of the survey", source=(_TRACKERS + "status",)),
        Column(
            "customer_id",
            TEXT,
            "Id of the customer",
            personal=Personal.CONTACT_ID,
            source=(_TRACKERS + "customer_id",),
        ),
        Column(
            "link",
            TEXT,
            "Link to the survey; null until it is sent if Fullwhere does not give it earlier",
            personal=Personal.LINK,
            source=(_TRACKERS + "link",),
        ),
        Column(
            "new_review_link",
            TEXT,
            "Link to an external review page",
            personal=Personal.LINK,
            source=(_TRACKERS + "new_review_link",),
        ),
    ),
    key=("order_id", "position"),
    event_time="ordered_at",
    order_by=("ordered_at", "order_id", "position"),
    example='select order_id, link from "survey_links"."generated" where link is not null',
)

TABLES = (GENERATED,)
