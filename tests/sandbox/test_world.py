import os
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.sandbox.world import World

from .conftest import FREE, TODAY, YESTERDAY, Reader

DAY = timedelta(days=1)

DIGEST = """
from datetime import date
from hashlib import sha256
from feedback_assets.sandbox.draws import np
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox import wicked_records, thanx, fullwhere, feedbackpulse, retargeting
from feedback_assets.sandbox.answering import as_json
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.world import World
world = World(3, 40, 200, date(2026, 3, 10))
view = View(world, world.since_origin(world.start_of_today.timestamp()), Faults(malformed_rate=0.1))
parts = (
    wicked_records.contacts(view, np.arange(200)),
    wicked_records.clicks(view, np.arange(300)),
    wicked_records.orders(view, np.arange(80), with_contact=True),
    thanx.feedbacks(view, thanx.seen(view)),
    fullwhere.trackers(view, fullwhere.seen(view)),
    feedbackpulse.submissions(view, feedbackpulse.seen(view)),
    retargeting.feedback(view, 0, len(retargeting.seen(view))),
)
print(sha256(as_json(parts)).hexdigest())
"""


def test_the_same_settings_give_the_same_world_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_another_seed_gives_another_world() -> None:
    one, other = World(1, 40, 200, TODAY), World(2, 40, 200, TODAY)
    assert one.orders.time.tolist() != other.orders.time.tolist()


@pytest.mark.parametrize("wrong", [{"days": 0}, {"customers": 0}, {"customers": 2**21}])
def test_an_invalid_world_is_rejected(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        World(**wrong)


@pytest.mark.parametrize(("days", "customers"), [(1, 1), (1, 20), (3, 5), (400, 1)])
def test_the_smallest_worlds_are_served(days: int, customers: int) -> None:
    world = World(1, days, customers, TODAY)
    with running_sandbox(world=world, faults=FREE) as sandbox:
        assert_truth_is_read(Reader(sandbox), TODAY - timedelta(days=days), YESTERDAY)


def test_a_demo_of_3000_customers_has_the_expected_size() -> None:
    world = World(1, 60, 3000, TODAY)
    with running_sandbox(world=world) as sandbox:
        first = TODAY - timedelta(days=60)
        truth = sandbox.truth(first, YESTERDAY)
    assert 40 <= truth["wicked_reports.orders"]["rows"] / 60 <= 75
    assert (
        2.5 <= truth["wicked_reports.clicks"]["rows"] / truth["wicked_reports.orders"]["rows"] <= 5
    )
    pages = sum(truth[f"wicked_reports.{name}"]["rows"] for name in ("clicks", "orders")) / 1000
    assert pages < 60
    assert truth["feedbackpulse.submissions"]["rows"] / 100 < 20
    answers = (
        truth["feedbackpulse.submissions"]["rows"]
        + truth["retargeting.order_feedback"]["rows"]
        + truth["thanx.feedbacks"]["rating"] / 8
    )
    assert answers > 1000


@pytest.mark.slow
def test_200_000_customers_start_within_seconds() -> None:
    # CPU time of this process only, independent of the machine's load.
    started = time.process_time()
    with running_sandbox(customers=200_000, days=400, today=TODAY, faults=FREE) as sandbox:
        assert time.process_time() - started < 20
        asked = time.process_time()
        page = Reader(sandbox).wicked("/orders", from_="2026-02-01", to="2026-02-28", limit=1000)
        assert len(page.json()["results"]) == 1000
        assert page.json()["total"] > 50_000
        assert time.process_time() - asked < 5


def assert_truth_is_read(reader: Reader, first: date, last: date) -> None:
    """Read everything and compute from the records alone what the truth reports."""
    truth = reader.sandbox.truth(first, last)
    start, stop = first.isoformat(), (last + timedelta(days=1)).isoformat()

    def within(stamp: str) -> bool:
        return start <= stamp < stop

    def agree(table: str, rows: list[Any], key: Any, **sums: Any) -> None:
        expected = {"rows": len({key(row) for row in rows}), "malformed": 0, **sums}
        assert truth[table] == expected, table

    contacts = reader.wicked_all("/contacts", first, last)
    agree("wicked_reports.contacts", contacts, lambda row: row["id"])
    clicks = reader.wicked_all("/clicks", first, last)
    agree(
        "wicked_reports.clicks",
        clicks,
        lambda row: (row["contactId"], row["date"], row["trackingUrl"], str(row.get("utms"))),
    )
    orders = reader.wicked_all("/orders", first, last)
    amount = sum((Decimal(str(row["amount"])) for row in orders), Decimal(0))
    agree("wicked_reports.orders", orders, lambda row: row["id"], amount=amount)
    prompts = [
        row
        for row in reader.thanx_all()
        if within(row.get("purchased_at") or row["purchase"]["purchased_at"])
    ]
    rating = sum(row["rating"] or 0 for row in prompts)
    agree("thanx.feedbacks", prompts, lambda row: row["id"], rating=rating)
    trackers = [row for row in reader.fullwhere_all() if within(row["sendAt"])]
    made = sum(row["clicks"] for row in trackers)
    agree("fullwhere.survey_trackers", trackers, lambda row: row["id"], clicks=made)
    submissions = reader.pulse_all(from_=first, to=last)
    score = sum(row["nps_score"] or 0 for row in submissions)
    agree("feedbackpulse.submissions", submissions, lambda row: row["id"], nps_score=score)
    rated = reader.retargeting()["data"]
    reviews = [
        (row["order"]["orderno"], review)
        for row in rated
        for review in row["product_reviews"]
        if within(review["added_on"])
    ]
    rated = [row for row in rated if within(row["added_on"])]
    agree(
        "retargeting.order_feedback",
        rated,
        lambda row: (row["order"]["orderno"], row["added_on"]),
        score=sum(row["score"] or 0 for row in rated),
    )
    agree(
        "retargeting.product_reviews",
        reviews,
        lambda row: (row[0], row[1]["realid"], row[1]["added_on"]),
        score=sum(review["score"] or 0 for _, review in reviews),
    )


def test_the_truth_equals_the_rows_of_every_page(reader: Reader) -> None:
    assert_truth_is_read(reader, date(2026, 1, 15), date(2026, 3, 9))
    assert_truth_is_read(reader, date(2026, 2, 1), date(2026, 2, 1))


def test_the_truth_is_also_correct_in_the_past(reader: Reader) -> None:
    reader.sandbox.set_now(datetime(2026, 2, 3, 15, 30, tzinfo=UTC))
    assert_truth_is_read(reader, date(2026, 1, 15), date(2026, 2, 10))


def test_data_reach_up_to_yesterday_and_no_further(reader: Reader) -> None:
    orders = reader.wicked_all("/orders", date(2025, 1, 1), date(2027, 1, 1))
    assert max(row["date"] for row in orders)[:10] == YESTERDAY.isoformat()
    assert min(row["date"] for row in orders)[:10] >= (TODAY - timedelta(days=90)).isoformat()


def test_the_clock_only_ever_adds_rows(reader: Reader) -> None:
    first, last = TODAY - timedelta(days=90), TODAY + timedelta(days=30)
    rows: dict[str, list[int]] = defaultdict(list)
    for day in (5, 30, 31, 60, 89, 90, 120):
        moment = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) + timedelta(days=day - 90)
        reader.sandbox.set_now(moment)
        for table, values in reader.sandbox.truth(first, last).items():
            rows[table].append(values["rows"])
    for table, counts in rows.items():
        assert counts == sorted(counts), table
        assert counts[0] < counts[3] < counts[5], table


