"""``ad_spend.daily`` as a table of the project: loaded, edited, removed, checked and left alone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.assets.recorded import latest_metadata
from feedback_assets.automation.ad_spend_sensor import NAME
from feedback_assets.freshness.spend_files import changed_days, numbers
from feedback_assets.query.run import run_query
from feedback_assets.runtime.tags import FIRST_PARTITION, LAST_PARTITION, range_tags
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.warehouse.erased import Addition
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project

FIRST = YESTERDAY - timedelta(days=60)
HEADER = "day,source,medium,campaign,currency,spend,clicks,impressions"
KEY = dg.AssetKey(NO_PREFIX.key(DAILY))


@dataclass
class Shop:
    """A project with a folder of spend files, and an instance that its runs are recorded on."""

    project: Project
    folder: Path
    instance: dg.DagsterInstance
    second: int = 1_700_000_000

    def write(self, name: str, *lines: str) -> None:
        """Write a file, a second later than the one before."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        path.write_text("\n".join([HEADER, *lines]) + "\n")
        self.second += 1
        os.utime(path, (self.second, self.second))

    def load(self, first: date, last: date) -> dg.ExecuteInProcessResult:
        return self.project.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[KEY],
            tags=range_tags(first, last),
            raise_on_error=False,
        )

    def spent(self) -> dict[tuple[str, str], int]:
        """By day and source what is in the table."""
        rows = run_query(
            "select day, source, sum(spend)::int as spend from ad_spend.daily group by all",
            self.project.warehouse,
        )
        return {(str(row["day"]), row["source"]): row["spend"] for row in rows.to_pylist()}

    def quarantined(self) -> list[str]:
        rows = run_query('select reason from quarantine."ad_spend.daily"', self.project.warehouse)
        return [row["reason"] for row in rows.to_pylist()]

    def changed(self) -> set[date]:
        return set(changed_days(self.instance, self.project.settings, self.project.warehouse))

    def metadata(self, day: date) -> dict[str, Any]:
        return dict(latest_metadata(self.instance, DAILY, NO_PREFIX, [day])[day])


