"""``examples/two_brands``: it loads, and its own asset reads the tables of both brands."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dotenv import dotenv_values

from feedback_assets.component import FeedbackAssets
from feedback_assets.sandbox.credentials import settings_for
from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.accounts.projects import importable
from tests.conftest import YESTERDAY

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_brands"
SCORECARD = find_table("marts.channel_scorecard")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the example with the settings of its ``.env.example``."""
    root = tmp_path / "two_brands"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", "__pycache__", ".env"))
    for name, value in dotenv_values(root / ".env.example").items():
        monkeypatch.setenv(name, value or "")
    with importable(root):
        yield root


def put(root: Path, brand: str, campaign: str, nps: float) -> None:
    row = {
        "window_days": 90,
        "model": "first_click",
        "level": "campaign",
        "campaign": campaign,
        "responses": 10.0,
        "nps": nps,
    }
    needed = {column.name: column.type for column in SCORECARD.columns if not column.nullable}
    texts = {name: "x" for name, kind in needed.items() if str(kind) == "string"}
    zeros = dict.fromkeys(needed.keys() - texts.keys(), 0)
    rows = pa.Table.from_pylist([zeros | texts | row], schema=SCORECARD.schema)
    Warehouse(str(root / "data" / brand)).replace_whole(SCORECARD, rows)


def test_the_example_loads_with_the_providers_of_each_brand(example: Path) -> None:
    components = dg.ComponentTree.for_project(example).get_all_components(FeedbackAssets)
    accounts = {one.key_prefix: one.account_settings(example) for one in components}
    assert accounts["brand_a"].providers == (
        "wicked_reports",
        "thanx",
        "fullwhere",
        "feedbackpulse",
        "retargeting",
    )
    assert "thanx" not in accounts["brand_b"].providers
    assert accounts["brand_b"].zone("wicked_reports") == "Europe/Paris"
    assert accounts["brand_a"].warehouse == str(example / "data" / "brand_a")
    assert accounts["brand_a"].feedback_start_date < YESTERDAY - timedelta(days=28)


def test_its_own_asset_is_built_from_the_scorecards_of_both_brands(example: Path) -> None:
    put(example, "brand_a", "spring", 20.0)
    put(example, "brand_b", "summer", 40.0)
    defs = dg.ComponentTree.for_project(example).build_defs()
    node = defs.resolve_asset_graph().get(dg.AssetKey("best_channels"))
    assert {key.to_user_string() for key in node.parent_keys} == {
        "brand_a/marts/channel_scorecard",
        "brand_b/marts/channel_scorecard",
    }
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        asset_selection=[dg.AssetKey("best_channels")],
        instance=dg.DagsterInstance.ephemeral(),
    )
    assert result.success
    written = pq.read_table(example / "data" / "best_channels.parquet")
    assert written.select(["brand", "campaign", "nps"]).to_pylist() == [
        {"brand": "brand_b", "campaign": "summer", "nps": 40.0},
        {"brand": "brand_a", "campaign": "spring", "nps": 20.0},
    ]


def test_its_variables_are_those_that_the_sandboxes_print() -> None:
    written = dotenv_values(EXAMPLE / ".env.example")
    for brand, port in (("brand_a", 8801), ("brand_b", 8802)):
        served = settings_for(f"http://127.0.0.1:{port}", brand)
        own = {
            name.removeprefix(f"{brand.upper()}_"): value
            for name, value in written.items()
            if name.startswith(brand.upper())
        }
        assert own.items() <= served.items()
        without_thanx = {name for name in served if not name.startswith("THANX")}
        assert own.keys() == (served.keys() if brand == "brand_a" else without_thanx)
