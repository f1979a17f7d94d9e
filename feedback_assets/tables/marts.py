"""The marts: what people ask, one table each; no e-mail, name, phone number or survey link."""

import pyarrow as pa

from feedback_assets.schema.columns import (
    DATE,
    FLOAT,
    INT32,
    INT64,
    MONEY,
    MONEY_SUM,
    STAMP,
    TEXT,
    Column,
)
from feedback_assets.schema.table import (
    ALL_DAYS,
    MATCH_WINDOW,
    SAME_DAY,
    Depends,
    Table,
)
from feedback_assets.tables.unified import FEEDBACK, GIVEN_MODELS

_F = "unified.feedback."
_O = "unified.orders."
_A = "unified.attribution."
_OF = "marts.order_feedback."
_T = "fullwhere.survey_trackers."
_R = "retargeting.product_reviews."
_WICKED = "wicked_reports.orders."

_KEY_SOURCES = (_F + "customer_email", _O + "customer_email", _O + "contact_id")
_MATCH_SOURCES = tuple(
    _F + name for name in ("order_ref", "purchase_ref", "customer_ref", "customer_email")
) + tuple(
    _O + name
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


def _kept(column: Column) -> Column:
    return Column(
        column.name,
        column.type,
        column.description,
        source=(_F + column.name,),
        unit=column.unit,
        personal=column.personal,
        names=column.names,
        low=column.low,
        high=column.high,
        nullable=column.nullable,
    )


def _order(name: str, type_: pa.DataType, description: str, of: str, unit: str = "") -> Column:
    return Column(
        name,
        type_,
        description,
        source=(_O + of, *_MATCH_SOURCES),
        unit=unit,
        names="order" if name in ("order_id", "order_source_id") else None,
    )


def _customer_key(description: str) -> Column:
    return Column("customer_key", TEXT, description, source=_KEY_SOURCES, names="customer")


def _given_touches(models: tuple[str, ...], source: str) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"{model}_{part}",
            TEXT,
            f"utm_{part} of the order's {model} touch, trimmed and in lower case",
            source=(source.format(model=model, part=part),),
        )
        for model in models
        for part in ("source", "medium", "campaign")
    )


def _sums(type_: pa.DataType, source: tuple[str, ...]) -> tuple[Column, ...]:
    """Responses by class; of type ``INT64`` where rows are counted, ``FLOAT`` where weighed."""
    return (
        Column(
            "responses",
            type_,
            "Answers with a score that are not spam",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "promoters",
            type_,
            "Of these with score 9–10",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "passives",
            type_,
            "Of these with score 7–8",
            unit="answers",
            source=source,
            nullable=False,
        ),
        Column(
            "detractors",
            type_,
            "Of these with score 0–6",
            unit="answers",
            source=source,
            nullable=False,
        ),
    )


_NPS = Column(
    "nps",
    FLOAT,
    "100 × (promoters − detractors) / responses; null without responses",
    unit="−100 to 100",
    source=(_OF + "nps_class",),
)