@pytest.fixture
def shop(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("FEEDBACK_AD_SPEND", str(tmp_path / "spend" / "*.csv"))
    monkeypatch.setenv("FEEDBACK_START_DATE", str(FIRST))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(project, tmp_path / "spend", instance)


def line(day: date, source: str, spend: str) -> str:
    return f"{day},{source},cpc,c,USD,{spend},,"


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_node_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_without_the_setting_there_is_no_asset_no_sensor_and_no_table(project: Project) -> None:
    keys = {spec.key for spec in project.defs.resolve_all_asset_specs()}
    assert KEY not in keys
    assert NAME not in {sensor.name for sensor in project.defs.sensors or ()}
    assert run_query("select * from ad_spend.daily", project.warehouse).num_rows == 0
    assert not project.warehouse.files(DAILY)


def test_the_asset_describes_its_rows_links_its_code_and_has_its_own_run(
    shop: Shop,
) -> None:
    (spec,) = [one for one in shop.project.defs.resolve_all_asset_specs() if one.key == KEY]
    assert str(spec.description).startswith("One row is ")
    assert len(str(spec.description)) <= 120
    for reference in spec.metadata["dagster/code_references"].code_references:
        assert Path(reference.file_path).is_file()
    graph = shop.project.defs.resolve_asset_graph()
    assert spec.metadata["primary_key"] == "day, source, medium, campaign, currency"
    policy = graph.get(KEY).backfill_policy
    others = {graph.get(key).backfill_policy for key in graph.get_all_asset_keys() if key != KEY}
    assert policy not in others


def test_every_row_of_a_run_is_accounted_for_on_its_days_and_every_check_passes(
    shop: Shop,
) -> None:
    days = [YESTERDAY - timedelta(days=number) for number in range(4)]
    shop.write(
        "ads.csv",
        *(line(day, "google", "5") for day in days),
        line(days[0], "google", "2"),
        line(FIRST - timedelta(days=9), "google", "1"),
        *(line(days[1], f"s{number}", "1") for number in range(200)),
        line(days[2], "google", "5.-"),
    )
    shop.write("later.csv", line(days[3], "google", "7"))
    result = shop.load(days[3], days[0])
    assert result.success
    found = {day: shop.metadata(day) for day in days}
    assert [found[day]["dagster/partition_row_count"] for day in days] == [1, 201, 1, 1]
    assert [found[day]["duplicates"] for day in days] == [1, 0, 0, 1]
    assert (found[days[0]]["added_up"], found[days[3]]["replaced_by_later_file"]) == (1, 1)
    assert found[days[2]]["quarantined"] == 1
    assert sum(one["fetched"] for one in found.values()) == 4 + 1 + 1 + 200 + 1 + 1
    for one in found.values():
        assert one["fetched"] == (
            one["dagster/partition_row_count"] + one["outside_window"] + one["duplicates"]
            + one["quarantined"]
        )  # fmt: skip
    assert shop.spent()[str(days[0]), "google"] == 7
    (bad,) = shop.quarantined()
    assert bad == "spend is '5.-': write a number, such as 1234.50 (line 208 of ads.csv)"
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert {"keys_unique", "few_are_quarantined", "files_are_read"} <= set(checks)
    assert all(checks.values()), checks


def test_a_second_run_over_unchanged_files_writes_nothing(shop: Shop) -> None:
    shop.write("ads.csv", line(YESTERDAY, "google", "5"))
    first = YESTERDAY - timedelta(days=3)
    assert shop.load(first, YESTERDAY).success
    warehouse = shop.project.warehouse
    before, said = warehouse.marks(DAILY), shop.metadata(YESTERDAY)
    assert len(before) == 4
    # Touched, and so another version of the same content.
    shop.write("ads.csv", line(YESTERDAY, "google", "5"))
    assert shop.load(first, YESTERDAY).success
    assert warehouse.marks(DAILY) == before
    assert shop.metadata(YESTERDAY) == said
    assert shop.changed() == set()


def test_an_edit_makes_the_days_it_touched_out_of_date_and_no_others_however_old(
    shop: Shop,
) -> None:
    days = [FIRST, FIRST + timedelta(days=1), YESTERDAY]
    shop.write("ads.csv", *(line(day, "google", "5") for day in days))
    assert shop.load(FIRST, YESTERDAY).success
    assert shop.changed() == set()
    shop.write("ads.csv", *(line(day, "google", "6" if day == FIRST else "5") for day in days))
    assert shop.changed() == {FIRST}
    warns = numbers(shop.instance, shop.project.settings, shop.project.warehouse)
    assert (warns["violations"], warns["days"]) == (1, str(FIRST))
    before = shop.project.warehouse.marks(DAILY)
    assert shop.load(FIRST, YESTERDAY).success
    after = shop.project.warehouse.marks(DAILY)
    assert {day for day in after if after[day] != before[day]} == {FIRST}
    assert shop.spent()[str(FIRST), "google"] == 6


def test_a_removed_file_makes_the_days_it_touched_out_of_date(shop: Shop) -> None:
    days = [FIRST, FIRST + timedelta(days=30), YESTERDAY]
    shop.write("google.csv", *(line(day, "google", "5") for day in days))
    shop.write("tiktok.csv", line(days[1], "tiktok", "3"))
    assert shop.load(FIRST, YESTERDAY).success
    (shop.folder / "tiktok.csv").unlink()
    assert shop.changed() == {days[1]}
    assert shop.load(days[1], days[1]).success
    assert set(shop.spent()) == {(str(day), "google") for day in days}
    assert shop.changed() == set()


def test_the_quarantine_has_the_unreadable_rows_of_the_current_files(shop: Shop) -> None:
    good = line(YESTERDAY, "google", "5")
    shop.write("ads.csv", good, line(YESTERDAY, "tiktok", '"5,5"'), "never,x,cpc,c,USD,1,,")
    assert shop.load(YESTERDAY, YESTERDAY).success
    assert len(shop.quarantined()) == 2
    assert shop.load(YESTERDAY, YESTERDAY).success
    assert len(shop.quarantined()) == 2
    shop.write("ads.csv", good, line(YESTERDAY, "tiktok", "5.5"), "never,x,cpc,c,USD,1,,")
    assert shop.load(YESTERDAY, YESTERDAY).success
    (left,) = shop.quarantined()
    assert left == "day is 'never': write it as 2024-05-01 (line 4 of ads.csv)"
    shop.write("ads.csv", good)
    assert shop.load(YESTERDAY, YESTERDAY).success
    assert shop.quarantined() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "matches no file"),
        ("", "ads.csv, line 1: the file is empty"),
        ("day,spend\n", "ads.csv, line 1: missing column source, currency"),
        (f"{HEADER}\n{line(YESTERDAY, 'google', '5,5')}\n", "none of its 1 rows can be read"),
    ],
)
def test_unreadable_files_fail_the_run_and_leave_the_stored_days(
    shop: Shop, text: str | None, why: str
) -> None:
    shop.write("ads.csv", line(YESTERDAY, "google", "5"))
    assert shop.load(YESTERDAY, YESTERDAY).success
    path = shop.folder / "ads.csv"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    result = shop.load(YESTERDAY, YESTERDAY)
    assert not result.success
    told = failure(result)
    assert why in told
    assert told.startswith(f"ad_spend.daily, {YESTERDAY}: ")
    assert "unchanged" in told
    assert shop.spent() == {(str(YESTERDAY), "google"): 5}


