"""The marts about money and channels: scorecard, spread of customer value, NPS by location."""

import pyarrow as pa

from feedback_assets.schema.columns import FLOAT, INT32, INT64, MONEY_SUM, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, Depends, Table

_F = "unified.feedback."
_O = "unified.orders."
_A = "unified.attribution."
_OF = "marts.order_feedback."
_S = "ad_spend.daily."
_CHANNEL_SOURCES = {part: (_A + part, _S + part) for part in ("source", "medium", "campaign")}
_CUSTOMER = (_O + "customer_email", _O + "contact_id")
_WEIGHT = (_A + "weight",)
_ANSWER = (_OF + "nps_class", _OF + "is_spam", *_WEIGHT)
_ANSWERING = (*_ANSWER, _OF + "customer_key")
_BOUGHT = (_O + "net_amount", *_WEIGHT)
_PLACED = (_O + "ordered_at", *_WEIGHT)
_FIRST = (*_PLACED, *_CUSTOMER, "wicked_reports.contacts.create_date")
_NPS = "−100 to 100"


def _column(
    name: str,
    description: str,
    source: tuple[str, ...],
    unit: str = "",
    type_: pa.DataType = FLOAT,
    *,
    nullable: bool = True,
) -> Column:
    return Column(name, type_, description, source=source, unit=unit, nullable=nullable)


def _counted(name: str, description: str, source: tuple[str, ...], unit: str) -> Column:
    """A sum of weights: 0 where there is nothing, never null."""
    return _column(name, description, source, unit, nullable=False)


def _money(name: str, description: str, source: tuple[str, ...]) -> Column:
    return _column(name, description, source, "currency", MONEY_SUM)


def _spread(source: tuple[str, ...]) -> tuple[Column, ...]:
    """Of customers' totals: mean and median with intervals, and the quartiles."""
    return (
        _column("net_amount_per_customer", "net_amount / customers", source, "currency"),
        _column(
            "net_amount_per_customer_low",
            "Lower end of its 95 % interval (Hall); null under two customers",
            source,
            "currency",
        ),
        _column(
            "net_amount_per_customer_high",
            "Upper end of its 95 % interval (Hall); null under two customers",
            source,
            "currency",
        ),
        _column("median", "Median of the customers' totals, not shared out", source, "currency"),
        _column("q1", "Lower quartile of these", source, "currency"),
        _column("q3", "Upper quartile of these", source, "currency"),
        _column(
            "median_low",
            "Lower end of the median's 95 % interval, by ranks; null under six customers",
            source,
            "currency",
        ),
        _column(
            "median_high",
            "Upper end of the median's 95 % interval, by ranks; null under six customers",
            source,
            "currency",
        ),
    )


def _name(part: str, also: str) -> Column:
    return _column(
        part,
        f"utm_{part} without invisible characters, trimmed and in lower case; (none){also}, or "
        "(all) where the level does not group by it",
        _CHANNEL_SOURCES[part],
        type_=TEXT,
        nullable=False,
    )


