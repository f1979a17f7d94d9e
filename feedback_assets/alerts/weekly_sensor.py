"""The sensor that sends the summary to marketing on Mondays, once the week's page is built."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb

from feedback_assets.alerts import quiet, weekly
from feedback_assets.alerts.delivery import (
    MARKETING,
    Message,
    for_tag,
    no_receiver,
    send_pending,
    targets,
)
from feedback_assets.automation import cursors
from feedback_assets.automation.new_answers_sensors import utc_now
from feedback_assets.reports.path import page_path
from feedback_assets.runtime import runs
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings
from feedback_assets.tables.reports import NPS_PAGE
from feedback_assets.warehouse.warehouse import Warehouse

NAME = "send_weekly_summary"
EVERY_SECONDS = 300


def weekly_sensor(settings: Settings, now: Callable[[], datetime] = utc_now) -> dg.SensorDefinition:
    """The sensor, off until switched on; raises ``SettingsError`` if a URL cannot be used."""
    chosen = for_tag(targets(settings), MARKETING)

    @dg.sensor(
        name=settings.names.called(NAME),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Sends the weekly summary and the page to FEEDBACK_ALERT_URLS on Mondays.",
    )
    def send(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not chosen:
            return dg.SkipReason(no_receiver(settings, MARKETING))
        moment = now()
        monday = weekly.monday_of(settings, moment)
        before = cursors.decode(context.cursor, weekly.State)
        state = weekly.with_targets(before, [target.key for target in chosen], monday, moment)
        due = weekly.due(state, monday, moment)
        message = "" if due else f"The next summary is due on {weekly.next_due(monday, moment)}."
        if due and quiet.is_quiet(settings, moment):
            message = quiet.reason(settings)
        elif due and not _is_ready(context.instance, settings.names, monday, moment):
            message = "This week's page has not been built yet."
        elif due:
            try:
                with _message(settings) as summary:
                    sent = send_pending(
                        chosen, {key: [str(monday.date())] for key in due}, lambda _: summary
                    )
            except (duckdb.Error, OSError) as error:
                reason = f"The page cannot be read ({type(error).__name__})."
                return dg.SkipReason(f"{reason} The next tick tries again.")
            taken = [key for key in due if key not in sent.pending]
            state, message = weekly.after_delivery(state, taken, monday), sent.summary
        return dg.SensorResult(skip_reason=dg.SkipReason(message), cursor=cursors.encode(state))

    return send


def _is_ready(instance: dg.DagsterInstance, names: Names, monday: datetime, now: datetime) -> bool:
    found = instance.get_latest_materialization_event(dg.AssetKey(names.key(NPS_PAGE)))
    built = datetime.fromtimestamp(found.timestamp, UTC) if found else None
    busy = bool(runs.under_way(instance))
    return weekly.is_ready(built, busy=busy, monday=monday, now=now)


@contextmanager
def _message(settings: Settings) -> Iterator[Message]:
    """The summary; its attachment is the page in the warehouse, or a copy of it."""
    # Imported here so that loading the definitions does not load charts.
    from feedback_assets.alerts.weekly_text import compose
    from feedback_assets.reports.figures import read_report

    warehouse = Warehouse(settings.warehouse)
    path = page_path(warehouse)
    asset = "/".join(settings.names.key(NPS_PAGE))
    where = f"{settings.feedback_ui_url}/assets/{asset}" if settings.feedback_ui_url else path
    report = read_report(warehouse)
    if warehouse.is_local:
        yield compose(report, Path(path), where, settings.names)
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / Path(path).name
        copy.write_bytes(warehouse.read_bytes(path))
        yield compose(report, copy, where, settings.names)
