"""Metadata of a partition's last materialisation, recorded again."""

import dagster as dg

from feedback_assets.assets.recorded import latest_metadata, record_days
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY

TABLE = find_table("marts.nps_daily")


def test_recording_a_day_again_keeps_its_metrics_but_not_its_plot_or_run_cost() -> None:
    said = {"nps": 12.5, "responses": 8, "content_hash": "abc", "requests": 3, "bytes": 900}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                NO_PREFIX.key(TABLE),
                partition=str(YESTERDAY),
                metadata={**said, "picture": dg.MetadataValue.md("![trend](data:image/png)")},
            )
        )
        found = latest_metadata(instance, TABLE, NO_PREFIX, [YESTERDAY])
        assert found == {YESTERDAY: {"nps": 12.5, "responses": 8, "content_hash": "abc"}}
        record_days(instance, TABLE, NO_PREFIX, found)
        assert latest_metadata(instance, TABLE, NO_PREFIX, [YESTERDAY]) == found