CHANNEL_SCORECARD = Table(
    "marts",
    "channel_scorecard",
    "One row is what one channel brought over the last 7, 30, 90 or 365 days by one model, in one "
    "currency: orders, customers, answers and spend.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last day held of marts.nps_by_attribution",
            unit="days",
            nullable=False,
        ),
        Column("model", TEXT, "Attribution model", nullable=False, source=(_A + "model",)),
        _column(
            "level",
            "What the channel is grouped by: campaign (source, medium and campaign), medium "
            "(source and medium), source, or all",
            tuple(path for paths in _CHANNEL_SOURCES.values() for path in paths),
            type_=TEXT,
            nullable=False,
        ),
        _name("source", ", (unattributed), (unmatched)"),
        _name("medium", " and the like"),
        _name("campaign", " and the like"),
        _column(
            "currency",
            "ISO 4217 code of the orders, (none) where they have none; (all) holds counts and NPS "
            "over all of them, and no money",
            (_O + "currency", _OF + "currency", _S + "currency"),
            type_=TEXT,
            nullable=False,
        ),
        _counted("orders", "Sum of the orders' weights", _PLACED, "orders"),
        _money("net_amount", "Net amount of these, by weight", _BOUGHT),
        _column(
            "buyers",
            "Customers with an order credited here in part or whole; does not add up over channels",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
            INT64,
            nullable=False,
        ),
        _counted(
            "customers",
            "Sum of the customers' shares: weights credited here / orders in window and currency; "
            "adds up over channels",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
        ),
        _counted(
            "effective_customers",
            "Square of the sum of shares / sum of their squares",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
        ),
        *_spread((*_BOUGHT, *_CUSTOMER)),
        _column(
            "repeat_rate",
            "Share of the customers with two orders or more in window and currency",
            (*_CUSTOMER, *_PLACED),
            "0–1",
        ),
        _counted(
            "return_base",
            "Orders from 30 to 29 + window_days days before the last day held",
            _PLACED,
            "orders",
        ),
        _column(
            "return_rate",
            "Share of return_base followed by another order of the customer within 30 days",
            (*_CUSTOMER, *_PLACED),
            "0–1",
        ),
        _counted(
            "new_customers",
            "Customers' first orders held where the contact was created since orders are held, or "
            "365 days or more are held before",
            _FIRST,
            "orders",
        ),
        _counted(
            "unknown_customers",
            "Other first orders held: the customer may have bought before",
            _FIRST,
            "orders",
        ),
        _counted("repeat_orders", "All other orders", _FIRST, "orders"),
        _counted("responses", "Answers with a score that are not spam", _ANSWER, "answers"),
        _counted("promoters", "Of these with score 9–10", _ANSWER, "answers"),
        _counted("passives", "Of these with score 7–8", _ANSWER, "answers"),
        _counted("detractors", "Of these with score 0–6", _ANSWER, "answers"),
        _counted(
            "effective_responses",
            "As many answers of as many customers would say as much: square of the sum of the "
            "customers' weights / sum of their squares; 0 without answers",
            _ANSWERING,
            "answers",
        ),
        _column("nps", "100 × (promoters − detractors) / responses", _ANSWER, _NPS),
        _column("nps_low", "Lower end of the 95 % interval, by customers", _ANSWERING, _NPS),
        _column("nps_high", "Upper end of the 95 % interval, by customers", _ANSWERING, _NPS),
        _column(
            "nps_adjusted", "NPS with three customers added, on which tests go", _ANSWERING, _NPS
        ),
        _column("nps_se", "Standard error of nps_adjusted", _ANSWERING, "points"),
        _counted(
            "first_responses",
            "Answers about a customer's first order held",
            (*_ANSWER, *_PLACED),
            "answers",
        ),
        _column("first_nps", "NPS of these", (*_ANSWER, *_PLACED), _NPS),
        _column("first_nps_low", "Lower end of its 95 % interval", (*_ANSWERING, *_PLACED), _NPS),
        _column("first_nps_high", "Upper end of its 95 % interval", (*_ANSWERING, *_PLACED), _NPS),
        _column("rest_nps", "NPS of all other answers, by weight", _ANSWER, _NPS),
        _column("versus_rest", "nps − rest_nps", _ANSWER, "points"),
        _column(
            "versus_z",
            "Difference of the adjusted NPS in standard errors",
            _ANSWERING,
            "standard errors",
        ),
        _column(
            "responses_before",
            "Answers in the window before this one; this and what follows are null unless all of "
            "its days are held",
            _ANSWER,
            "answers",
        ),
        _column("promoters_before", "Of these with score 9–10", _ANSWER, "answers"),
        _column("nps_before", "NPS of these", _ANSWER, _NPS),
        _column("orders_before", "Orders in the window before", _PLACED, "orders"),
        _money("net_amount_before", "Net amount of these, by weight", _BOUGHT),
        _column("nps_change", "nps − nps_before", _ANSWER, "points"),
        _column("nps_change_low", "Lower end of its 95 % interval, adjusted", _ANSWERING, "points"),
        _column(
            "nps_change_high", "Upper end of its 95 % interval, adjusted", _ANSWERING, "points"
        ),
        _column(
            "change_z",
            "Change of the adjusted NPS in standard errors",
            _ANSWERING,
            "standard errors",
        ),
        _counted(
            "promoters_won",
            "Customers whose latest answer in the window is a promoter's and whose latest before "
            "it was none; credited by the former",
            _ANSWERING,
            "customers",
        ),
        _counted(
            "promoters_lost",
            "Customers whose latest answer before the window was a promoter's and whose latest in "
            "it is none; credited by the latter",
            _ANSWERING,
            "customers",
        ),
        _counted(
            "response_base",
            "Orders from 14 to 13 + window_days days before the last day held",
            _PLACED,
            "orders",
        ),
        _column(
            "response_rate",
            "Share of response_base answered within 14 days of the order",
            (*_PLACED, _OF + "order_id", _OF + "responded_at"),
            "0–1",
        ),
        _money(
            "net_amount_detractors",
            "Net amount of customers whose latest answer ever is a detractor's",
            (*_BOUGHT, *_ANSWERING),
        ),
        _money(
            "net_amount_answered",
            "Net amount of customers who answered at all",
            (*_BOUGHT, *_ANSWERING),
        ),
        _money(
            "spend",
            "What was spent on it on days of the window of which orders are held; null, never 0, "
            "where nothing is known",
            (_S + "spend",),
        ),
        _column("clicks", "Clicks by the spend file", (_S + "clicks",), "clicks", INT64),
        _column(
            "impressions",
            "Impressions by the spend file",
            (_S + "impressions",),
            "impressions",
            INT64,
        ),
        _column(
            "spend_days_missing",
            "Days of the window of which orders are held and no spend of the source is known; null "
            "without any spend",
            (_S + "source_first_day", _S + "source_last_day"),
            "days",
            INT64,
        ),
        _column(
            "cost_per_order",
            "spend / orders of all currencies; null where spend is in two currencies or days are "
            "missing",
            (_S + "spend", *_PLACED),
            "currency",
        ),
        _column(
            "roas",
            "net_amount / spend in one currency: credited, not caused; null where days are missing",
            (_S + "spend", *_BOUGHT),
            "ratio",
        ),
        _column(
            "roas_covers",
            "Share of the channel's orders that are in the currency of the spend",
            (_S + "spend", *_PLACED),
            "0–1",
        ),
        _column(
            "cost_per_new_low",
            "spend / (new and unknown customers of all currencies); null as cost_per_order",
            (_S + "spend", *_FIRST),
            "currency",
        ),
        _column(
            "cost_per_new_high",
            "spend / new customers of all currencies; null as cost_per_order",
            (_S + "spend", *_FIRST),
            "currency",
        ),
        _column(
            "cost_per_promoter",
            "cost_per_order / share of promoters among the answers of all currencies",
            (_S + "spend", *_PLACED, *_ANSWER),
            "currency",
        ),
        _column(
            "cost_per_promoter_low",
            "With the upper end of the share's 95 % interval (Agresti–Coull)",
            (_S + "spend", *_PLACED, *_ANSWERING),
            "currency",
        ),
        _column(
            "cost_per_promoter_high",
            "With the lower end of that interval; null where that is 0",
            (_S + "spend", *_PLACED, *_ANSWERING),
            "currency",
        ),
    ),
    key=("window_days", "model", "level", "source", "medium", "campaign", "currency"),
    order_by=("window_days", "model", "level", "source", "medium", "campaign", "currency"),
    partitioned=False,
    depends={
        # The first: its last day held is the last of every window.
        "marts.nps_by_attribution": ALL_DAYS,
        "marts.order_feedback": ALL_DAYS,
        "unified.orders": ALL_DAYS,
        "unified.attribution": ALL_DAYS,
        "wicked_reports.contacts": ALL_DAYS,
        "ad_spend.daily": ALL_DAYS,
    },
    parts=(
        "days",
        "windows",
        "models",
        "orders",
        "channels",
        "accounts",
        "credits",
        "sums",
        "spans",
        "shares",
        "customers",
        "buyers",
        "answers",
        "turned",
        "answer_credits",
        "respondents",
        "scores",
        "changes",
        "spent",
        "spend",
        "coverage",
    ),
    asks_days_of="unified.orders",
    example=(
        'select source, campaign, orders, net_amount, nps, nps_low, nps_high from "marts".'
        "\"channel_scorecard\" where window_days = 90 and model = 'first_click' and "
        "level = 'campaign' and currency = 'USD' order by net_amount desc"
    ),
)

