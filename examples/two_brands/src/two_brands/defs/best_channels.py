"""The project's own asset: the campaigns of both brands, ordered by NPS."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feedback_assets.component import WarehouseResource

BRANDS = ("brand_a", "brand_b")
FILE = Path(__file__).parents[3] / "data" / "best_channels.parquet"
COLUMNS = ["source", "campaign", "currency", "orders", "net_amount", "responses", "nps"]


@dg.asset(
    deps=[[brand, "marts", "channel_scorecard"] for brand in BRANDS],
    automation_condition=dg.AutomationCondition.eager(),
    group_name="agency",
    kinds={"parquet"},
)
def best_channels(
    brand_a_warehouse: WarehouseResource, brand_b_warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """Both brands' campaigns with answers in the last 90 days, highest NPS first."""
    warehouses = dict(zip(BRANDS, (brand_a_warehouse, brand_b_warehouse), strict=True))
    parts = [_campaigns(brand, warehouse) for brand, warehouse in warehouses.items()]
    rows = pa.concat_tables(parts).sort_by([("nps", "descending"), ("responses", "descending")])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, FILE)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows.num_rows, "path": str(FILE)})


def _campaigns(brand: str, warehouse: WarehouseResource) -> pa.Table:
    rows = warehouse.read_arrow("marts.channel_scorecard")
    wanted = (
        (pc.field("window_days") == 90)
        & (pc.field("model") == "first_click")
        & (pc.field("level") == "campaign")
        & (pc.field("responses") > 0)
    )
    found = rows.filter(wanted).select(COLUMNS)
    return found.add_column(0, "brand", pa.array([brand] * found.num_rows, pa.string()))
