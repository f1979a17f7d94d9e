"""Checks pass on a backfill's output and fail when their rule is broken."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from feedback_assets.assets.derived_assets import parameters
from feedback_assets.backfill.definitions import loaded_tables
from feedback_assets.checks import asset_checks as checks
from feedback_assets.checks.asset_checks import RULES, results
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.tags import days_of
from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, find_table
from feedback_assets.transforms.engine import build_whole
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from tests.assets.test_provider_assets import materialise
from tests.conftest import YESTERDAY, Project

FIRST = YESTERDAY - timedelta(days=6)


def found(project: Project, name: str, check: str, *, whole: bool = False) -> dict[str, Any]:
    table = find_table(name)
    days = None if whole or not table.partitioned else (FIRST, YESTERDAY)
    return {
        rule: numbers
        for rule, numbers, _ in results(table, project.warehouse, project.settings, days)
    }[check]


@pytest.fixture
def built(shop: Project) -> Project:
    result = shop.backfill(FIRST, YESTERDAY)
    assert result.exit_code == 0, result.output
    assert "check failed" not in result.stderr
    return shop


@pytest.mark.slow
def test_after_a_backfill_every_check_passes_and_reports_its_row_count(
    built: Project,
) -> None:
    seen = set()
    for table in loaded_tables(built.settings):
        days = (FIRST, YESTERDAY) if table.partitioned else None
        for name, numbers, _ in results(table, built.warehouse, built.settings, days):
            seen.add(name)
            assert not numbers["violations"], (table.full_name, name, numbers)
    assert {rule.name for rule in RULES} <= seen
    assert found(built, "marts.order_feedback", "every_answer_once")["feedback_rows"] > 0
    assert found(built, "unified.orders", "money_in_is_money_out")["orders_kept"] > 0
    assert found(built, "unified.attribution", "weights_add_up")["orders_and_models"] > 0
    assert found(built, "marts.nps_by_attribution", "models_add_up")["responses"] > 0
    assert found(built, "marts.channel_scorecard", "scorecard_orders_add_up")["orders"] > 0
    assert found(built, "marts.channel_scorecard", "scorecard_answers_add_up")["compared"] > 0

    _every_rule_detects_its_violation(built)


def _every_rule_detects_its_violation(project: Project) -> None:
    """Break each table in turn; one backfill serves all, as it takes seconds."""

    def change(name: str, edit: Any) -> None:
        table = find_table(name)
        if table.partitioned:
            for day in project.warehouse.days_held(table):
                rows = project.warehouse.read_arrow(table, day, day).drop_columns(["day"])
                if rows.num_rows:
                    project.warehouse.replace_day(table, day, edit(rows))
                    return
        project.warehouse.replace_whole(table, edit(project.warehouse.read_arrow(table)))

    def broken(name: str, check: str) -> bool:
        return bool(found(project, name, check)["violations"])

    scorecard, spend = "marts.channel_scorecard", find_table("ad_spend.daily")
    paid: dict[str, Any] = {"source": "google", "medium": "cpc", "campaign": "x", "currency": "EUR"}
    paid |= {"spend": Decimal(1), "covered_from": YESTERDAY, "covered_to": YESTERDAY}
    row = pa.Table.from_pylist([paid], schema=spend.schema)
    project.warehouse.replace_day(spend, YESTERDAY, row)
    assert broken(scorecard, "scorecard_spend_adds_up")
    # Its first row is that of all channels in the shortest window.
    change(scorecard, lambda rows: rows.slice(1))
    assert broken(scorecard, "scorecard_orders_add_up")
    assert broken(scorecard, "scorecard_answers_add_up")
    change("marts.customer_value_spread", lambda rows: rows.slice(1))
    assert broken("marts.customer_value_spread", "spread_adds_up")
    change("marts.order_feedback", lambda rows: rows.slice(1))
    assert broken("marts.order_feedback", "every_answer_once")
    change("marts.order_feedback", lambda rows: _with(rows, "reply", "We are sorry"))
    assert broken("marts.detractor_queue", "answered_leave_the_queue")
    change("unified.attribution", lambda rows: _with(rows, "weight", 0.3))
    assert broken("unified.attribution", "weights_add_up")
    change("unified.orders", lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]))
    assert broken("unified.orders", "keys_unique")
    assert broken("unified.orders", "money_in_is_money_out")
    _a_moved_order_belongs_to_its_later_day(project)
    assert not broken("marts.customers", "customers_money_adds_up")
    change("marts.nps_by_attribution", lambda rows: rows.slice(1))
    assert broken("marts.nps_by_attribution", "models_add_up")
    change("marts.nps_by_channel", lambda rows: rows.slice(1))
    assert broken("marts.nps_by_channel", "channels_add_up")
    change("marts.customers", lambda rows: rows.slice(1))
    assert broken("marts.customers", "customers_money_adds_up")
    change("marts.customer_value", lambda rows: rows.slice(1))
    assert broken("marts.customer_value", "classes_add_up")
    change(
        "marts.match_coverage",
        lambda rows: rows.set_column(
            2, rows.schema.field(2), pa.array([10_000_000] * rows.num_rows, pa.int64())
        ).filter(pc.is_null(rows["match_method"])),
    )
    assert broken("marts.match_coverage", "answers_are_matched")
    change("unified.feedback", lambda rows: _with(rows, "score", 11))
    assert broken("unified.feedback", "values_in_range")
    late = pc.add(pa.scalar(FIRST), pa.scalar(timedelta(days=200)))
    change("thanx.feedbacks", lambda rows: _with(_with(rows, "rating", 9), "rated_at", late))
    assert broken("thanx.feedbacks", "answers_in_reach")


def _a_moved_order_belongs_to_its_later_day(project: Project) -> None:
    """Give an order with a customer a later row without one, and rebuild its dependants."""
    orders, customers = find_table("unified.orders"), find_table("marts.customers")
    first, last = (
        project.warehouse.read_arrow(orders, day, day).drop_columns(["day"])
        for day in (FIRST, YESTERDAY)
    )
    project.warehouse.replace_day(orders, FIRST, first.slice(1))
    moved = first.filter(pc.is_valid(first["customer_email"])).slice(0, 1)
    for column in ("customer_email", "contact_id"):
        index = moved.schema.get_field_index(column)
        moved = moved.set_column(index, moved.schema.field(index), pa.nulls(1, pa.string()))
    project.warehouse.replace_day(orders, YESTERDAY, pa.concat_tables([last, moved]))
    rows = build_whole(customers, project.warehouse, parameters(project.settings))
    project.warehouse.replace_whole(customers, rows)


def _with(rows: pa.Table, column: str, value: Any) -> pa.Table:
    index = rows.schema.get_field_index(column)
    field = rows.schema.field(index)
    scalar = value if isinstance(value, pa.Scalar) else pa.scalar(value)
    return rows.set_column(index, field, pa.repeat(scalar.cast(field.type), rows.num_rows))


def checked(project: Project, name: str, check: str) -> dg.AssetCheckEvaluation:
    """Run the check as the UI's button does, without a run of the table."""
    key = dg.AssetKey(name.split("."))
    keys = project.defs.resolve_asset_graph().get_check_keys_for_assets({key})
    job = project.defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=set(keys)
    )
    with open_instance(project.settings) as instance:
        result = job.execute_in_process(instance=instance)
    (evaluation,) = [one for one in result.get_asset_check_evaluations() if one.check_name == check]
    return evaluation


