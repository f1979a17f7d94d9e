"""The marts, one table per question; no e-mail, name, phone number or survey link."""

from feedback_assets.schema.table import Table
from feedback_assets.tables.marts.channel_scorecard import CHANNEL_SCORECARD
from feedback_assets.tables.marts.customer_value import CUSTOMER_VALUE
from feedback_assets.tables.marts.customer_value_spread import CUSTOMER_VALUE_SPREAD
from feedback_assets.tables.marts.customers import CUSTOMERS
from feedback_assets.tables.marts.detractor_queue import DETRACTOR_QUEUE
from feedback_assets.tables.marts.match_coverage import MATCH_COVERAGE
from feedback_assets.tables.marts.nps_by_attribution import NPS_BY_ATTRIBUTION
from feedback_assets.tables.marts.nps_by_channel import NPS_BY_CHANNEL
from feedback_assets.tables.marts.nps_by_location import NPS_BY_LOCATION
from feedback_assets.tables.marts.nps_daily import NPS_DAILY
from feedback_assets.tables.marts.order_feedback import ORDER_FEEDBACK
from feedback_assets.tables.marts.product_scores import PRODUCT_SCORES
from feedback_assets.tables.marts.survey_funnel import SURVEY_FUNNEL

TABLES: tuple[Table, ...] = (
    ORDER_FEEDBACK,
    NPS_DAILY,
    NPS_BY_ATTRIBUTION,
    NPS_BY_CHANNEL,
    CUSTOMERS,
    CUSTOMER_VALUE,
    SURVEY_FUNNEL,
    PRODUCT_SCORES,
    MATCH_COVERAGE,
    DETRACTOR_QUEUE,
    CHANNEL_SCORECARD,
    CUSTOMER_VALUE_SPREAD,
    NPS_BY_LOCATION,
)

__all__ = [
    "CHANNEL_SCORECARD",
    "CUSTOMERS",
    "CUSTOMER_VALUE",
    "CUSTOMER_VALUE_SPREAD",
    "DETRACTOR_QUEUE",
    "MATCH_COVERAGE",
    "NPS_BY_ATTRIBUTION",
    "NPS_BY_CHANNEL",
    "NPS_BY_LOCATION",
    "NPS_DAILY",
    "ORDER_FEEDBACK",
    "PRODUCT_SCORES",
    "SURVEY_FUNNEL",
    "TABLES",
]