ORDER_FEEDBACK = Table(
    "marts",
    "order_feedback",
    "One row is one answer and the order it was matched with, if any, on the answer's day.",
    (
        *(_kept(column) for column in FEEDBACK.columns if column.name not in _DROPPED),
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
            source=(_F + "responded_at", _O + "ordered_at"),
        ),
        _customer_key(
            "Pseudonym of the customer: keyed hash of the e-mail, else of the contact "
            "id; null where neither is known"
        ),
        *_given_touches(GIVEN_MODELS, "unified.attribution.{part}"),
        Column(
            "survey_sent_at",
            STAMP,
            "When the survey sent last before the answer was sent",
            source=(_T + "sent_at",),
        ),
        Column("survey_name", TEXT, "Name of that survey", source=(_T + "survey_name",)),
        Column("survey_clicks", INT64, "Clicks on its link", source=(_T + "clicks",)),
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

NPS_DAILY = Table(
    "marts",
    "nps_daily",
    "One row is the NPS of one provider on one day.",
    (
        Column("provider", TEXT, "Who asked", nullable=False, source=(_OF + "provider",)),
        *_sums(INT64, (_OF + "score", _OF + "is_spam")),
        Column("score_sum", INT64, "Sum of the scores", source=(_OF + "score",), nullable=False),
        _NPS,
    ),
    key=("provider",),
    order_by=("provider",),
    depends={"marts.order_feedback": SAME_DAY},
    example=(
        "select day, 100 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0) as nps "
        'from "marts"."nps_daily" group by day order by day'
    ),
)

_CHANNEL = (
    Column("model", TEXT, "Attribution model", nullable=False, source=(_A + "model",)),
    Column(
        "source",
        TEXT,
        "utm_source, trimmed and in lower case; (none), (unattributed) or (unmatched)",
        nullable=False,
        source=(_A + "source",),
    ),
    Column("medium", TEXT, "utm_medium, likewise", nullable=False, source=(_A + "medium",)),
    Column("campaign", TEXT, "utm_campaign, likewise", nullable=False, source=(_A + "campaign",)),
)
_CHANNEL_KEY = ("model", "source", "medium", "campaign")

NPS_BY_ATTRIBUTION = Table(
    "marts",
    "nps_by_attribution",
    "One row is one day's answers credited to one channel by one model. Days add up.",
    (*_CHANNEL, *_sums(FLOAT, (_OF + "nps_class", _OF + "is_spam", _A + "weight"))),
    key=_CHANNEL_KEY,
    order_by=_CHANNEL_KEY,
    depends={"marts.order_feedback": SAME_DAY, "unified.attribution": MATCH_WINDOW},
    example=(
        "select campaign, 100 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0) "
        'as nps from "marts"."nps_by_attribution" '
        "where model = 'linear' group by campaign"
    ),
)

NPS_BY_CHANNEL = Table(
    "marts",
    "nps_by_channel",
    "One row is the NPS of one channel by one model over the last 7, 30, 90 or 365 days.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last day held",
            unit="days",
            nullable=False,
        ),
        *_CHANNEL,
        *_sums(
            FLOAT,
            tuple(
                f"marts.nps_by_attribution.{name}"
                for name in ("responses", "promoters", "passives", "detractors")
            ),
        ),
        _NPS,
        Column(
            "nps_low",
            FLOAT,
            "Lower end of the 95 % interval (adjusted Wald)",
            unit="−100 to 100",
            source=(_OF + "nps_class",),
        ),
        Column(
            "nps_high",
            FLOAT,
            "Upper end of the 95 % interval (adjusted Wald)",
            unit="−100 to 100",
            source=(_OF + "nps_class",),
        ),
    ),
    key=("window_days", *_CHANNEL_KEY),
    order_by=("window_days", *_CHANNEL_KEY),
    partitioned=False,
    depends={"marts.nps_by_attribution": Depends(back=364)},
    example=(
        'select source, campaign, nps, nps_low, nps_high from "marts"."nps_by_channel" '
        "where model = 'linear' and window_days = 90 order by nps desc"
    ),
)

CUSTOMER_VALUE = Table(
    "marts",
    "customer_value",
    "One row is what the customers of one NPS class spent in one currency.",
    (
        Column(
            "nps_class",
            TEXT,
            "Class of the customer's latest scored answer, or (no answer)",
            nullable=False,
            source=(_OF + "nps_class",),
        ),
        Column(
            "currency",
            TEXT,
            "ISO 4217 code; null is a currency of its own, and money is never added across "
            "currencies",
            source=(_O + "currency",),
        ),
        Column(
            "customers",
            INT64,
            "Customers with an order in the currency",
            unit="customers",
            source=_KEY_SOURCES,
            nullable=False,
        ),
        Column(
            "orders",
            INT64,
            "Their orders",
            unit="orders",
            source=(_O + "order_id",),
            nullable=False,
        ),
        Column(
            "net_amount",
            MONEY_SUM,
            "Net amount of these",
            unit="currency",
            source=(_O + "net_amount",),
        ),
        Column(
            "net_amount_per_customer",
            MONEY_SUM,
            "net_amount / customers",
            unit="currency",
            source=(_O + "net_amount",),
        ),
        Column(
            "repeat_rate",
            FLOAT,
            "Share with two orders or more in the currency",
            unit="0–1",
            source=(_O + "order_id",),
        ),
    ),
    key=("nps_class", "currency"),
    order_by=("nps_class", "currency"),
    partitioned=False,
    depends={
        "marts.order_feedback": ALL_DAYS,
        "unified.orders": ALL_DAYS,
    },
    example='select * from "marts"."customer_value" order by currency, nps_class',
)

