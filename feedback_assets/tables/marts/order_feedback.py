"""Each answer with the order it was matched with."""

import pyarrow as pa

from feedback_assets.schema.columns import FLOAT, INT64, MONEY, STAMP, TEXT, Column
from feedback_assets.schema.table import MATCH_WINDOW, SAME_DAY, Depends, Table
from feedback_assets.tables.marts.columns import (
    IN_FEEDBACK,
    IN_ORDERS,
    IN_TRACKERS,
    customer_key,
    given_touches,
    kept,
)
from feedback_assets.tables.unified import FEEDBACK, GIVEN_MODELS

_MATCH_SOURCES = tuple(
    IN_FEEDBACK + name for name in ("order_ref", "purchase_ref", "customer_ref", "customer_email")
) + tuple(
    IN_ORDERS + name
    for name in ("order_id", "source_id", "contact_id", "contact_source_id", "customer_email")
)
# Dropped in the mart: e-mail, references, and no free text but comment and reply.
_DROPPED = frozenset(
    {
        "customer_email",
        "order_ref",
        "purchase_ref",
        "customer_ref",
        "product_ref",
        "location_ref",
        "survey_ref",
    }
)


def _order(name: str, type_: pa.DataType, description: str, of: str, unit: str = "") -> Column:
    return Column(
        name,
        type_,
        description,
        source=(IN_ORDERS + of, *_MATCH_SOURCES),
        unit=unit,
        names="order" if name in ("order_id", "order_source_id") else None,
    )


ORDER_FEEDBACK = Table(
    "marts",
    "order_feedback",
    "One row is one answer and the order it was matched with, if any, on the answer's day.",
    (
        *(kept(column) for column in FEEDBACK.columns if column.name not in _DROPPED),
        Column(
            "match_method",
            TEXT,
            "order_id, customer_id or email; null where no order was found",
            source=_MATCH_SOURCES,
        ),
        _order("order_id", TEXT, "Id of the matched order in Wicked Reports", "order_id"),
        _order("order_source_id", TEXT, "Id of the order in the source system", "source_id"),
        _order("ordered_at", STAMP, "When the order was placed", "ordered_at"),
        _order("currency", TEXT, "ISO 4217 code of the order", "currency"),
        _order("net_amount", MONEY, "Net amount of the order", "net_amount", "currency"),
        Column(
            "days_to_response",
            FLOAT,
            "From order to answer; negative where it came first",
            unit="days",
            source=(IN_FEEDBACK + "responded_at", IN_ORDERS + "ordered_at"),
        ),
        customer_key(
            "Pseudonym of the customer: keyed hash of the e-mail, else of the contact "
            "id; null where neither is known"
        ),
        *given_touches(GIVEN_MODELS, "unified.attribution.{part}"),
        Column(
            "survey_sent_at",
            STAMP,
            "When the survey sent last before the answer was sent",
            source=(IN_TRACKERS + "sent_at",),
        ),
        Column("survey_name", TEXT, "Name of that survey", source=(IN_TRACKERS + "survey_name",)),
        Column("survey_clicks", INT64, "Clicks on its link", source=(IN_TRACKERS + "clicks",)),
    ),
    key=("feedback_id",),
    event_time="responded_at",
    order_by=("responded_at", "feedback_id"),
    depends={
        "unified.feedback": SAME_DAY,
        "unified.orders": MATCH_WINDOW,
        "unified.attribution": MATCH_WINDOW,
        # send_at is an estimate: a survey sent before the answer may be filed a day after it.
        "fullwhere.survey_trackers": Depends(span="match", ahead=1),
    },
    example=(
        'select nps_class, avg(net_amount) as mean_order from "marts"."order_feedback" '
        "where currency = 'EUR' group by nps_class"
    ),
)
