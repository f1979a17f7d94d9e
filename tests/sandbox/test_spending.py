"""The spend files of the sandbox: without a fault, equal for equal seeds, late for one source."""

from datetime import date, timedelta
from pathlib import Path

from feedback_assets.ad_spend.days import Spend, read_spend
from feedback_assets.sandbox.spending import APART, CURRENCY, DAYS_LATE, write_spend
from feedback_assets.sandbox.vocabulary import CHANNELS

LAST = date(2026, 11, 20)


def written(directory: Path, last: date = LAST, seed: int = 1) -> Spend:
    write_spend(directory, last, customers=3000, seed=seed, days=40)
    return read_spend(f"{directory}/*.csv")


def test_every_row_can_be_read_and_is_of_a_channel_of_the_world(tmp_path: Path) -> None:
    spend = written(tmp_path)
    assert not spend.bad
    assert not spend.added
    known = {(channel.source, channel.medium, channel.campaign) for channel in CHANNELS}
    rows = [one.row for rows in spend.days.values() for one in rows]
    assert {(row.source, row.medium, row.campaign) for row in rows} < known
    assert {row.currency for row in rows} == {CURRENCY}
    assert all(row.clicks for row in rows if row.medium != "audio")


def test_all_sources_are_covered_to_the_last_day_but_one_which_is_late(tmp_path: Path) -> None:
    spend = written(tmp_path)
    newest: dict[str, date] = {}
    for rows in spend.days.values():
        for one in rows:
            newest[one.row.source] = max(one.last, newest.get(one.row.source, one.last))
    assert newest.pop(APART) == LAST - timedelta(days=DAYS_LATE)
    assert set(newest.values()) == {LAST}


def test_equal_seeds_give_equal_days_whenever_they_are_written(tmp_path: Path) -> None:
    today = written(tmp_path / "today")
    tomorrow = written(tmp_path / "tomorrow", LAST + timedelta(days=1))
    day = LAST - timedelta(days=10)
    assert today.days[day] == tomorrow.days[day]
    assert written(tmp_path / "other", seed=2).days[day] != today.days[day]