def test_the_sensor_requests_changed_days_once(shop: Shop) -> None:
    sensor = next(one for one in shop.project.defs.sensors or () if one.name == NAME)
    assert isinstance(sensor, dg.SensorDefinition)

    def tick(cursor: str | None) -> tuple[list[tuple[str, str]], str | None]:
        context = dg.build_sensor_context(
            shop.instance, cursor=cursor, definitions=shop.project.defs
        )
        data = sensor.evaluate_tick(context)
        spans = [
            (run.tags[FIRST_PARTITION], run.tags[LAST_PARTITION]) for run in data.run_requests or ()
        ]
        return spans, data.cursor

    old = FIRST + timedelta(days=1)
    shop.write("ads.csv", line(old, "google", "5"), line(YESTERDAY, "google", "5"))
    asked, cursor = tick(None)
    assert asked == [(str(old), str(old)), (str(YESTERDAY), str(YESTERDAY))]
    for first, last in asked:
        assert shop.load(date.fromisoformat(first), date.fromisoformat(last)).success
    asked, cursor = tick(cursor)
    assert asked == []
    assert tick(cursor) == ([], cursor)
    shop.write("ads.csv", line(old, "google", "6"), line(YESTERDAY, "google", "5"))
    assert tick(cursor)[0] == [(str(old), str(old))]
    # Files that cannot be read: one run, which fails with the reason, and so tells the alerts.
    (shop.folder / "ads.csv").unlink()
    asked, cursor = tick(cursor)
    assert asked == [(str(YESTERDAY), str(YESTERDAY))]
    assert tick(cursor) == ([], cursor)


def test_files_that_return_to_earlier_content_are_read_again_and_a_failed_run_is_not(
    shop: Shop,
) -> None:
    sensor = next(one for one in shop.project.defs.sensors or () if one.name == NAME)
    assert isinstance(sensor, dg.SensorDefinition)

    def run_key() -> str | None:
        with dg.build_sensor_context(shop.instance, definitions=shop.project.defs) as context:
            (request,) = sensor.evaluate_tick(context).run_requests or ()
        return request.run_key

    keys = []
    for spend in ("5", "6", "5", "6"):
        shop.write("ads.csv", line(YESTERDAY, "google", spend))
        keys.append(run_key())
        shop.write("ads.csv", line(YESTERDAY, "google", "not a number"))
        assert not shop.load(YESTERDAY, YESTERDAY).success
        shop.write("ads.csv", line(YESTERDAY, "google", spend))
        assert run_key() == keys[-1]
        assert shop.load(YESTERDAY, YESTERDAY).success
    assert len(set(keys)) == 4


