"""The pages that are built from the marts: no Parquet, but rebuilt when a mart is."""

from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts import TABLES as MARTS
from feedback_assets.tables.marts.customers import CUSTOMERS
from feedback_assets.tables.marts.nps_by_channel import NPS_BY_CHANNEL

NPS_PAGE = Table(
    "reports",
    "nps",
    "One page, reports/nps.html in the warehouse: what to do, channels, NPS, customer value, "
    "comments and data quality.",
    columns=(),
    key=(),
    partitioned=False,
    # The scorecard holds what nps_by_channel does, with intervals by customer; customers are read
    # through the marts that are computed from them.
    depends={mart.full_name: ALL_DAYS for mart in MARTS if mart not in (NPS_BY_CHANNEL, CUSTOMERS)},
)

PAGES = (NPS_PAGE,)
