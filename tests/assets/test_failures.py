"""If the warehouse location is unusable, every asset fails with one line."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.assets.failures import in_one_line, trouble_failure
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.settings import load_settings
from feedback_assets.tables import ALL_TABLES, REPORT_PAGES, find_table
from feedback_assets.warehouse.erased import ErasureKeyMissing
from feedback_assets.warehouse.remote import StoreTrouble
from feedback_assets.warehouse.stored_files import NotWritten
from tests.conftest import YESTERDAY, Project

BEFORE = YESTERDAY - timedelta(days=1)
SPAN = f"{BEFORE} to {YESTERDAY}"
(PAGE,) = REPORT_PAGES
TABLES = {table.full_name: table for table in (*ALL_TABLES, PAGE)}


def _failure(project: Project, name: str) -> Any:
    """The failure event of the failed step, after a run of two days."""
    table = TABLES[name]
    tags = {
        "dagster/asset_partition_range_start": str(BEFORE),
        "dagster/asset_partition_range_end": str(YESTERDAY),
        "dagster/max_retries": "0",
    }
    with dg.DagsterInstance.ephemeral() as instance:
        result = project.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(NO_PREFIX.key(table))],
            tags=tags if table.partitioned else {},
            raise_on_error=False,
        )
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("feedbackpulse.submissions", f"feedbackpulse.submissions, {SPAN}: "),
        ("unified.orders", f"unified.orders, {SPAN}: "),
        ("marts.customer_value", "marts.customer_value: "),
        ("reports.nps", "reports.nps: "),
    ],
)
def test_a_warehouse_without_usable_locks_fails_every_asset_in_one_line(
    shop: Project, name: str, begins: str
) -> None:
    root = Path(shop.settings.warehouse)
    root.mkdir(parents=True)
    locks = root / ".locks"
    # A file where a directory is expected.
    (root / "reports" if name == "reports.nps" else locks).write_text("a file")
    data = _failure(shop, name)
    said = data.user_failure_data.description
    assert said.startswith(begins + str(root))
    assert len(said.splitlines()) == 1
    assert "FEEDBACK_WAREHOUSE" in said
    assert "Error" not in said
    # The error has no cause attached: the UI shows the line without the original error.
    assert data.error.cause is None
    assert data.error.context is None


def test_a_changed_customer_secret_is_reported_in_one_line(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the first of two secrets")
    result = shop.backfill(BEFORE, YESTERDAY, "--select", 'key:"unified/orders"')
    assert result.exit_code == 0
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the second of two secrets")
    said = _failure(shop, "unified.orders").user_failure_data.description
    assert said.startswith(f"unified.orders, {SPAN}: FEEDBACK_CUSTOMER_SECRET has changed")


def test_transient_errors_are_retried_and_bugs_are_not_caught() -> None:
    table = find_table("unified.orders")
    for error, again in (
        (StoreTrouble("busy", transient=True), True),
        (NotWritten("a", "the disk is full"), False),
        (ErasureKeyMissing(), False),
    ):
        assert trouble_failure(error, [table], None).allow_retries is again

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_one_line(broken, table, None, load_settings())
