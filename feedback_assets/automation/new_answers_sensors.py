"""The sensors that poll a provider for new answers and request runs for their days.

``new_answers`` detects what is new, independently of Dagster. ``refresh_sensor`` then rebuilds
the tables computed from those days.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

import dagster as dg
import pyarrow as pa

from feedback_assets.assets.recorded import latest_ids_of_days
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.automation import cursors
from feedback_assets.automation.new_answers import (
    Reading,
    feeds,
    held_rows,
    look,
    remembered,
    settle,
    windows,
)
from feedback_assets.diagnosis import providers as check_providers
from feedback_assets.http.client import Client
from feedback_assets.http.errors import ProviderError, TransientError
from feedback_assets.http.retrying import RetryPolicy
from feedback_assets.ingest.sources import source_of
from feedback_assets.providers.provider import Feed
from feedback_assets.runtime.tags import range_tags
from feedback_assets.settings import Settings

# Dagster aborts a tick after 60 s; the next tick is the retry. Alerts need part of that time.
_RETRY = RetryPolicy(attempts=2, longest_wait=5, connect=5, read=12, total=12)
_LONGEST_SECONDS = 30.0

Clock = Callable[[], datetime]


class Alerts(Protocol):
    """Alerts on the answers of a tick; ``alerts.new_answers`` implements it."""

    def since(self, instance: dg.DagsterInstance, provider: str, now: datetime) -> datetime:
        """The start of the next request, so that answers with an owed alert are served again."""

    def take(
        self,
        instance: dg.DagsterInstance,
        feed: Feed,
        served: pa.Table,
        since: datetime,
        now: datetime,
    ) -> str:
        """Alert on new detractors among the answers served; returns a line for the tick."""


def utc_now() -> datetime:
    """The time of this machine, with its zone."""
    return datetime.now(UTC)


def sensor_name(provider: str) -> str:
    """The name of the provider's sensor."""
    return f"read_new_{provider}"


def new_answers_sensors(
    settings: Settings, now: Clock = utc_now, alerts: Alerts | None = None
) -> list[dg.SensorDefinition]:
    """A sensor for each watched provider with a feed; off until switched on."""
    return [_sensor(feed, settings, now, alerts) for feed in feeds(settings)]


def _sensor(
    feed: Feed, settings: Settings, now: Clock, alerts: Alerts | None
) -> dg.SensorDefinition:
    tables = source_of(feed.table).tables
    keys = [dg.AssetKey(settings.names.key(table)) for table in tables]
    names = "+".join(table.full_name for table in tables)
    start = settings.feedback_start_date

    @dg.sensor(
        name=settings.names.called(sensor_name(feed.provider)),
        target=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=settings.feedback_watch_seconds,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            f"Polls {feed.provider} for new answers, alerts on detractors, and reads their days."
        ),
    )
    def read_new(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        moment = now()
        state = remembered(context.cursor, moment)
        since = state.asked
        if alerts:
            since = min(since, alerts.since(context.instance, feed.provider, moment))
        warehouse = open_warehouse(settings)
        erased = warehouse.erased()
        try:
            with _client_for_tick(feed.provider, settings) as client:
                zone = settings.zone(feed.provider)
                news = look(client, feed, since, zone, start, erased=erased)
        except ProviderError as error:
            # The state is unchanged, so the next response covers everything since the last one.
            reason = (
                f"{settings.worded(str(error))} Nothing is lost: the next tick asks for everything "
                f"since {since:%Y-%m-%d %H:%M} UTC."
            )
            return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=cursors.encode(state))
        alerted = ""
        if alerts and news.served is not None:
            alerted = alerts.take(context.instance, feed, news.served, since, moment)
        state, readings = settle(
            state,
            news,
            lambda day, wanted: held_rows(warehouse, feed.table, day, wanted),
            moment,
            settings.feedback_refresh_days,
        )
        today = moment.astimezone(UTC).date()
        requests = [
            _request(part, names, keys, _last_reads(context.instance, feed, settings, part))
            for part in windows(feed, readings, start)
        ]
        waiting = sum(len(rows) for day, rows in state.owed.items() if day >= today)
        seen = sum(len(rows) for rows in news.rows.values())
        messages = [
            f"{seen} answers since {since:%Y-%m-%d %H:%M} UTC or shortly before.",
            alerted,
            f"{waiting} from today are read once the day is over." if waiting else "",
            f"{news.too_old} are before FEEDBACK_START_DATE={start}." if news.too_old else "",
        ]
        told = " ".join(filter(None, messages))
        # Dagster shows no reason beside requests.
        context.log.info(told)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(told),
            cursor=cursors.encode(state),
        )

    return read_new


@contextmanager
def _client_for_tick(provider: str, settings: Settings) -> Iterator[Client]:
    """The provider's client, closed when the tick's time is up, even if it waits for the quota."""
    late = threading.Event()
    with check_providers.connect(provider, settings, retry=_RETRY) as client:

        def give_up() -> None:
            late.set()
            client.close()

        alarm = threading.Timer(_LONGEST_SECONDS, give_up)
        alarm.daemon = True
        alarm.start()
        with contextlib.ExitStack() as stack:
            stack.callback(alarm.cancel)
            stack.enter_context(_suppress_if_late(late))
            yield client
    if late.is_set():
        raise TransientError(
            f"no complete response within {_LONGEST_SECONDS:g} s",
            provider=provider,
            advice="runs may be using up its quota; see which are in progress",
        )


@contextmanager
def _suppress_if_late(late: threading.Event) -> Iterator[None]:
    """Suppress the error of a client that was closed because the time was up."""
    try:
        yield
    except ProviderError:
        if not late.is_set():
            raise


def _last_reads(
    instance: dg.DagsterInstance, feed: Feed, settings: Settings, reading: Reading
) -> str:
    """A digest that changes once a day of the reading has been read."""
    days = (reading.first, reading.last)
    found = latest_ids_of_days(instance, feed.table, settings.names, days)
    return hashlib.sha256(str(sorted(found.items())).encode()).hexdigest()[:12]


def _request(
    reading: Reading, names: str, keys: list[dg.AssetKey], last_reads: str
) -> dg.RunRequest:
    # The key includes the version of the owed rows and the date: Dagster never reuses a run key,
    # even of a failed run, and a tick whose cursor was lost requests the same key again. It
    # includes the last reads too, as an answer may be changed back.
    return dg.RunRequest(
        run_key=f"{names} {reading.first}..{reading.last} {reading.version} {last_reads}",
        asset_selection=keys,
        tags=range_tags(reading.first, reading.last),
    )