CUSTOMER_VALUE_SPREAD = Table(
    "marts",
    "customer_value_spread",
    "One row is how what customers of one NPS class spend in one currency is spread, and what they "
    "did after their first answer.",
    (
        _column(
            "nps_class",
            "Class of the customer's latest scored answer, or (no answer); of the first for "
            "followed and what comes after it",
            (_OF + "nps_class",),
            type_=TEXT,
            nullable=False,
        ),
        _column(
            "currency",
            "ISO 4217 code; null is a currency of its own",
            (_O + "currency",),
            type_=TEXT,
        ),
        _column(
            "customers",
            "Customers with an order in the currency",
            (_F + "customer_email", *_CUSTOMER),
            "customers",
            INT64,
            nullable=False,
        ),
        _money("net_amount", "Net amount of their orders", (_O + "net_amount",)),
        *_spread((_O + "net_amount", *_CUSTOMER)),
        _column(
            "followed",
            "Customers whose first answer lies 30 days or more before the last day held",
            (_OF + "responded_at", *_CUSTOMER),
            "customers",
            INT64,
            nullable=False,
        ),
        _column(
            "returned_30",
            "Share of these with an order within 30 days after that answer",
            (_OF + "responded_at", _O + "ordered_at"),
            "0–1",
        ),
        _column(
            "net_amount_30",
            "Net amount of these orders / followed",
            (_OF + "responded_at", _O + "ordered_at", _O + "net_amount"),
            "currency",
        ),
    ),
    key=("nps_class", "currency"),
    order_by=("nps_class", "currency"),
    partitioned=False,
    depends={"marts.order_feedback": ALL_DAYS, "unified.orders": ALL_DAYS},
    example=(
        "select nps_class, customers, net_amount_per_customer, median, returned_30 "
        'from "marts"."customer_value_spread" where currency = \'USD\' order by nps_class'
    ),
)

