"""The figures of the page match the marts, whichever marts exist."""

from datetime import UTC, date, datetime, timedelta

import pytest

from feedback_assets.reports import scorecard_words, words
from feedback_assets.reports.figures import read_coverage, read_report, read_weeks
from feedback_assets.reports.report import Bounds, Freshness, Replies
from feedback_assets.reports.rows import week_rows
from feedback_assets.reports.scorecard_report import MODELS as MODELS_IN_ORDER
from feedback_assets.scorecard.ranking import pull
from feedback_assets.scorecard.selection import tipping_ratio
from feedback_assets.summary.reading import read_scorecard as read_summary
from feedback_assets.tables import MART_TABLES, find_table
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse
from tests.reports.conftest import HOSTILE, Marts, answer, daily, waiting
from tests.reports.shop import CHANNELS, DAYS, LAST, MODELS, Shown, by_day, scorecard

USED = {table.full_name for table in MART_TABLES} - {"marts.nps_by_channel", "marts.customers"}


def test_a_period_sums_its_days_and_compares_with_the_same_number_before(full: Marts) -> None:
    report = read_report(full.warehouse)
    assert [period.window_days for period in report.periods] == [7, 30, 90], "62 days are stored"
    for period in report.periods:
        window = period.window_days
        first = LAST - timedelta(days=window - 1)
        now = full.sums("marts.nps_daily", first, LAST)
        counts = period.now
        shown = (counts.responses, counts.promoters, counts.passives, counts.detractors)
        assert shown == now
        if 2 * window > DAYS:
            assert period.before is None, "some of the days before are missing"
            continue
        before = full.sums(
            "marts.nps_daily", first - timedelta(days=window), first - timedelta(days=1)
        )
        assert period.before is not None
        assert period.before.responses == before[0]
        assert period.before.nps == pytest.approx(100 * (before[1] - before[3]) / before[0])
        assert (period.sent, period.answered) == (36 * window, 8 * window)
        assert (period.sent_before, period.answered_before) == (36 * window, 8 * window)


def test_a_missing_earlier_day_prevents_the_comparison_and_is_counted(marts: Marts) -> None:
    gone = LAST - timedelta(days=9)
    marts.put("marts.nps_daily", (row for row in daily(days=20) if row["day"] != gone))
    report = read_report(marts.warehouse)
    week = report.period(7)
    assert week is not None
    assert week.before is None
    assert week.days_before == 6
    assert report.missing_days == 1


def test_a_period_counts_customers_where_the_scorecard_has_its_answers(marts: Marts) -> None:
    days = daily(days=200)
    answers = sum(row["responses"] for row in days if (LAST - row["day"]).days < 30)
    marts.put("marts.nps_daily", days)
    rows = scorecard([Shown("google", "cpc", "brand", answers, 0.6, 0.2, before=10)])
    customers = {"nps_low": 1.0, "nps_high": 2.0, "nps_change_low": 3.0, "nps_change_high": 4.0}
    marts.put("marts.channel_scorecard", [row | customers | {"change_z": 1.96} for row in rows])
    report = read_report(marts.warehouse)
    month, quarter = report.period(30), report.period(90)
    assert month
    assert quarter
    assert month.interval == (1, 2)
    assert month.difference
    assert (month.difference.low, month.difference.high) == (3, 4)
    assert month.difference.p == pytest.approx(0.05, abs=0.001)
    assert quarter.by_customers is None, "other answers: those of nps_daily count"
    assert quarter.interval == quarter.now.interval


def test_weeks_start_on_monday_and_add_up_to_all_answers(full: Marts) -> None:
    report = read_report(full.warehouse)
    whole = full.sums("marts.nps_daily", date.min, date.max)
    assert sum(week.counts.responses for week in report.weeks) == whole[0]
    assert {week.first.weekday() for week in report.weeks} == {0}
    assert read_weeks(full.warehouse) == report.weeks


