"""The full pipeline: five providers over HTTP, Parquet by day, answers joined with orders, NPS."""

from datetime import timedelta
from decimal import Decimal

import pyarrow.compute as pc
import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.tables import ALL_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from tests.conftest import YESTERDAY, Project, configure

FIRST = YESTERDAY - timedelta(days=34)
SUMS = {
    "wicked_reports.orders": ("amount",),
    "thanx.feedbacks": ("rating",),
    "fullwhere.survey_trackers": ("clicks",),
    "feedbackpulse.submissions": ("nps_score",),
    "retargeting.order_feedback": ("score",),
    "retargeting.product_reviews": ("score",),
}


@pytest.mark.slow
def test_every_table_has_the_served_rows_and_a_second_run_changes_nothing(
    shop: Project, sandbox: Sandbox
) -> None:
    first_run = shop.backfill(FIRST, YESTERDAY)
    assert first_run.exit_code == 0, first_run.output
    truth = sandbox.truth(FIRST, YESTERDAY)
    assert set(truth) == {table.full_name for table in PROVIDER_TABLES}
    for table in PROVIDER_TABLES:
        rows = shop.warehouse.read_arrow(table)
        served = truth[table.full_name]
        assert rows.num_rows == served["rows"] > 0, table.full_name
        for column in SUMS.get(table.full_name, ()):
            assert Decimal(str(pc.sum(rows[column]).as_py())) == served[column], table.full_name
        assert len(shop.warehouse.days_held(table)) == 35

    feedback = shop.warehouse.read_arrow(find_table("unified.feedback"))
    answered = shop.warehouse.read_arrow(find_table("marts.order_feedback"))
    assert answered["feedback_id"].to_pylist() == feedback["feedback_id"].to_pylist()
    orders = shop.warehouse.read_arrow(find_table("unified.orders"))
    assert pc.sum(orders["amount"]).as_py() == truth["wicked_reports.orders"]["amount"]
    for model in ("first_click", "last_click", "linear"):
        credited = shop.run(
            "query",
            "select round(sum(responses), 6) as n from marts.nps_by_attribution "
            f"where model = '{model}'",
            "--csv",
        )
        counted = shop.run("query", "select sum(responses) as n from marts.nps_daily", "--csv")
        assert float(credited.stdout.split()[1]) == float(counted.stdout.split()[1]) > 0

    before = {table: content_hash(shop.warehouse.read_arrow(table)) for table in ALL_TABLES}
    assert shop.backfill(FIRST, YESTERDAY).exit_code == 0
    after = {table: content_hash(shop.warehouse.read_arrow(table)) for table in ALL_TABLES}
    assert after == before


@pytest.mark.slow
def test_malformed_records_are_quarantined_once_and_the_rest_of_their_pages_lands(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(quotas=False, malformed_rate=0.05, extra_fields=True)
    with running_sandbox(seed=3, days=40, customers=200, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        first = YESTERDAY - timedelta(days=9)
        for _ in range(2):
            result = project.backfill(first, YESTERDAY, "--select", "not group:marts")
            assert result.exit_code == 0, result.output
        truth = sandbox.truth(first, YESTERDAY)
        quarantined = 0
        for table in PROVIDER_TABLES:
            rows = project.warehouse.read_arrow(table)
            assert rows.num_rows == truth[table.full_name]["rows"], table.full_name
            payloads = [
                payload
                for path in quarantine_files(project.warehouse, table)
                for payload in read_quarantine_file(project.warehouse, path)["payload"].to_pylist()
            ]
            assert len(payloads) == len(set(payloads))
            quarantined += len(payloads)
        assert quarantined > 0
        served = project.warehouse.read_arrow(find_table("wicked_reports.orders"))
        assert all(served["extra"].to_pylist())


@pytest.mark.slow
def test_a_flaky_provider_is_read_completely(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(
        quotas=False, error_rate=0.05, reset_rate=0.05, truncate_rate=0.05, retry_after="seconds"
    )
    with running_sandbox(seed=5, days=40, customers=200, faults=faults) as sandbox:
        configure(monkeypatch, sandbox)
        first = YESTERDAY - timedelta(days=9)
        result = project.backfill(first, YESTERDAY, "--select", "not group:marts")
        assert result.exit_code == 0, result.output
        truth = sandbox.truth(first, YESTERDAY)
        for table in PROVIDER_TABLES:
            rows = project.warehouse.read_arrow(table)
            assert rows.num_rows == truth[table.full_name]["rows"], table.full_name