def test_some_orders_of_a_day_appear_only_days_later(reader: Reader) -> None:
    at_once = in_the_end = 0
    for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(40)):
        reader.sandbox.set_now(datetime(day.year, day.month, day.day, tzinfo=UTC) + 2 * DAY)
        at_once += reader.sandbox.truth(day, day)["wicked_reports.orders"]["rows"]
        reader.sandbox.set_now(reader.sandbox.world.start_of_today)
        in_the_end += reader.sandbox.truth(day, day)["wicked_reports.orders"]["rows"]
    assert 0.9 * in_the_end < at_once < in_the_end


def test_advancing_the_clock_adds_refunds_and_changes_attributions(reader: Reader) -> None:
    first, last = date(2026, 1, 20), date(2026, 1, 31)
    reader.sandbox.set_now(datetime(2026, 2, 1, tzinfo=UTC))
    early = {row["id"]: row for row in reader.wicked_all("/orders", first, last)}
    reader.sandbox.set_now(datetime(2026, 3, 9, tzinfo=UTC))
    late = {row["id"]: row for row in reader.wicked_all("/orders", first, last)}
    assert set(early) <= set(late)
    assert any(len(late[key]["payments"]) > len(row["payments"]) for key, row in early.items())
    assert any(late[key]["attributions"] != row["attributions"] for key, row in early.items())
    assert all(late[key]["amount"] == row["amount"] for key, row in early.items())


def test_rereading_a_closed_past_changes_nothing(reader: Reader) -> None:
    read = [reader.wicked_all("/orders", date(2026, 1, 1), date(2026, 1, 5)) for _ in range(2)]
    assert read[0] == read[1]


def test_a_clock_without_zone_is_rejected(reader: Reader) -> None:
    with pytest.raises(ValueError, match="zone"):
        reader.sandbox.set_now(datetime(2026, 1, 1))  # noqa: DTZ001


