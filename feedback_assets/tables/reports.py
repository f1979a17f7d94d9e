"""The pages that are built from the marts: no Parquet, but rebuilt when a mart is."""

from feedback_assets.schema.table import ALL_DAYS, Table
from feedback_assets.tables.marts import TABLES as MARTS

NPS_PAGE = Table(
    "reports",
    "nps",
    "One page, reports/nps.html in the warehouse: NPS, channels, customer value, comments and "
    "data quality.",
    columns=(),
    key=(),
    partitioned=False,
    depends={mart.full_name: ALL_DAYS for mart in MARTS},
)

PAGES = (NPS_PAGE,)
