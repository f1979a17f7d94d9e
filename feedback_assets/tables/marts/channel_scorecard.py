"""What each channel brought: orders, customers, answers and spend."""

from feedback_assets.schema.columns import INT32, INT64, TEXT, Column
from feedback_assets.schema.table import ALL_DAYS, SAME_DAY, Depends, Table
from feedback_assets.tables.marts.columns import IN_ANSWERS, IN_ATTRIBUTION, IN_ORDERS
from feedback_assets.tables.marts.spread import column, counted, money, spread

_SPEND = "ad_spend.daily."
_CHANNEL_SOURCES = {
    part: (IN_ATTRIBUTION + part, _SPEND + part) for part in ("source", "medium", "campaign")
}
_CUSTOMER = (IN_ORDERS + "customer_email", IN_ORDERS + "contact_id")
_WEIGHT = (IN_ATTRIBUTION + "weight",)
_ANSWER = (IN_ANSWERS + "nps_class", IN_ANSWERS + "is_spam", *_WEIGHT)
_ANSWERING = (*_ANSWER, IN_ANSWERS + "customer_key")
_BOUGHT = (IN_ORDERS + "net_amount", *_WEIGHT)
_PLACED = (IN_ORDERS + "ordered_at", *_WEIGHT)
_FIRST = (*_PLACED, *_CUSTOMER, "wicked_reports.contacts.create_date")
_NPS = "−100 to 100"
_WINDOWS = Depends(span="match", back=729)


