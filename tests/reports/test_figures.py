"""The figures of the page are those of the marts, whatever of these there is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from feedback_assets.reports.figures import read_coverage, read_report, read_weeks
from feedback_assets.reports.report import LEVELS, SMALLER, WINDOWS, Bounds
from feedback_assets.tables import MART_TABLES, find_table
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse
from tests.reports.conftest import (
    CHANNELS,
    DAYS,
    HOSTILE,
    LAST,
    MODELS,
    Marts,
    answer,
    channels,
    daily,
    waiting,
)

USED = {table.full_name for table in MART_TABLES} - {"marts.nps_by_attribution"}


def test_a_period_is_the_sum_of_its_days_and_the_one_before_that_of_as_many(full: Marts) -> None:
    report = read_report(full.warehouse)
    assert [period.window_days for period in report.periods] == list(WINDOWS)
    for period in report.periods:
        window = period.window_days
        first = LAST - timedelta(days=window - 1)
        now = full.sums("marts.nps_daily", first, LAST)
        counts = period.now
        shown = (counts.responses, counts.promoters, counts.passives, counts.detractors)
        assert shown == now
        if 2 * window > DAYS:
            assert period.before is None, "not all of the days before are held"
            continue
        before = full.sums(
            "marts.nps_daily", first - timedelta(days=window), first - timedelta(days=1)
        )
        assert period.before is not None
        assert period.before.responses == before[0]
        assert period.before.nps == pytest.approx(100 * (before[1] - before[3]) / before[0])
        assert (period.sent, period.answered) == (36 * window, 8 * window)
        assert (period.sent_before, period.answered_before) == (36 * window, 8 * window)


def test_a_missing_day_before_means_no_comparison_and_is_counted(marts: Marts) -> None:
    gone = LAST - timedelta(days=9)
    marts.put("marts.nps_daily", (row for row in daily(days=20) if row["day"] != gone))
    report = read_report(marts.warehouse)
    week = report.period(7)
    assert week is not None
    assert week.before is None
    assert week.days_before == 6
    assert report.missing_days == 1


def test_the_weeks_add_up_to_all_answers_and_begin_on_mondays(full: Marts) -> None:
    report = read_report(full.warehouse)
    whole = full.sums("marts.nps_daily", date.min, date.max)
    assert sum(week.counts.responses for week in report.weeks) == whole[0]
    assert {week.first.weekday() for week in report.weeks} == {0}
    assert read_weeks(full.warehouse) == report.weeks


def test_on_each_level_a_model_adds_up_to_the_same_answers(full: Marts) -> None:
    report = read_report(full.warehouse)
    whole = sum(channel[3] for channel in CHANNELS)
    for window in WINDOWS:
        for model in MODELS:
            for level in LEVELS:
                found = report.chosen(window, model, level)
                assert sum(c.counts.responses for c in found) == pytest.approx(whole)
    by_medium = {c.name: c for c in report.chosen(90, "linear", "medium")}
    assert by_medium["cpc"].counts.responses == 212
    assert by_medium["cpc"].counts.promoters == pytest.approx(200 * 0.7 + 12)


def test_small_channels_are_not_compared_and_those_that_stand_out_are_named(full: Marts) -> None:
    report = read_report(full.warehouse)
    verdicts = {c.name: c.verdict for c in report.chosen(90, "last_click", "campaign")}
    assert verdicts == {
        "google / cpc / brand": "above",
        "tiktok / paid_social / flash": "below",
        "mail / email / news": "alike",
        "bing / cpc / brand": "few",
        "(unmatched)": "uncredited",
        "(unattributed)": "uncredited",
    }


def test_of_very_many_channels_the_largest_are_named_and_the_rest_is_one_row(marts: Marts) -> None:
    many = [("s", "m", f"c{n:04}", 1000 - n, 0.5, 0.2) for n in range(400)]
    marts.put("marts.nps_daily", daily(days=2))
    marts.put("marts.nps_by_channel", channels([*many, CHANNELS[-1]]))
    report = read_report(marts.warehouse, bounds=Bounds(channels=10))
    found = report.chosen(90, "linear", "campaign")
    assert len(found) == 12
    (rest,) = [c for c in found if c.name == SMALLER]
    assert rest.channels == 390
    assert rest.verdict == "smaller"
    whole = sum(channel[3] for channel in many) + CHANNELS[-1][3]
    assert sum(c.counts.responses for c in found) == pytest.approx(whole)


def test_what_a_class_bought_stands_apart_by_currency_the_one_of_most_first(full: Marts) -> None:
    values = read_report(full.warehouse).values
    assert [(v.nps_class, v.currency) for v in values] == [
        ("promoter", "EUR"),
        ("detractor", "EUR"),
        ("promoter", "USD"),
        ("(no answer)", None),
    ]
    rows = {(row["nps_class"], row["currency"]): row for row in full.rows["marts.customer_value"]}
    for shown in values:
        row = rows[shown.nps_class, shown.currency]
        assert shown.per_customer == row["net_amount_per_customer"]
        assert shown.net_amount == row["net_amount"]
        assert shown.repeat_rate == row["repeat_rate"]


def test_the_funnel_is_the_sum_of_its_days(full: Marts) -> None:
    surveys = read_report(full.warehouse).surveys
    assert {(s.survey_name, s.planned, s.sent, s.clicked, s.answered) for s in surveys} == {
        (name, 20 * DAYS, 18 * DAYS, 9 * DAYS, 4 * DAYS) for name in ("After delivery", "Returns")
    }


def test_products_with_few_reviews_stand_last_and_unranked(full: Marts) -> None:
    products = read_report(full.warehouse).products
    assert [p.real_id for p in products if p.is_enough] == ["p7", "p6", "p5", "p4", "p3", "p2"]
    assert {p.real_id for p in products[-2:]} == {"p0", "p1"}
    assert products[-1].name == "p0", "a product without a name goes by its id"


def test_those_who_wait_come_first_then_the_newest_and_no_spam(full: Marts) -> None:
    said = read_report(full.warehouse).said
    assert said.waiting == len(HOSTILE) + 2
    assert said.waiting_comments == said.shown_waiting == len(HOSTILE)
    queue, rest = said.shown[: len(HOSTILE)], said.shown[len(HOSTILE) :]
    assert [comment.text for comment in queue] == list(HOSTILE), "as written"
    assert all(comment.waits for comment in queue)
    assert not any(comment.waits for comment in rest)
    times = [comment.responded_at for comment in rest]
    assert times == sorted(times, reverse=True)
    assert times[0].tzinfo is not None
    assert "spam" not in {comment.text for comment in said.shown}
    assert len({comment.feedback_id for comment in said.shown}) == len(said.shown)
    assert said.comments == 40 + 2 * len(HOSTILE)


def test_of_very_many_comments_the_newest_are_held_and_long_ones_cut(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=2))
    marts.put("marts.order_feedback", (answer(n, "word " * 1000) for n in range(900)))
    marts.put("marts.detractor_queue", (waiting(n, "late") for n in range(30)))
    bounds = Bounds(waiting=10, comments=25, characters=100)
    said = read_report(marts.warehouse, bounds=bounds).said
    assert (said.shown_waiting, len(said.shown)) == (10, 35)
    assert (said.waiting, said.comments) == (30, 900)
    assert [comment.days_waiting for comment in said.shown[:10]] == list(range(10))
    assert {len(comment.text) for comment in said.shown[10:]} == {100}
    assert said.shown[-1].text.endswith("…")


def test_coverage_days_missing_and_rows_set_aside_are_told(own: Marts) -> None:
    thanx = find_table("thanx.feedbacks")
    for day in (LAST, LAST - timedelta(days=3)):
        own.warehouse.replace_day(thanx, day, thanx.schema.empty_table())
    records = [SetAside(LAST, "no id", "{}"), SetAside(None, "no date", '{"a": 1}')]
    set_aside(own.warehouse, thanx, records, datetime(2026, 11, 21, tzinfo=UTC))
    read_at = datetime(2026, 11, 21, 6, tzinfo=UTC)
    report = read_report(own.warehouse, read_at={"thanx.feedbacks": read_at})
    assert report.coverage == (
        ("thanx", "customer_id", 20),
        ("thanx", "none", 20),
        ("thanx", "order_id", 60),
    )
    assert read_coverage(own.warehouse) == report.coverage
    (source,) = report.sources
    assert source.missing == (LAST - timedelta(days=2), LAST - timedelta(days=1))
    assert source.quarantined == 2
    assert report.read_at == read_at


def test_an_empty_warehouse_gives_an_empty_report(marts: Marts) -> None:
    report = read_report(marts.warehouse)
    assert report.last_day is None
    # The page needs no days of nps_by_attribution: nps_by_channel sums them.
    assert set(report.absent) == USED
    assert not report.periods
    assert not report.said.shown
    assert not report.windows


def test_a_mart_that_is_not_there_leaves_the_others(own: Marts) -> None:
    gone = set()
    # One after the other, the one with the last day first, until none is left.
    for table in (find_table("marts.nps_daily"), *MART_TABLES):
        for path in own.warehouse.files(table):
            own.warehouse.filesystem.rm(path)
        gone.add(table.full_name)
        report = read_report(own.warehouse)
        assert gone & USED <= set(report.absent)
        assert bool(report.values) == ("marts.customer_value" not in gone)
        assert bool(report.products) == ("marts.product_scores" not in gone)


def test_a_window_longer_than_all_that_is_held_is_offered_once(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=20))
    marts.put("marts.nps_by_channel", channels())
    assert read_report(marts.warehouse).windows == (7, 30)


def test_a_remote_warehouse_gives_the_same_figures(full: Marts) -> None:
    remote = Marts(Warehouse("memory://report-figures"))
    for name, rows in full.rows.items():
        remote.put(name, rows)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    local = read_report(full.warehouse, built_at=at)
    assert read_report(remote.warehouse, built_at=at) == local