@pytest.mark.slow
def test_a_check_compares_only_partitions_built_from_the_stored_inputs(shop: Project) -> None:
    mart, check = "marts.customers", "customers_money_adds_up"
    before = YESTERDAY - timedelta(days=1)
    everything = ("--select", '+key:"marts/customers"')
    assert shop.backfill(FIRST, before, *everything).exit_code == 0
    select = ("--select", 'key:"wicked_reports/orders" or key:"unified/orders"')
    assert shop.backfill(YESTERDAY, YESTERDAY, *select).exit_code == 0
    assert found(shop, mart, check)["violations"], "compared with orders that it was built without"
    evaluation = checked(shop, mart, check)
    assert evaluation.passed
    assert "inputs changed since it was built" in str(evaluation.metadata["not_compared"].value)

    assert shop.backfill(YESTERDAY, YESTERDAY, *everything).exit_code == 0
    evaluation = checked(shop, mart, check)
    assert evaluation.passed
    assert "not_compared" not in evaluation.metadata
    _only_comparable_days_of_a_range_are_compared(shop)
    table, orders = find_table(mart), find_table("unified.orders")
    shop.warehouse.replace_whole(table, shop.warehouse.read_arrow(table).slice(1))
    assert not checked(shop, mart, check).passed, "the inputs are those it was built from"
    # As between replacing and recording a file, in every concurrent backfill.
    day = shop.warehouse.read_arrow(orders, FIRST, FIRST).drop_columns(["day"])
    shop.warehouse.replace_day(orders, FIRST, day.slice(1))
    assert checked(shop, mart, check).passed