def test_weeks_that_were_never_read_break_the_line_and_the_running_week_is_incomplete(
    marts: Marts,
) -> None:
    rows = daily(days=40)
    monday = LAST - timedelta(days=LAST.weekday() + 14)
    unread = [monday + timedelta(days=n) for n in range(7)]
    marts.put("marts.nps_daily", (row for row in rows if row["day"] not in unread))
    weeks = {week.first: week for week in read_report(marts.warehouse).weeks}
    assert (weeks[monday].days, weeks[monday].counts.responses) == (0, 0)
    assert weeks[monday - timedelta(days=7)].is_complete
    assert not weeks[max(weeks)].is_complete, "the last day is a Friday"
    drawn = {row["week"]: row for row in week_rows(list(weeks.values()), 30)}
    assert drawn[monday.isoformat()]["nps"] is None
    assert not drawn[max(weeks).isoformat()]["complete"]


def test_a_view_has_the_whole_of_the_mart_in_its_rows_in_every_model_and_level(full: Marts) -> None:
    card = read_report(full.warehouse).scorecard
    whole = sum(channel.answers for channel in CHANNELS)
    assert card.models == tuple(model for model in MODELS_IN_ORDER if model in MODELS)
    assert card.windows == (7, 30, 90)
    for view in card.views:
        parts = [line for line in view.lines if line.verdict != "whole"]
        assert sum(line.answers["responses"] or 0 for line in parts) == pytest.approx(whole)
        (total,) = [line for line in view.lines if line.verdict == "whole"]
        assert total.answers["responses"] == whole
        assert sum(line.money["EUR"]["orders"] for line in parts) == total.money["EUR"]["orders"]
    by_medium = card.view(90, "linear", "medium")
    assert by_medium
    assert "google/cpc" in [line.label for line in by_medium.lines]


def test_channels_are_sorted_by_shrunken_nps_the_untested_after_them_and_sums_last(
    full: Marts,
) -> None:
    shown = read_report(full.warehouse).scorecard.shown
    assert shown
    assert (shown.window_days, shown.model, shown.level) == (90, "first_click", "campaign")
    assert [(line.label, line.verdict) for line in shown.lines] == [
        ("podcast/read", "above"),
        ("google/brand", "above"),
        ("mail/news", "alike"),
        ("tiktok/flash", "below"),
        ("bing/brand", "few"),
        ("radio/spot", "few"),
        ("print/flyer", "few"),
        ("(unmatched)", "uncredited"),
        ("(unattributed)", "uncredited"),
        ("All", "whole"),
    ]
    pulled = pull(
        *zip(
            *(
                (row["nps_adjusted"], row["nps_se"])
                for row in full.rows["marts.channel_scorecard"]
                if (row["window_days"], row["model"], row["level"], row["currency"])
                == (90, "first_click", "campaign", "(all)")
                and row.get("effective_responses", 0) >= 20
                and not row["source"].startswith("(")
            ),
            strict=True,
        )
    )
    assert shown.average == pytest.approx(pulled.average)


def test_channels_that_cannot_be_told_apart_are_not_ranked(marts: Marts) -> None:
    alike = [Shown("s", "m", name, 40 + n, 0.5, 0.25) for n, name in enumerate("abcd")]
    marts.put("marts.nps_daily", daily(days=40))
    marts.put("marts.nps_by_attribution", by_day(alike))
    marts.put("marts.channel_scorecard", scorecard(alike))
    shown = read_report(marts.warehouse).scorecard.shown
    assert shown
    assert shown.average is None
    assert [line.label for line in shown.lines] == ["s/d", "s/c", "s/b", "s/a", "All"]
    assert "there is no ranking" in scorecard_words.order(shown)