_LOCATED = tuple(_F + name for name in ("score", "is_spam", "location_ref"))

NPS_BY_LOCATION = Table(
    "marts",
    "nps_by_location",
    "One row is the NPS of one location over the last 7, 30, 90 or 365 days.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last day held of unified.feedback",
            unit="days",
            nullable=False,
        ),
        _column("provider", "Who asked", (_F + "provider",), type_=TEXT, nullable=False),
        _column(
            "location_ref",
            "The place that the answers name",
            (_F + "location_ref",),
            type_=TEXT,
            nullable=False,
        ),
        _column(
            "responses",
            "Answers with a score that are not spam",
            _LOCATED,
            "answers",
            INT64,
            nullable=False,
        ),
        _column(
            "promoters", "Of these with score 9–10", _LOCATED, "answers", INT64, nullable=False
        ),
        _column("passives", "Of these with score 7–8", _LOCATED, "answers", INT64, nullable=False),
        _column(
            "detractors", "Of these with score 0–6", _LOCATED, "answers", INT64, nullable=False
        ),
        _column("nps", "100 × (promoters − detractors) / responses", _LOCATED, _NPS),
        _column("nps_low", "Lower end of the 95 % interval (adjusted Wald)", _LOCATED, _NPS),
        _column("nps_high", "Upper end of the 95 % interval (adjusted Wald)", _LOCATED, _NPS),
    ),
    key=("window_days", "provider", "location_ref"),
    order_by=("window_days", "provider", "location_ref"),
    partitioned=False,
    depends={"unified.feedback": Depends(back=364)},
    example=(
        'select location_ref, responses, nps, nps_low, nps_high from "marts"."nps_by_location" '
        "where window_days = 90 order by nps"
    ),
)

TABLES = (CHANNEL_SCORECARD, CUSTOMER_VALUE_SPREAD, NPS_BY_LOCATION)