@pytest.mark.slow
def test_a_check_waits_for_a_table_that_is_built_beside_its_own(shop: Project) -> None:
    mart, check = "marts.channel_scorecard", "scorecard_answers_add_up"
    everything = ("--select", '+key:"marts/channel_scorecard"')
    result = shop.backfill(FIRST, YESTERDAY, *everything)
    assert result.exit_code == 0
    assert "check failed" not in result.stderr
    evaluation = checked(shop, mart, check)
    assert evaluation.passed
    beside = "marts.nps_by_channel"
    assert str(evaluation.metadata["not_compared"].value).startswith(f"{beside} is not built from")

    select = ("--select", f'key:"{beside.replace(".", "/")}"')
    assert shop.backfill(FIRST, YESTERDAY, *select).exit_code == 0
    assert "not_compared" not in checked(shop, mart, check).metadata
    table = find_table(beside)
    shop.warehouse.replace_whole(table, shop.warehouse.read_arrow(table).slice(1))
    assert not checked(shop, mart, check).passed, "both are built from the stored data"


def _only_comparable_days_of_a_range_are_compared(shop: Project) -> None:
    name, check = "marts.order_feedback", "every_answer_once"
    answers, table = find_table("unified.feedback"), find_table(name)
    changed, broken = [
        day
        for day in shop.warehouse.days_held(answers)
        if shop.warehouse.read_arrow(answers, day, day).num_rows
    ][:2]

    def without_first(of: Table, day: date) -> Callable[[], object]:
        """Remove a row; return a function that restores it."""
        rows = shop.warehouse.read_arrow(of, day, day).drop_columns(["day"])
        shop.warehouse.replace_day(of, day, rows.slice(1))
        return partial(shop.warehouse.replace_day, of, day, rows)

    put_back = [without_first(answers, changed)]
    evaluation = checked(shop, name, check)
    assert evaluation.passed
    assert str(evaluation.metadata["not_compared"].value).startswith(str(changed))
    put_back.append(without_first(table, broken))
    evaluation = checked(shop, name, check)
    assert not evaluation.passed
    assert evaluation.metadata["violations"].value == 1
    for put in put_back:
        put()


