"""The sensor that requests a new read of the spend files once one was added, edited or removed."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from feedback_assets.ad_spend.files import find_files, listing
from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.automation.refresh_sensor import unfinished
from feedback_assets.freshness import on_disk
from feedback_assets.freshness.out_of_date import spans_to_ask
from feedback_assets.freshness.spend_files import changed_days
from feedback_assets.runtime.tags import range_tags
from feedback_assets.settings import Settings
from feedback_assets.tables.ad_spend import DAILY
from feedback_assets.warehouse.warehouse import Warehouse

NAME = "read_changed_ad_spend"
EVERY_SECONDS = 60


def ad_spend_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor where ``FEEDBACK_AD_SPEND`` is set; off until switched on."""
    return [] if settings.ad_spend is None else [_sensor(settings.ad_spend, settings)]


def _sensor(place: str, settings: Settings) -> dg.SensorDefinition:
    key = _key(settings)

    @dg.sensor(
        name=settings.names.called(NAME),
        target=dg.AssetSelection.assets(key),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Rereads the days of ad_spend.daily that differ from the files.",
    )
    def read_changed_ad_spend(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        today = datetime.now(UTC).date()
        warehouse = open_warehouse(settings)
        # Listed before anything is read, so that an edit meanwhile is seen by the next tick.
        mark = _mark(place, settings, warehouse, today)
        if mark == context.cursor:
            return dg.SkipReason("No file has changed since the table was last up to date.")
        if running := unfinished(context.instance, frozenset({key})):
            return dg.SkipReason(f"Waiting for {len(running)} runs, including {running[0]}.")
        try:
            found = changed_days(context.instance, settings, warehouse)
        except SpendTrouble as error:
            return _to_fail(error, settings, today, mark)
        if not found:
            return dg.SensorResult(
                skip_reason=dg.SkipReason("Everything is up to date."), cursor=mark
            )
        # The cursor stays, so that a tick whose requests are lost is repeated by the next one.
        return dg.SensorResult(
            run_requests=[
                _request(first, last, {day: found[day] for day in found if first <= day <= last})
                for first, last in spans_to_ask(sorted(found))
            ]
        )

    def _request(first: date, last: date, found: dict[date, str]) -> dg.RunRequest:
        text = " ".join(f"{day} {found[day]}" for day in sorted(found))
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        today = datetime.now(UTC).date()
        return dg.RunRequest(
            run_key=f"{DAILY.full_name} {first}..{last} {version} {today}",
            asset_selection=[key],
            tags=range_tags(first, last),
        )

    return read_changed_ad_spend


def _key(settings: Settings) -> dg.AssetKey:
    return dg.AssetKey(settings.names.key(DAILY))


def _mark(place: str, settings: Settings, warehouse: Warehouse, today: date) -> str:
    """Stands for the files, the table's own partitions and its definition."""
    try:
        files = listing(find_files(place))
    except SpendTrouble as error:
        files = str(error)
    parts = (files, on_disk.listing(warehouse, [DAILY]), definition_of(DAILY, settings).text)
    return f"{today} {hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


def _to_fail(
    error: SpendTrouble, settings: Settings, today: date, mark: str
) -> dg.SensorResult | dg.SkipReason:
    """One run per day and error; it fails with the error, so that alerts and checks report it."""
    yesterday = today - timedelta(days=1)
    if yesterday < settings.feedback_start_date:
        return dg.SkipReason(str(error))
    version = hashlib.sha256(str(error).encode()).hexdigest()[:16]
    request = dg.RunRequest(
        run_key=f"{DAILY.full_name} cannot be read {version} {today}",
        asset_selection=[_key(settings)],
        tags=range_tags(yesterday, yesterday),
    )
    return dg.SensorResult(run_requests=[request], cursor=mark)
