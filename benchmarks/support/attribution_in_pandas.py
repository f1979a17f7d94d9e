"""unified.attribution as an analyst would compute it in pandas: ``WAREHOUSE DIRECTORY``.

Prints rows and the sum of the weights, to be compared with the table's.
"""

import os
import sys

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from feedback_assets.store.layout import Warehouse
from feedback_assets.tables import find_table

GIVEN = ("first_click", "first_optin", "re_optin", "last_click")
PARTS = ("source", "medium", "campaign", "content", "term")


def given(orders: pd.DataFrame, touches: object) -> pd.DataFrame:
    found = []
    for model in GIVEN:
        touch = pc.struct_field(touches, model)
        frame = orders[["order_id", "ordered_at"]].copy()
        frame["model"] = model
        frame["touched_at"] = pc.struct_field(touch, "date").to_pandas()
        for part in PARTS:
            frame[part] = pc.struct_field(touch, part).to_pandas()
            frame[part] = frame[part].where(frame[part].str.strip() != "")
        found.append(frame.dropna(subset=["touched_at", *PARTS], how="all"))
    every = pd.concat(found)
    return every.assign(touch_index=1, touch_count=1, weight=1.0)


def computed(orders: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    pairs = orders.merge(clicks, on="contact_id")
    age = pairs.ordered_at - pairs.touched_at
    pairs = pairs[(age >= pd.Timedelta(0)) & (age <= pd.Timedelta(days=30))]
    pairs = pairs.sort_values(["order_id", "touched_at", "tracking_url"])
    by_order = pairs.groupby("order_id", sort=False)
    pairs["touch_index"] = by_order.cumcount() + 1
    pairs["touch_count"] = by_order.contact_id.transform("size")
    days = (pairs.ordered_at - pairs.touched_at).dt.total_seconds() / 86400
    pairs["decay"] = 0.5 ** (days / 7)
    total = pairs.groupby("order_id", sort=False).decay.transform("sum")
    count, index = pairs.touch_count, pairs.touch_index
    ends = (index == 1) | (index == count)
    position = np.select(
        [count == 1, count == 2, ends], [1.0, 0.5, 0.4], 0.2 / (count - 2).where(count > 2, 1)
    )
    weights = {
        "linear": 1 / count,
        "position_based": position,
        "time_decay": pairs.decay / total,
    }
    return pd.concat([pairs.assign(model=name, weight=w) for name, w in weights.items()])


def main(root: str, directory: str) -> None:
    warehouse = Warehouse(root)
    held = warehouse.read_arrow(
        find_table("wicked_reports.orders"), columns=("id", "date", "contact", "attributions")
    )
    orders = pd.DataFrame(
        {
            "order_id": held.column("id").to_pandas(),
            "ordered_at": held.column("date").to_pandas(),
            "contact_id": pc.struct_field(held.column("contact"), "id").to_pandas(),
        }
    )
    seen = warehouse.read_arrow(
        find_table("wicked_reports.clicks"), columns=("contact_id", "date", "utms", "tracking_url")
    )
    clicks = pd.DataFrame(
        {
            "contact_id": seen.column("contact_id").to_pandas(),
            "touched_at": seen.column("date").to_pandas(),
            "tracking_url": seen.column("tracking_url").to_pandas(),
            **{part: pc.struct_field(seen.column("utms"), part).to_pandas() for part in PARTS},
        }
    )
    columns = [column.name for column in find_table("unified.attribution").columns]
    every = pd.concat([given(orders, held.column("attributions")), computed(orders, clicks)])
    every = every[columns].sort_values(["ordered_at", "order_id", "model", "touch_index"])
    every["day"] = every.ordered_at.dt.strftime("%Y-%m-%d")
    every.to_parquet(directory, partition_cols=["day"], compression="zstd", index=False)
    print(len(every), round(float(every.weight.sum())))


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Once, on a busy machine, the process was aborted after its last line, while the libraries'
    # threads were taken down: what is measured ends here.
    sys.stdout.flush()
    os._exit(0)
