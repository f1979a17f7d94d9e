"""The alert sensors: one for detractors, one for failed runs.

``detractors`` and ``failures`` decide on alerts and their text, independently of Dagster. The
delivery state of each URL is stored in the sensor's cursor or in the providers' books, so a restart
repeats nothing and only failed deliveries are retried.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import dagster as dg
import msgspec

from feedback_assets.alerts import detractors as detractor_alerts
from feedback_assets.alerts import ended_runs, quiet
from feedback_assets.alerts import failures as failure_alerts
from feedback_assets.alerts.book import (
    Book,
    after_delivery,
    locked_books,
    mark_of,
    read_book,
    write_book,
)
from feedback_assets.alerts.delivery import (
    OPERATORS,
    SUPPORT,
    Target,
    for_tag,
    no_receiver,
    send_pending,
    targets,
)
from feedback_assets.assets.recorded import latest_ids
from feedback_assets.automation import cursors
from feedback_assets.automation.new_answers_sensors import utc_now
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
from feedback_assets.tables.unified import ANSWERS
from feedback_assets.warehouse.warehouse import Warehouse

DETRACTORS = "alert_on_detractors"
FAILURES = "alert_on_failed_runs"
EVERY_SECONDS = 60


def alert_sensors(
    settings: Settings, now: Callable[[], datetime] = utc_now
) -> list[dg.SensorDefinition]:
    """Both sensors, off until switched on; raises ``SettingsError`` if a URL cannot be used.

    ``now`` limits alerts to recent answers; runs are compared by their recorded times.
    """
    chosen = targets(settings)
    return [
        _on_detractors(settings, for_tag(chosen, SUPPORT), now),
        _on_failed_runs(settings, for_tag(chosen, OPERATORS), now),
    ]


def _on_detractors(
    settings: Settings, chosen: tuple[Target, ...], now: Callable[[], datetime]
) -> dg.SensorDefinition:
    ui_url = settings.feedback_ui_url or ""

    @dg.sensor(
        name=settings.names.called(DETRACTORS),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Sends one alert to FEEDBACK_ALERT_URLS for each new unhappy customer.",
    )
    def alert(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not chosen:
            return dg.SkipReason(no_receiver(settings, SUPPORT))
        state = cursors.decode(context.cursor, detractor_alerts.State)
        mark = _mark(context.instance, settings.names, DETRACTOR_QUEUE, ORDER_FEEDBACK)
        if mark is None:
            return dg.SkipReason("marts.detractor_queue has not been built yet.")
        providers = [name for name, answers in ANSWERS.items() if answers]
        with locked_books(settings, providers):
            books = {name: read_book(context.instance, settings.names, name) for name in providers}
            moment = now()
            is_same = state is not None and state.mark == mark
            if is_same and not any(book.left_to_morning(moment) for book in books.values()):
                return dg.SkipReason(
                    "marts.detractor_queue has not been rebuilt since the last tick."
                )
            found = [
                one
                for one in detractor_alerts.recent_detractors(
                    Warehouse(settings.warehouse),
                    moment.astimezone(UTC).date(),
                    settings.feedback_match_days,
                )
                if one.provider in books
            ]
            keys = [target.key for target in chosen]
            after = detractor_alerts.update_books(state, books, found, keys, moment)
            after = detractor_alerts.without_gone(after, found)
            # Before sending: if this process ends meanwhile, a later tick sends it.
            _write(context.instance, settings.names, after, books)
            owed = {
                name: one
                for book in after.values()
                for name, one in book.left_to_morning(moment).items()
            }
            pending = detractor_alerts.pending_of(owed, found, keys)
            if pending and quiet.is_quiet(settings, moment):
                message = quiet.reason(settings)
            else:
                sent = send_pending(
                    chosen,
                    pending,
                    lambda ids: detractor_alerts.compose(found, ids, ui_url, settings.names),
                )
                marks = {mark_of(one) for ids in pending.values() for one in ids}
                books, after = (
                    after,
                    {name: after_delivery(book, marks, sent) for name, book in after.items()},
                )
                _write(context.instance, settings.names, after, books)
                message = sent.summary or "No new detractors."
        if state is None:
            message = f"Ignoring {len(found)} existing detractors; alerting on new ones."
        return dg.SensorResult(
            skip_reason=dg.SkipReason(message),
            cursor=cursors.encode(detractor_alerts.State(mark)),
        )

    return alert


def _on_failed_runs(
    settings: Settings, chosen: tuple[Target, ...], now: Callable[[], datetime]
) -> dg.SensorDefinition:
    ui_url = settings.feedback_ui_url or ""
    names = settings.names

    @dg.sensor(
        name=settings.names.called(FAILURES),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Sends one alert to FEEDBACK_ALERT_URLS for each cause of failed runs.",
    )
    def alert(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not chosen:
            return dg.SkipReason(no_receiver(settings, OPERATORS))
        instance = context.instance
        state = cursors.decode(context.cursor, failure_alerts.State)
        if state is None:
            _, since, seen = ended_runs.ended_since(
                instance, names, ended_runs.newest(instance), {}
            )
            state = failure_alerts.State(since, seen)
            return dg.SensorResult(
                skip_reason=dg.SkipReason("Ignoring existing failures; alerting on new ones."),
                cursor=cursors.encode(state),
            )
        ended, since, seen = ended_runs.ended_since(instance, names, state.since, state.seen)
        busy = ended_runs.under_way(instance, names) if state.causes or ended else set()
        keys = [target.key for target in chosen]
        after = failure_alerts.take(state, ended, busy, keys)
        is_quiet = quiet.is_quiet(settings, now())
        sent = send_pending(
            () if is_quiet else chosen,
            after.pending,
            lambda ids: failure_alerts.compose(after.causes, ids, ui_url, names),
        )
        after = failure_alerts.after_delivery(
            msgspec.structs.replace(after, since=since, seen=seen),
            after.pending if is_quiet else sent.pending,
        )
        failing = ", ".join(sorted(after.causes))
        waits = quiet.reason(settings) if is_quiet and after.pending else ""
        message = (
            sent.summary
            or waits
            or (f"Already sent, still failing: {failing}." if failing else "No failures.")
        )
        return dg.SensorResult(skip_reason=dg.SkipReason(message), cursor=cursors.encode(after))

    return alert


def _write(
    instance: dg.DagsterInstance,
    names: Names,
    books: Mapping[str, Book],
    before: Mapping[str, Book],
) -> None:
    for name, book in books.items():
        if book != before[name]:
            write_book(instance, names, name, book)


def _mark(instance: dg.DagsterInstance, names: Names, *tables: Table) -> str | None:
    """A fingerprint of the tables' content; None if the first was never built."""
    keys = [dg.AssetKey(names.key(table)) for table in tables]
    latest = latest_ids(instance, keys)
    if latest.get(keys[0]) is None:
        return None
    text = " ".join(str(latest.get(key)) for key in keys)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