def _name(part: str, also: str) -> Column:
    return column(
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
    "One row is what one channel brought and cost in one window, by one model, in one currency.",
    (
        Column(
            "window_days",
            INT32,
            "7, 30, 90 or 365, ending with the last stored day of marts.nps_by_attribution",
            unit="days",
            nullable=False,
        ),
        Column(
            "model", TEXT, "Attribution model", nullable=False, source=(IN_ATTRIBUTION + "model",)
        ),
        column(
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
        column(
            "currency",
            "ISO 4217 code of the orders, (none) where they have none; (all) has counts and NPS "
            "over all currencies, and no money",
            (IN_ORDERS + "currency", IN_ANSWERS + "currency", _SPEND + "currency"),
            type_=TEXT,
            nullable=False,
        ),
        counted("orders", "Sum of the orders' weights", _PLACED, "orders"),
        money("net_amount", "Net amount of these orders, by weight", _BOUGHT),
        column(
            "buyers",
            "Customers with an order credited here wholly or partly; does not add up over channels",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
            INT64,
            nullable=False,
        ),
        counted(
            "customers",
            "Sum of the customers' shares: weights credited here / the customer's orders in the "
            "window and currency; adds up over channels",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
        ),
        counted(
            "effective_customers",
            "Square of the sum of shares / sum of their squares",
            (*_CUSTOMER, *_WEIGHT),
            "customers",
        ),
        *spread((*_BOUGHT, *_CUSTOMER)),
        column(
            "repeat_rate",
            "Share of the customers who have two orders or more in the window and currency",
            (*_CUSTOMER, *_PLACED),
            "0–1",
        ),
        counted(
            "return_base",
            "Orders from the window_days days that end 30 days before the last stored day",
            _PLACED,
            "orders",
        ),
        column(
            "return_rate",
            "Share of return_base followed by another order of the customer within 30 days",
            (*_CUSTOMER, *_PLACED),
            "0–1",
        ),
        counted(
            "new_customers",
            "Customers' first stored orders, if the contact was created on or after the first "
            "stored day of orders, or if at least 365 earlier days of orders are stored",
            _FIRST,
            "orders",
        ),
        counted(
            "unknown_customers",
            "Other first stored orders: the customer may have bought before",
            _FIRST,
            "orders",
        ),
        counted("repeat_orders", "All other orders", _FIRST, "orders"),
        counted("responses", "Answers with a score that are not spam", _ANSWER, "answers"),
        counted("promoters", "Responses with a score of 9–10", _ANSWER, "answers"),
        counted("passives", "Responses with a score of 7–8", _ANSWER, "answers"),
        counted("detractors", "Responses with a score of 0–6", _ANSWER, "answers"),
        counted(
            "effective_responses",
            "Effective sample size, the number of equally weighted customers that would carry the "
            "same information: square of the sum of the customers' weights / sum of their squares; "
            "0 without answers",
            _ANSWERING,
            "answers",
        ),
        column("nps", "100 × (promoters − detractors) / responses", _ANSWER, _NPS),
        column("nps_low", "Lower end of the 95 % interval, by customers", _ANSWERING, _NPS),
        column("nps_high", "Upper end of the 95 % interval, by customers", _ANSWERING, _NPS),
        column(
            "nps_adjusted", "NPS with three customers added; used by the tests", _ANSWERING, _NPS
        ),
        column("nps_se", "Standard error of nps_adjusted", _ANSWERING, "points"),
        counted(
            "first_responses",
            "Answers about a customer's first stored order",
            (*_ANSWER, *_PLACED),
            "answers",
        ),
        column("first_nps", "NPS of these answers", (*_ANSWER, *_PLACED), _NPS),
        column("first_nps_low", "Lower end of its 95 % interval", (*_ANSWERING, *_PLACED), _NPS),
        column("first_nps_high", "Upper end of its 95 % interval", (*_ANSWERING, *_PLACED), _NPS),
        column("rest_nps", "NPS of all other answers, by weight", _ANSWER, _NPS),
        column("versus_rest", "nps − rest_nps", _ANSWER, "points"),
        column(
            "versus_z",
            "Difference of the adjusted NPS in standard errors",
            _ANSWERING,
            "standard errors",
        ),
        column(
            "responses_before",
            "Answers in the previous window; this and the other columns about it are null unless "
            "all of its days are stored",
            _ANSWER,
            "answers",
        ),
        column("promoters_before", "Those answers with a score of 9–10", _ANSWER, "answers"),
        column("nps_before", "NPS in the previous window", _ANSWER, _NPS),
        column("orders_before", "Orders in the previous window", _PLACED, "orders"),
        money("net_amount_before", "Net amount of those orders, by weight", _BOUGHT),
        column("nps_change", "nps − nps_before", _ANSWER, "points"),
        column("nps_change_low", "Lower end of its 95 % interval, adjusted", _ANSWERING, "points"),
        column("nps_change_high", "Upper end of its 95 % interval, adjusted", _ANSWERING, "points"),
        column(
            "change_z",
            "Change of the adjusted NPS in standard errors",
            _ANSWERING,
            "standard errors",
        ),
        counted(
            "promoters_won",
            "Customers whose latest answer in the window is a promoter's and whose latest answer "
            "before it was not; credited by the answer in the window",
            _ANSWERING,
            "customers",
        ),
        counted(
            "promoters_lost",
            "Customers whose latest answer before the window was a promoter's and whose latest "
            "answer in it is not; credited by the answer in the window",
            _ANSWERING,
            "customers",
        ),
        counted(
            "response_base",
            "Orders from the window_days days that end 14 days before the last stored day",
            _PLACED,
            "orders",
        ),
        column(
            "response_rate",
            "Share of response_base answered within 14 days of the order",
            (*_PLACED, IN_ANSWERS + "order_id", IN_ANSWERS + "responded_at"),
            "0–1",
        ),
        money(
            "net_amount_detractors",
            "Net amount of customers whose latest stored answer is a detractor's",
            (*_BOUGHT, *_ANSWERING),
        ),
        money(
            "net_amount_answered",
            "Net amount of customers who answered at all",
            (*_BOUGHT, *_ANSWERING),
        ),
        money(
            "spend",
            "What was spent on the channel on the days of the window whose orders are stored; "
            "null, never 0, where no spend is known",
            (_SPEND + "spend",),
        ),
        column("clicks", "Clicks in the spend files", (_SPEND + "clicks",), "clicks", INT64),
        column(
            "impressions",
            "Impressions in the spend files",
            (_SPEND + "impressions",),
            "impressions",
            INT64,
        ),
        column(
            "spend_days_missing",
            "Days of the window whose orders are stored but whose spend on the source is unknown; "
            "null without any spend",
            (_SPEND + "covered_from", _SPEND + "covered_to"),
            "days",
            INT64,
        ),
        column(
            "cost_per_order",
            "spend / orders of all currencies; null where spend is in two currencies or days are "
            "missing",
            (_SPEND + "spend", *_PLACED),
            "currency",
        ),
        column(
            "roas",
            "net_amount / spend in one currency: credited, not caused; null where days are missing",
            (_SPEND + "spend", *_BOUGHT),
            "ratio",
        ),
        column(
            "roas_covers",
            "Share of the channel's orders that are in the currency of the spend",
            (_SPEND + "spend", *_PLACED),
            "0–1",
        ),
        column(
            "cost_per_new_low",
            "spend / (new and unknown customers of all currencies); null where cost_per_order is",
            (_SPEND + "spend", *_FIRST),
            "currency",
        ),
        column(
            "cost_per_new_high",
            "spend / new customers of all currencies; null where cost_per_order is",
            (_SPEND + "spend", *_FIRST),
            "currency",
        ),
        column(
            "cost_per_promoter",
            "cost_per_order / share of promoters among the answers of all currencies",
            (_SPEND + "spend", *_PLACED, *_ANSWER),
            "currency",
        ),
        column(
            "cost_per_promoter_low",
            "cost_per_promoter at the upper end of the share's 95 % interval (Agresti–Coull)",
            (_SPEND + "spend", *_PLACED, *_ANSWERING),
            "currency",
        ),
        column(
            "cost_per_promoter_high",
            "cost_per_promoter at the lower end of that interval; null where that end is 0",
            (_SPEND + "spend", *_PLACED, *_ANSWERING),
            "currency",
        ),
    ),
    key=("window_days", "model", "level", "source", "medium", "campaign", "currency"),
    order_by=("window_days", "model", "level", "source", "medium", "campaign", "currency"),
    partitioned=False,
    depends={
        # The first: its last stored day is the last of every window.
        "marts.nps_by_attribution": SAME_DAY,
        # Whether a customer's answer before the window was a promoter's.
        "marts.order_feedback": ALL_DAYS,
        "marts.customers": ALL_DAYS,
        # The longest window, the one before it, and the orders that their answers are about.
        "unified.orders": _WINDOWS,
        "unified.attribution": _WINDOWS,
        "wicked_reports.contacts": ALL_DAYS,
        "ad_spend.daily": ALL_DAYS,
    },
    parts=(
        "days",
        "windows",
        "models",
        "slots",
        "counted_answers",
        "held_orders",
        "orders",
        "answers",
        "versions",
        "channels",
        "levels",
        "memberships",
        "touches",
        "credits",
        "accounts",
        "sums",
        "spans",
        "customer_orders",
        "customers",
        "buyers",
        "window_answers",
        "respondents",
        "scores",
        "turned",
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