def test_channels_differ_in_nps_and_promoters_buy_more() -> None:
    world = World(1, 120, 6000, TODAY)
    with running_sandbox(world=world, faults=FREE) as sandbox:
        reader = Reader(sandbox)
        orders = {
            row["sourceId"]: row
            for row in reader.wicked_all("/orders", TODAY - timedelta(days=60), YESTERDAY)
        }
        scores: dict[str, list[int]] = defaultdict(list)
        unknown = 0
        for row in reader.retargeting()["data"]:
            order = orders.get(row["order"]["orderno"])
            unknown += not row["order"]["orderno"].isdigit()
            if order and row["score"] is not None:
                campaign = order["attributions"].get("firstClick", {}).get("campaign")
                scores[campaign].append(row["score"])
    nps = {
        campaign: 100 * sum((s >= 9) - (s <= 6) for s in given) / len(given)
        for campaign, given in scores.items()
    }
    assert nps["bring-a-friend"] > 40
    assert nps["flash-deals"] < 0
    assert nps["weekly-digest"] > nps["generic"] > nps["flash-deals"]
    assert unknown
    counts = world.orders.contact_start[1:] - world.orders.contact_start[:-1]
    assert counts[world.contacts.mood == 2].mean() > 1.3 * counts[world.contacts.mood == 0].mean()
    unhappy = world.orders.score <= 6
    back = world.orders.refunded < 2**31 - 1
    assert back[unhappy].mean() > 5 * back[~unhappy].mean()


def test_without_effects_all_channels_have_one_opinion_and_the_rest_stays() -> None:
    with_effects, without = (World(1, 400, 20_000, TODAY, effects=on) for on in (True, False))

    def nps(world: World) -> tuple[float, np.ndarray]:
        signs = (world.orders.score >= 9).astype(int) - (world.orders.score <= 6).astype(int)
        channel = world.contacts.channel[world.orders.contact]
        total, of_each = np.bincount(channel, signs), np.bincount(channel)
        return 100 * float(signs.mean()), 100 * total / of_each

    whole, of_each = nps(with_effects)
    whole_without, of_each_without = nps(without)
    assert np.ptp(of_each) > 60
    assert np.ptp(of_each_without) < 10
    assert abs(whole - whole_without) < 2
    for name in ("joined", "channel", "tracked", "currency", "name", "mail"):
        same = getattr(with_effects.contacts, name) == getattr(without.contacts, name)
        assert same.all(), name
    assert len(without.orders.time) == pytest.approx(len(with_effects.orders.time), rel=0.02)
    assert without.orders.cents.mean() == pytest.approx(with_effects.orders.cents.mean(), rel=0.02)


def test_a_world_in_another_zone_writes_naive_timestamps_in_that_zone() -> None:
    with running_sandbox(
        seed=7, days=60, customers=200, today=TODAY, timezone="America/New_York", faults=FREE
    ) as sandbox:
        assert sandbox.environment()["WICKED_REPORTS_TIMEZONE"] == "America/New_York"
        assert sandbox.environment()["RETARGETING_TIMEZONE"] == "America/New_York"
        reader = Reader(sandbox)
        order = next(
            row
            for row in reader.wicked_all("/orders", date(2026, 2, 1), date(2026, 2, 9))
            if row["payments"] and row["payments"][0]["status"] != "FAILED"
        )
        placed = datetime.fromisoformat(order["date"])
        paid = datetime.fromisoformat(order["payments"][0]["date"]).replace(tzinfo=UTC)
        assert placed - paid == timedelta(hours=5)


def test_malformed_records_are_counted_and_the_same_on_every_read(reader: Reader) -> None:
    first, last = date(2026, 2, 1), date(2026, 2, 20)
    clean = reader.sandbox.truth(first, last)
    reader.sandbox.set_faults(Faults(quotas=False, malformed_rate=0.1))
    truth = reader.sandbox.truth(first, last)
    for table, values in truth.items():
        assert values["malformed"] > 0, table
        assert values["rows"] + values["malformed"] == clean[table]["rows"], table
    orders = [reader.wicked_all("/orders", first, last) for _ in range(2)]
    assert orders[0] == orders[1]

    def good(row: dict[str, Any]) -> bool:
        return (
            "id" in row
            and row.get("date", "not").startswith("2026")
            and not isinstance(row["amount"], str)
            and isinstance(row["products"], list)
        )

    kept = [row for row in orders[0] if good(row)]
    assert len(kept) == truth["wicked_reports.orders"]["rows"]
    assert (
        sum(Decimal(str(row["amount"])) for row in kept) == truth["wicked_reports.orders"]["amount"]
    )
    rated = reader.retargeting()["data"]
    assert any("added_on" not in row or row["score"] == 11 for row in rated)
