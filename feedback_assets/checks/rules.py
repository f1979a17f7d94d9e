"""The rules that a table must satisfy beyond its declaration: one query each, in ``sql/checks``."""

from dataclasses import dataclass
from functools import cache

from feedback_assets.transforms.restated import with_restated
from feedback_assets.transforms.sql_files import sql_file

LEAST_MATCHED = 0.5


@dataclass(frozen=True)
class Rule:
    """One check of one table: a query that returns one row of numbers, including ``violations``.

    ``reads``: the tables that it reads; ``warns``: whether it warns where others fail.
    """

    name: str
    table: str
    description: str
    reads: tuple[str, ...]
    warns: bool = False


RULES = (
    Rule(
        "every_answer_once",
        "marts.order_feedback",
        "Each row of unified.feedback occurs exactly once.",
        ("unified.feedback", "marts.order_feedback"),
    ),
    Rule(
        "weights_add_up",
        "unified.attribution",
        "The weights per order and model sum to 1, and touches are numbered without gaps.",
        ("unified.attribution",),
    ),
    Rule(
        "models_add_up",
        "marts.nps_by_attribution",
        "All models have the same responses, promoters and detractors on each day.",
        ("marts.order_feedback", "marts.nps_by_attribution"),
    ),
    Rule(
        "channels_add_up",
        "marts.nps_by_channel",
        "All models have the same responses in each window.",
        ("marts.nps_by_channel",),
    ),
    Rule(
        "money_in_is_money_out",
        "unified.orders",
        "Orders and money per day and currency match wicked_reports.orders.",
        ("wicked_reports.orders", "unified.orders"),
    ),
    Rule(
        "customers_money_adds_up",
        "marts.customers",
        "Customers, orders and money per currency match the orders in unified.orders with a "
        "customer.",
        ("unified.orders", "marts.customers"),
    ),
    Rule(
        "classes_add_up",
        "marts.customer_value",
        "Customers, orders and money by class and currency match marts.customers.",
        ("marts.customers", "marts.customer_value"),
    ),
    Rule(
        "scorecard_orders_add_up",
        "marts.channel_scorecard",
        "At every level and by every model, orders, money and customers match unified.orders, "
        "and first orders marts.customers; detractors' money is at most that of all customers who "
        "answered.",
        ("unified.orders", "marts.customers", "marts.channel_scorecard"),
    ),
    Rule(
        "scorecard_answers_add_up",
        "marts.channel_scorecard",
        "Answers by class match marts.nps_by_channel, and those of the currencies, together with "
        "the unmatched ones, add up to (all).",
        ("marts.nps_by_channel", "marts.channel_scorecard"),
    ),
    Rule(
        "scorecard_spend_adds_up",
        "marts.channel_scorecard",
        "At every level and by every model, spend matches ad_spend.daily.",
        ("ad_spend.daily", "marts.channel_scorecard"),
    ),
    Rule(
        "spread_adds_up",
        "marts.customer_value_spread",
        "Customers and money by class and currency match marts.customer_value.",
        ("marts.customer_value", "marts.customer_value_spread"),
    ),
    Rule(
        "answered_leave_the_queue",
        "marts.detractor_queue",
        "No detractor with a reply is in the queue. The metadata shows how long the others have "
        "waited, and the share of detractors answered within a day.",
        ("marts.order_feedback", "marts.detractor_queue"),
    ),
    Rule(
        "answers_in_reach",
        "thanx.feedbacks",
        "No answer is dated before its purchase or more than FEEDBACK_MATCH_DAYS after it.",
        ("thanx.feedbacks",),
        warns=True,
    ),
    Rule(
        "answers_are_matched",
        "marts.match_coverage",
        f"At least {LEAST_MATCHED:.0%} of the answers are matched with an order.",
        ("marts.match_coverage",),
        warns=True,
    ),
)


@cache
def rule_sql(rule: Rule) -> str:
    """The SQL of the rule."""
    return with_restated(sql_file("feedback_assets.transforms", f"checks/{rule.name}"))