SURVEY_FUNNEL = Table(
    "marts",
    "survey_funnel",
    "One row is the outcome of the surveys of one name and sending type planned for one day.",
    (
        Column("day", DATE, "UTC day of send_at", nullable=False, source=(_T + "send_at",)),
        Column("survey_name", TEXT, "Name of the survey", source=(_T + "survey_name",)),
        Column("sending_type", TEXT, "How it was sent", source=(_T + "sending_type",)),
        Column(
            "planned", INT64, "All trackers", unit="surveys", source=(_T + "id",), nullable=False
        ),
        Column(
            "sent", INT64, "Of these sent", unit="surveys", source=(_T + "sent_at",), nullable=False
        ),
        Column(
            "resent",
            INT64,
            "Of these sent again",
            unit="surveys",
            source=(_T + "resent",),
            nullable=False,
        ),
        Column(
            "clicked",
            INT64,
            "Of these with a click",
            unit="surveys",
            source=(_T + "clicks",),
            nullable=False,
        ),
        Column(
            "answered",
            INT64,
            "Of these whose order was answered, not by spam, in time",
            unit="surveys",
            source=(_T + "purchase_id", _OF + "order_id", _OF + "responded_at"),
            nullable=False,
        ),
        Column(
            "response_rate",
            FLOAT,
            "answered / sent; null where none was sent",
            unit="0–1",
            source=(_T + "sent_at", _OF + "responded_at"),
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

PRODUCT_SCORES = Table(
    "marts",
    "product_scores",
    "One row is the reviews and mean score of one product.",
    (
        Column(
            "real_id",
            TEXT,
            "Id of the product in the shop",
            nullable=False,
            source=(_R + "real_id",),
        ),
        Column(
            "product_name",
            TEXT,
            "Name of the product in the orders",
            source=(_WICKED + "products",),
        ),
        Column(
            "reviews",
            INT64,
            "Reviews, with or without score",
            unit="reviews",
            source=(_R + "real_id",),
            nullable=False,
        ),
        Column("score_mean", FLOAT, "Mean of the scores", source=(_R + "score",)),
        Column(
            "score_low",
            FLOAT,
            "Lower end of the 95 % interval of the mean; null under two",
            source=(_R + "score",),
        ),
        Column(
            "score_high",
            FLOAT,
            "Upper end of the 95 % interval of the mean; null under two",
            source=(_R + "score",),
        ),
        Column(
            "comments",
            INT64,
            "Reviews with a comment",
            unit="reviews",
            source=(_R + "comment",),
            nullable=False,
        ),
    ),
    key=("real_id",),
    order_by=("real_id",),
    partitioned=False,
    depends={"retargeting.product_reviews": ALL_DAYS, "wicked_reports.orders": ALL_DAYS},
    example=(
        'select product_name, reviews, score_mean from "marts"."product_scores" '
        "where reviews >= 5 order by score_mean limit 10"
    ),
)

MATCH_COVERAGE = Table(
    "marts",
    "match_coverage",
    "One row is the number of a provider's answers on one day that one method matched.",
    (
        Column("provider", TEXT, "Who asked", nullable=False, source=(_OF + "provider",)),
        Column(
            "match_method",
            TEXT,
            "order_id, customer_id or email; null: not matched",
            source=(_OF + "match_method",),
        ),
        Column(
            "responses",
            INT64,
            "All answers, spam and those without score too",
            unit="answers",
            source=(_OF + "feedback_id",),
            nullable=False,
        ),
    ),
    key=("provider", "match_method"),
    order_by=("provider", "match_method"),
    depends={"marts.order_feedback": SAME_DAY},
    example=(
        "select provider, sum(case when match_method is not null then responses else 0 end) "
        '/ sum(responses) as share_matched from "marts"."match_coverage" group by provider'
    ),
)

_DAYS_IN_QUEUE = Depends(back=29)

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
            source=(_OF + "feedback_id",),
        ),
        Column("provider", TEXT, "Who asked", nullable=False, source=(_OF + "provider",)),
        Column(
            "responded_at",
            STAMP,
            "When the customer answered",
            nullable=False,
            source=(_OF + "responded_at",),
        ),
        Column(
            "days_waiting",
            INT64,
            "Whole days to the end of the last day held",
            unit="days",
            nullable=False,
            source=(_OF + "responded_at",),
        ),
        _kept(FEEDBACK.column("score")),
        _kept(FEEDBACK.column("comment")),
        _customer_key("Pseudonym of the customer"),
        *(
            Column(
                name,
                ORDER_FEEDBACK.column(name).type,
                ORDER_FEEDBACK.column(name).description,
                source=(_OF + name,),
                unit=ORDER_FEEDBACK.column(name).unit,
                names=ORDER_FEEDBACK.column(name).names,
            )
            for name in ("order_id", "order_source_id", "ordered_at", "currency", "net_amount")
        ),
        Column(
            "customer_net_amount",
            MONEY_SUM,
            "All their orders in the row's currency; a missing currency is one of its own",
            unit="currency",
            source=(_O + "net_amount", *_KEY_SOURCES),
        ),
        *_given_touches(("first_click", "last_click"), "marts.order_feedback.{model}_{part}"),
    ),
    key=("feedback_id",),
    order_by=(),
    partitioned=False,
    depends={
        "marts.order_feedback": _DAYS_IN_QUEUE,
        "unified.feedback": _DAYS_IN_QUEUE,
        "unified.orders": ALL_DAYS,
    },
    example=(
        'select days_waiting, score, comment from "marts"."detractor_queue" '
        "order by responded_at desc limit 20"
    ),
)

TABLES = (
    ORDER_FEEDBACK,
    NPS_DAILY,
    NPS_BY_ATTRIBUTION,
    NPS_BY_CHANNEL,
    CUSTOMER_VALUE,
    SURVEY_FUNNEL,
    PRODUCT_SCORES,
    MATCH_COVERAGE,
    DETRACTOR_QUEUE,
)