def test_keys_are_compared_in_batches_and_each_key_once(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = 'key:"wicked_reports/orders"'
    assert shop.backfill(FIRST, YESTERDAY, "--select", select).exit_code == 0
    table = find_table("wicked_reports.orders")
    held = shop.warehouse.read_arrow(table, YESTERDAY, YESTERDAY).drop_columns(["day"])
    shop.warehouse.replace_day(table, YESTERDAY, pa.concat_tables([held, held]))
    together = found(shop, table.full_name, "keys_unique")
    assert together["row_count"] == shop.warehouse.read_arrow(table).num_rows
    assert held.num_rows > 0
    assert together["violations"] == held.num_rows
    monkeypatch.setattr(checks, "_KEYS_AT_ONCE", 1)
    assert found(shop, table.full_name, "keys_unique") == together


def test_a_large_quarantine_and_a_missing_yesterday_warn(project: Project) -> None:
    table = find_table("thanx.feedbacks")
    assert found(project, table.full_name, "yesterday_is_there")["violations"] == 1
    now = pa.scalar(0, pa.timestamp("us", tz="UTC")).as_py()
    set_aside(project.warehouse, table, [SetAside(YESTERDAY, "id: missing", "{}")], now)
    numbers = found(project, table.full_name, "few_are_quarantined")
    assert numbers["violations"] == 1
    assert numbers["quarantined"] == 1
    assert numbers["share"] == 1.0


def test_undated_records_count_as_quarantined_for_any_checked_days(
    project: Project,
) -> None:
    table = find_table("feedbackpulse.submissions")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    aside = [SetAside(None, "created_at", f"{{{n}}}") for n in range(3)]
    aside.append(SetAside(YESTERDAY - timedelta(days=300), "created_at", "{}"))
    set_aside(project.warehouse, table, aside, long_ago)
    days = (YESTERDAY, YESTERDAY)
    checked = checks.results(table, project.warehouse, project.settings, days)
    numbers, warns = next(
        (numbers, warns) for name, numbers, warns in checked if name == "few_are_quarantined"
    )
    assert warns
    assert numbers["violations"] == 1
    assert (numbers["quarantined"], numbers["quarantined_without_day"]) == (3, 3)


@pytest.mark.parametrize("last", [FIRST, YESTERDAY])
def test_single_day_runs_and_range_runs_evaluate_checks(shop: Project, last: date) -> None:
    names = ["wicked_reports.orders", "unified.orders"]
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialise(shop, names, FIRST, last, instance)
        assert result.success
        evaluations = {
            (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
            for evaluation in result.get_asset_check_evaluations()
        }
    money = evaluations["unified/orders", "money_in_is_money_out"]
    assert money.passed
    assert money.metadata["orders_kept"].value == (
        shop.warehouse.read_arrow(find_table("unified.orders")).num_rows
    )
    assert ("wicked_reports/orders", "keys_unique") in evaluations


def test_the_days_of_a_run_are_read_from_its_tags() -> None:
    assert days_of({}) is None
    assert days_of({"dagster/partition": "2024-01-02"}) == (date(2024, 1, 2), date(2024, 1, 2))
    assert days_of(
        {
            "dagster/asset_partition_range_start": "2024-01-02",
            "dagster/asset_partition_range_end": "2024-01-05",
        }
    ) == (date(2024, 1, 2), date(2024, 1, 5))


def test_a_check_description_explains_what_it_compares(project: Project) -> None:
    described = {
        (spec.asset_key.to_user_string(), spec.name): spec.description
        for checks in project.defs.asset_checks or []
        for spec in checks.check_specs
    }
    assert {
        name: described[name, "keys_unique"]
        for name in ("marts/nps_daily", "unified/orders", "marts/product_scores")
    } == {
        "marts/nps_daily": "Each (day, provider) occurs once.",
        "unified/orders": "Each (day, order_id) occurs once.",
        "marts/product_scores": "Each real_id occurs once.",
    }
    assert described["unified/feedback", "values_in_range"] == (
        "Values are within range: score 0–10, stars 1–5."
    )


def test_every_rule_has_a_table_and_a_sql_file() -> None:
    tables: set[Table] = {find_table(rule.table) for rule in RULES}
    assert tables <= set(ALL_TABLES)