SELECT = ("--select", 'key:"ad_spend/daily"')


def test_edited_days_are_found_when_people_have_been_erased(shop: Shop) -> None:
    settings = shop.project.settings
    Warehouse(settings.warehouse, settings.erasure_secret).add_erased(Addition("x", frozenset()))
    shop.write("ads.csv", line(YESTERDAY, "google", "5"))
    sensor = next(one for one in shop.project.defs.sensors or () if one.name == NAME)
    assert isinstance(sensor, dg.SensorDefinition)
    with dg.build_sensor_context(shop.instance, definitions=shop.project.defs) as context:
        assert len(sensor.evaluate_tick(context).run_requests or ()) == 1
    days = ("--from", str(YESTERDAY), "--to", str(YESTERDAY))
    result = shop.project.run("backfill", "--missing", *days, *SELECT)
    assert result.exit_code == 0, result.output
    assert shop.spent() == {(str(YESTERDAY), "google"): 5}


def test_backfill_loads_it_with_the_other_tables_and_missing_rereads_edited_days(
    shop: Shop,
) -> None:
    shop.write("ads.csv", line(FIRST, "google", "5"), line(YESTERDAY, "google", "5"))
    done = shop.project.backfill(FIRST, YESTERDAY, *SELECT)
    assert done.exit_code == 0, done.output
    assert "ad_spend.daily" in done.output
    again = shop.project.backfill(FIRST, YESTERDAY, *SELECT, "--missing")
    assert again.exit_code == 0
    assert "ad_spend.daily" not in again.output
    shop.write("ads.csv", line(FIRST, "google", "8"), line(YESTERDAY, "google", "5"))
    assert shop.project.backfill(FIRST, YESTERDAY, *SELECT, "--missing").exit_code == 0
    assert shop.spent() == {(str(FIRST), "google"): 8, (str(YESTERDAY), "google"): 5}
    (shop.folder / "ads.csv").unlink()
    failed = shop.project.backfill(FIRST, YESTERDAY, *SELECT, "--missing")
    assert failed.exit_code == 1
    assert "matches no file" in failed.output


def test_check_reports_on_the_files(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def said() -> str:
        lines = shop.project.run("check").output.splitlines()
        (found,) = [each for each in lines if each[2:].startswith("ad_spend: ")]
        return found

    assert said().startswith("✗ ad_spend: ")
    shop.write("ads.csv", line(FIRST, "google", "5"), line(YESTERDAY, "google", "5"))
    assert said() == f"✓ ad_spend: 1 file, 2 rows, newest day {YESTERDAY}"
    shop.write("more.csv", line(FIRST, "google", "5"), line(YESTERDAY, "google", "5€"))
    assert "2 files, 2 rows" in said()
    assert "1 row cannot be read. The first: spend is '5€'" in said()
    assert "fix FEEDBACK_AD_SPEND" not in shop.project.run("check").output
    monkeypatch.setenv("FEEDBACK_AD_SPEND", str(tmp_path / "nothing.csv"))
    assert said().startswith("✗ ad_spend: ")
    assert "fix FEEDBACK_AD_SPEND in the environment" in shop.project.run("check").output
    monkeypatch.delenv("FEEDBACK_AD_SPEND")
    assert "ad_spend" not in shop.project.run("check").output


def test_replay_says_to_correct_the_file(shop: Shop) -> None:
    done = shop.project.run("replay", "--table", "ad_spend.daily")
    assert done.exit_code == 2
    assert "correct the row in your file" in done.output