def test_figures_appear_from_the_number_of_customers_that_supports_them(full: Marts) -> None:
    shown = read_report(full.warehouse).scorecard.shown
    assert shown
    lines = {line.label: line for line in shown.lines}
    assert "nps_low" not in lines["radio/spot"].answers, "3 customers: no interval"
    assert "nps_low" in lines["bing/brand"].answers, "12 customers: an interval, but no test"
    assert "cost_per_promoter" in lines["bing/brand"].money["EUR"]
    assert "per_customer" not in lines["radio/spot"].money["EUR"], "3 customers: the sum alone"
    few = lines["bing/brand"].money["EUR"]
    assert (few["per_customer"], few["q1"], few["q3"]) == (80, 40, 130), "12: median, quartiles"
    many = lines["google/brand"].money["EUR"]
    assert (many["per_customer"], many["per_low"], many["per_high"]) == (100, 90, 115)


def test_many_channels_show_the_largest_and_one_row_of_sums_for_the_rest(marts: Marts) -> None:
    many = [
        Shown("s", "m", f"c{n:04}", 400 - n, 0.5, 0.2, spend=10**6 if n == 399 else None)
        for n in range(400)
    ]
    marts.put("marts.nps_daily", daily(days=40))
    marts.put("marts.nps_by_attribution", by_day(many[:1]))
    marts.put("marts.channel_scorecard", scorecard([*many, CHANNELS[-1]], windows=(90,)))
    card = read_report(marts.warehouse, bounds=Bounds(channels=10)).scorecard
    view = card.view(90, "linear", "campaign")
    assert view
    assert view.count("above", "below", "alike", "few") == 10
    assert "s/c0399" in [line.label for line in view.lines], "the largest spend is shown too"
    (rest,) = [line for line in view.lines if line.verdict == "smaller"]
    assert rest.channels == 390
    assert "nps_low" not in rest.answers, "intervals do not add up"
    (total,) = [line for line in view.lines if line.verdict == "whole"]
    parts = [line for line in view.lines if line.verdict != "whole"]
    for key in ("orders", "net_amount", "new_customers"):
        added = sum(line.money["EUR"][key] for line in parts)
        assert added == pytest.approx(total.money["EUR"][key])


def test_the_findings_are_those_of_the_terminal(full: Marts) -> None:
    report = read_report(full.warehouse)
    decisions = report.scorecard.decisions
    assert decisions == read_summary(full.warehouse).decisions
    assert decisions
    assert len(decisions.findings) <= 5


def test_spend_without_orders_is_listed_beside_channels_without_spend(full: Marts) -> None:
    card = read_report(full.warehouse).scorecard
    assert [each.names for each in card.unsold] == [("print", "ad", "flyer")]
    assert [each.names[0] for each in card.unspent] == ["mail", "radio"]
    assert card.unsold[0].spend == 700


@pytest.mark.parametrize("name", ["(all)", "(unmatched)", "(smaller ones)"])
def test_a_channel_that_has_the_name_of_a_sum_does_not_stop_the_page(
    marts: Marts, name: str
) -> None:
    found = [*CHANNELS[:3], Shown(name, name, "x", 40, 0.5, 0.2)]
    marts.put("marts.nps_daily", daily(days=40))
    marts.put("marts.nps_by_attribution", by_day(found))
    marts.put("marts.channel_scorecard", scorecard(found))
    views = read_report(marts.warehouse).scorecard.views
    assert views
    for view in views:
        assert [line.verdict for line in view.lines].count("whole") == 1
        assert view.lines[-1].label == "All"
        assert len(view.lines) == len(found) + 1


def test_a_trend_has_a_gap_where_few_answered(full: Marts) -> None:
    shown = read_report(full.warehouse).scorecard.shown
    assert shown
    trends = dict(zip((line.label for line in shown.lines), shown.trends, strict=True))
    brand = trends["google/brand"]
    assert brand
    assert brand[-1] == pytest.approx(60)
    assert brand[0] is None, "not read"
    assert trends["radio/spot"] is None


