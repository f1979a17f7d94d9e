"""Surveys from planned to answered."""

from feedback_assets.schema.columns import DATE, FLOAT, INT64, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS, IN_TRACKERS

SURVEY_FUNNEL = Table(
    "marts",
    "survey_funnel",
    "One row is the outcome of the surveys of one name and sending type planned for one day.",
    (
        Column(
            "day", DATE, "UTC day of send_at", nullable=False, source=(IN_TRACKERS + "send_at",)
        ),
        Column("survey_name", TEXT, "Name of the survey", source=(IN_TRACKERS + "survey_name",)),
        Column("sending_type", TEXT, "How it was sent", source=(IN_TRACKERS + "sending_type",)),
        Column(
            "planned",
            INT64,
            "All trackers",
            unit="surveys",
            source=(IN_TRACKERS + "id",),
            nullable=False,
        ),
        Column(
            "sent",
            INT64,
            "Of these sent",
            unit="surveys",
            source=(IN_TRACKERS + "sent_at",),
            nullable=False,
        ),
        Column(
            "resent",
            INT64,
            "Of these sent again",
            unit="surveys",
            source=(IN_TRACKERS + "resent",),
            nullable=False,
        ),
        Column(
            "clicked",
            INT64,
            "Of these with a click",
            unit="surveys",
            source=(IN_TRACKERS + "clicks",),
            nullable=False,
        ),
        Column(
            "answered",
            INT64,
            "Of these whose order was answered, not by spam, in time",
            unit="surveys",
            source=(
                IN_TRACKERS + "purchase_id",
                IN_ANSWERS + "order_id",
                IN_ANSWERS + "responded_at",
            ),
            nullable=False,
        ),
        Column(
            "response_rate",
            FLOAT,
            "answered / sent; null where none was sent",
            unit="0–1",
            source=(IN_TRACKERS + "sent_at", IN_ANSWERS + "responded_at"),
        ),
    ),
    key=("day", "survey_name", "sending_type"),
    order_by=("day", "survey_name", "sending_type"),
    partitioned=False,
    depends={"fullwhere.survey_trackers": ALL_DAYS, "marts.order_feedback": ALL_DAYS},
    example=(
        "select survey_name, sum(answered) / nullif(sum(sent), 0) as response_rate "
        'from "marts"."survey_funnel" group by survey_name'
    ),
)
