"""The prefix of an account changes names only: rows, hashes and paths stay the same."""

import os
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.assets.recorded import read_recorded
from feedback_assets.definitions import build_defs
from feedback_assets.environment.account import Account
from feedback_assets.runtime.tags import range_tags
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings, load_settings
from feedback_assets.tables import find_table
from feedback_assets.transforms.inputs import Recorded
from tests.conftest import YESTERDAY, Project

TABLES = [
    "wicked_reports.contacts",
    "wicked_reports.clicks",
    "wicked_reports.orders",
    "feedbackpulse.submissions",
    "unified.feedback",
    "unified.orders",
    "unified.attribution",
    "marts.order_feedback",
    "marts.nps_daily",
]
FIRST = YESTERDAY - timedelta(days=6)
SECRET = "the same secret for both accounts"


def built(settings: Settings, first: date, last: date) -> dict[str, Recorded]:
    """What the instance has recorded of each table after a run of these days."""
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_defs(settings).resolve_implicit_global_asset_job_def()
        job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(settings.names.path(name)) for name in TABLES],
            tags=range_tags(first, last),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return {name: read_recorded(instance, find_table(name), settings.names) for name in TABLES}


@pytest.mark.slow
def test_an_account_with_a_prefix_has_the_hashes_of_one_without(
    shop: Project, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", SECRET)
    plain = shop.settings
    own = sandbox.environment() | {
        "FEEDBACK_CUSTOMER_SECRET": SECRET,
        "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
    }
    for name, value in own.items():
        monkeypatch.setenv(f"BRAND_A_{name}", value)
    prefixed = load_settings(
        os.environ,
        Account(
            Names("brand_a", "brand_a"),
            {
                "FEEDBACK_WAREHOUSE": "brand_a",
                "FEEDBACK_START_DATE": str(plain.feedback_start_date),
            },
            "in the defs.yaml",
            {},
            tmp_path,
        ),
    )
    without, with_prefix = built(plain, FIRST, YESTERDAY), built(prefixed, FIRST, YESTERDAY)
    for name in TABLES:
        assert without[name].content == with_prefix[name].content, name
        assert without[name].built_from == with_prefix[name].built_from, name
        assert without[name].built_by == with_prefix[name].built_by, name
        assert any(without[name].content.values()), name
    files = {
        Path(path).relative_to(root).parent
        for root in [Path(plain.warehouse)]
        for path in root.rglob("*.parquet")
    }
    root = Path(prefixed.warehouse)
    assert {path.relative_to(root).parent for path in root.rglob("*.parquet")} == files