def test_an_nps_is_weighted_by_the_channels_orders_if_first_and_later_ones_were_answered(
    marts: Marts,
) -> None:
    rows = scorecard([CHANNELS[0], CHANNELS[1]])
    for row in rows:
        if (row["source"], row["currency"]) == ("google", "(all)"):
            row |= {"first_responses": 20.0, "first_nps": -60.0}
    marts.put("marts.nps_daily", daily(days=40))
    marts.put("marts.nps_by_attribution", by_day(CHANNELS[:2]))
    marts.put("marts.channel_scorecard", rows)
    found = {each.label: each for each in read_report(marts.warehouse).scorecard.answering}
    brand = found["google/brand"]
    # 150 first and 250 later orders; the later 180 answers: (60 × 200 + 60 × 20) / 180.
    assert brand.standardised == pytest.approx((150 * -60 + 250 * 13200 / 180) / 400)
    assert brand.is_moved
    assert not found["tiktok/flash"].is_moved
    assert brand.tipping == pytest.approx(tipping_ratio(140, 40, 20, -40))


def test_purchases_of_a_class_are_split_by_currency_largest_first(full: Marts) -> None:
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
        assert shown.net_amount == row["net_amount"]
        assert shown.repeat_rate == row["repeat_rate"]
    promoter, detractor, few, silent = values
    assert (promoter.spread["per_low"], promoter.spread["per_high"]) == (280.1, 330.1)
    assert (detractor.spread["per_customer"], "per_low" in detractor.spread) == (140.05, False)
    assert not few.spread, "four customers: the sum alone"
    assert not silent.spread
    assert (promoter.returned, detractor.returned) == (0.75, 0.25)


def test_the_funnel_is_the_sum_of_its_days(full: Marts) -> None:
    surveys = read_report(full.warehouse).surveys
    assert {(s.survey_name, s.planned, s.sent, s.clicked, s.answered) for s in surveys} == {
        (name, 20 * DAYS, 18 * DAYS, 9 * DAYS, 4 * DAYS) for name in ("After delivery", "Returns")
    }


def test_products_with_few_reviews_come_last_and_unranked(full: Marts) -> None:
    products = read_report(full.warehouse).products
    assert [p.real_id for p in products if p.is_enough] == ["p7", "p6", "p5", "p4", "p3", "p2"]
    assert {p.real_id for p in products[-2:]} == {"p0", "p1"}
    assert products[-1].name == "p0", "a product without a name goes by its id"


def test_waiting_customers_come_first_then_the_newest_without_spam(full: Marts) -> None:
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


def test_only_the_newest_comments_are_kept_and_long_comments_are_cut(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=2))
    marts.put("marts.order_feedback", (answer(n, "word " * 1000) for n in range(900)))
    marts.put("marts.detractor_queue", (waiting(n, "late") for n in range(30)))
    bounds = Bounds(waiting=10, comments=25, characters=100)
    now = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
    said = read_report(marts.warehouse, bounds=bounds, built_at=now).said
    assert (said.shown_waiting, len(said.shown)) == (10, 35)
    assert (said.waiting, said.comments) == (30, 900)
    counted = [comment.days_waiting for comment in said.shown[:10]]
    assert counted == [n + 2 for n in range(10)], "to today, not to the last stored day"
    assert {len(comment.text) for comment in said.shown[10:]} == {100}
    assert said.shown[-1].text.endswith("…")


def test_coverage_missing_days_and_quarantined_rows_are_reported(own: Marts) -> None:
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


def test_waiting_times_end_when_the_page_is_built(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily())
    marts.put("marts.detractor_queue", [waiting(days, None) for days in (1, 2, 9)])
    noon = datetime(LAST.year, LAST.month, LAST.day, 12, tzinfo=UTC)
    report = read_report(marts.warehouse, built_at=noon + timedelta(days=1))
    assert (report.said.longest_days, report.said.median_days) == (10, 3)
    assert words.waited(report) == "The longest wait is 10 days, the median 3 days."


