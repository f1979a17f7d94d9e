"""Detractors waiting for a reply."""

from dataclasses import replace

from feedback_assets.schema.columns import INT64, MONEY_SUM, STAMP, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Depends, Table
from feedback_assets.tables.marts.columns import (
    IN_ANSWERS,
    IN_CUSTOMERS,
    customer_key,
    given_touches,
    kept,
)
from feedback_assets.tables.marts.order_feedback import ORDER_FEEDBACK
from feedback_assets.tables.unified import FEEDBACK

DETRACTOR_QUEUE = Table(
    "marts",
    "detractor_queue",
    "One row is one detractor's answer that has no reply yet, newest first.",
    (
        Column(
            "feedback_id",
            TEXT,
            "provider:id of the answer",
            nullable=False,
            names="answer",
            source=(IN_ANSWERS + "feedback_id",),
        ),
        Column("provider", TEXT, "Who asked", nullable=False, source=(IN_ANSWERS + "provider",)),
        Column(
            "responded_at",
            STAMP,
            "When the customer answered",
            nullable=False,
            source=(IN_ANSWERS + "responded_at",),
        ),
        Column(
            "days_waiting",
            INT64,
            "Whole days up to the end of the last stored day",
            unit="days",
            nullable=False,
            source=(IN_ANSWERS + "responded_at",),
        ),
        kept(FEEDBACK.column("score")),
        kept(FEEDBACK.column("comment")),
        customer_key("Pseudonym of the customer"),
        *(
            replace(ORDER_FEEDBACK.column(name), source=(IN_ANSWERS + name,))
            for name in ("order_id", "order_source_id", "ordered_at", "currency", "net_amount")
        ),
        Column(
            "customer_net_amount",
            MONEY_SUM,
            "Net amount of all their orders in the row's currency; none counts as a currency",
            unit="currency",
            source=(IN_CUSTOMERS + "net_amount",),
        ),
        *given_touches(("first_click", "last_click"), "marts.order_feedback.{model}_{part}"),
    ),
    key=("feedback_id",),
    order_by=(),
    partitioned=False,
    depends={
        "marts.order_feedback": Depends(back=29),
        "marts.customers": ALL_DAYS,
    },
    example=(
        'select days_waiting, score, comment from "marts"."detractor_queue" '
        "order by responded_at desc limit 20"
    ),
)
