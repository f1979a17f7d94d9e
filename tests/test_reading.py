"""``read_table`` and ``read_arrow`` as a notebook uses them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

import feedback_assets
from feedback_assets.tables import find_table
from tests.conftest import Project

ORDERS = find_table("unified.orders")
DAYS = [date(2024, 3, day) for day in (1, 2, 3)]


@pytest.fixture(params=["local", "memory"])
def held(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "memory":
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", f"memory://{project.home.name}/warehouse")
    for number, day in enumerate(DAYS):
        row = {
            "order_id": f"o{number}",
            "ordered_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            "net_amount": Decimal("1.10"),
        }
        project.warehouse.replace_day(
            ORDERS, day, pa.Table.from_pylist([row], schema=ORDERS.schema)
        )


@pytest.mark.usefixtures("held")
def test_a_table_reads_as_a_frame_of_arrow_types_with_its_days() -> None:
    frame = feedback_assets.read_table("unified.orders")
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["day"]) == DAYS
    assert frame["net_amount"].sum() == Decimal("3.30")
    assert all(isinstance(kind, pd.ArrowDtype) for kind in frame.dtypes)


@pytest.mark.usefixtures("held")
def test_days_and_columns_can_be_selected() -> None:
    assert feedback_assets.read_table("unified.orders", "2024-03-02", ["order_id"]).to_dict(
        "records"
    ) == [{"order_id": "o1"}]
    some = feedback_assets.read_arrow("unified.orders", (DAYS[1], None), ["day", "order_id"])
    assert some.to_pylist() == [
        {"day": DAYS[1], "order_id": "o1"},
        {"day": DAYS[2], "order_id": "o2"},
    ]


@pytest.mark.usefixtures("project")
def test_an_empty_table_has_its_columns_and_an_unknown_table_is_named() -> None:
    empty = feedback_assets.read_table("marts.nps_daily")
    assert list(empty.columns) == [*find_table("marts.nps_daily").schema.names, "day"]
    with pytest.raises(KeyError, match=r"marts\.nothing"):
        feedback_assets.read_table("marts.nothing")
    with pytest.raises(KeyError, match="colour"):
        feedback_assets.read_table("marts.nps_daily", columns=["colour"])
    with pytest.raises(ValueError, match="has no days"):
        feedback_assets.read_table("marts.customer_value", "2024-01-01")