def test_the_share_answered_within_a_day_is_of_providers_that_report_reply_times(
    marts: Marts,
) -> None:
    unhappy = {"score": 2, "nps_class": "detractor"}
    # Answers 1 to 4 are as many days old; the one of the last stored day may still be answered.
    at = [answer(number, None)["responded_at"] for number in range(5)]
    silent = {"feedback_id": "retargeting:9", "provider": "retargeting"}
    marts.put("marts.nps_daily", daily())
    marts.put(
        "marts.order_feedback",
        [
            answer(0, None, **unhappy),
            answer(1, None, **unhappy, reply="Sorry", replied_at=at[1] + timedelta(hours=24)),
            answer(2, None, **unhappy, reply="Sorry", replied_at=at[2] + timedelta(hours=25)),
            answer(3, None, **unhappy),
            answer(4, None, **unhappy, is_spam=True),
            answer(4, None, **unhappy | silent),
        ],
    )
    report = read_report(marts.warehouse)
    assert report.said.replies == (Replies("thanx", 3, 1),)
    assert words.replied(report) == (
        "Replied to within a day, over the last 30 days: "
        f"{words.percent(1 / 3)} of the 3 detractors at Thanx."
    )


def test_each_provider_has_its_last_answer_its_last_day_and_its_last_look(own: Marts) -> None:
    thanx = find_table("thanx.feedbacks")
    own.warehouse.replace_day(thanx, LAST, thanx.schema.empty_table())
    stored = datetime(LAST.year, LAST.month, LAST.day, 14, 15, tzinfo=UTC)
    now = datetime(2026, 11, 21, 6, tzinfo=UTC)
    looks = {"feedbackpulse": (now, now - timedelta(hours=1)), "thanx": (now, None)}
    report = read_report(own.warehouse, looks=looks)
    by_name = {each.provider: each for each in report.freshness}
    assert by_name == {
        "thanx": Freshness("thanx", by_name["thanx"].answered_at, LAST, now),
        "feedbackpulse": Freshness("feedbackpulse", now - timedelta(hours=1), None, now),
    }
    latest = by_name["thanx"].answered_at
    assert latest is not None
    assert latest.date() == stored.date()


def test_an_empty_warehouse_produces_an_empty_report(marts: Marts) -> None:
    report = read_report(marts.warehouse)
    assert report.last_day is None
    # The page needs no days of nps_by_attribution: nps_by_channel sums them.
    assert set(report.absent) == USED
    assert not report.periods
    assert not report.said.shown
    assert not report.windows


def test_a_missing_mart_does_not_affect_the_others(own: Marts) -> None:
    gone = set()
    # Remove the days one by one, the last day first.
    for table in (find_table("marts.nps_daily"), *MART_TABLES):
        for path in own.warehouse.files(table):
            own.warehouse.filesystem.rm(path)
        gone.add(table.full_name)
        report = read_report(own.warehouse)
        assert gone & USED <= set(report.absent)
        values = {"marts.customer_value", "marts.customer_value_spread"}
        assert bool(report.values) == (not values <= gone)
        assert bool(report.products) == ("marts.product_scores" not in gone)


def test_only_one_window_longer_than_the_stored_days_is_offered(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=20))
    marts.put("marts.nps_by_attribution", by_day(CHANNELS, days=20))
    marts.put("marts.channel_scorecard", scorecard(CHANNELS))
    report = read_report(marts.warehouse)
    assert report.windows == report.scorecard.windows == (7, 30)
    assert [(period.window_days, period.days) for period in report.periods] == [(7, 7), (30, 20)]


def test_a_remote_warehouse_produces_the_same_figures(full: Marts) -> None:
    remote = Marts(Warehouse("memory://report-figures"))
    for name, rows in full.rows.items():
        remote.put(name, rows)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    local = read_report(full.warehouse, built_at=at)
    assert read_report(remote.warehouse, built_at=at) == local
