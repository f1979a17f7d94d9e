"""The alert sensors: one for detractors, one for failed runs.

``detractors`` and ``failures`` decide on alerts and their text, independently of Dagster. A
sensor's cursor keeps the delivery state of each URL, so a restart repeats nothing and only failed
deliveries are retried.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import msgspec

from feedback_assets.alerts import detractors as detractor_alerts
from feedback_assets.alerts import ended_runs
from feedback_assets.alerts import failures as failure_alerts
from feedback_assets.alerts.delivery import NOT_SET, Target, send_pending, targets
from feedback_assets.assets.recorded import latest_ids
from feedback_assets.automation import cursors
from feedback_assets.automation.new_answers_sensors import utc_now
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
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
    return [_on_detractors(settings, chosen, now), _on_failed_runs(settings, chosen)]


def _on_detractors(
    settings: Settings, chosen: tuple[Target, ...], now: Callable[[], datetime]
) -> dg.SensorDefinition:
    ui_url = settings.feedback_ui_url or ""

    @dg.sensor(
        name=DETRACTORS,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Sends one alert to FEEDBACK_ALERT_URLS for each new unhappy customer.",
    )
    def alert(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not chosen:
            return dg.SkipReason(NOT_SET)
        state = cursors.decode(context.cursor, detractor_alerts.State)
        mark = _mark(context.instance, DETRACTOR_QUEUE, ORDER_FEEDBACK)
        if mark is None:
            return dg.SkipReason("marts.detractor_queue has not been built yet.")
        if state is not None and state.mark == mark and not state.pending:
            return dg.SkipReason("marts.detractor_queue has not been built since.")
        moment = now()
        found = detractor_alerts.recent_detractors(
            Warehouse(settings.warehouse), moment.astimezone(UTC).date()
        )
        keys = [target.key for target in chosen]
        after = detractor_alerts.look(state, found, keys, moment, mark)
        sent = send_pending(
            chosen, after.pending, lambda ids: detractor_alerts.compose(found, ids, ui_url)
        )
        after = msgspec.structs.replace(after, pending=sent.pending)
        if state is None:
            message = f"Ignoring {len(found)} existing detractors; alerting on new ones."
        else:
            message = sent.summary or "No new detractors."
        return dg.SensorResult(skip_reason=dg.SkipReason(message), cursor=cursors.encode(after))

    return alert


def _on_failed_runs(settings: Settings, chosen: tuple[Target, ...]) -> dg.SensorDefinition:
    ui_url = settings.feedback_ui_url or ""

    @dg.sensor(
        name=FAILURES,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Sends one alert to FEEDBACK_ALERT_URLS for each cause of failed runs.",
    )
    def alert(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not chosen:
            return dg.SkipReason(NOT_SET)
        instance = context.instance
        state = cursors.decode(context.cursor, failure_alerts.State)
        if state is None:
            _, since, seen = ended_runs.ended_since(instance, ended_runs.newest(instance), {})
            state = failure_alerts.State(since, seen)
            return dg.SensorResult(
                skip_reason=dg.SkipReason("Ignoring existing failures; alerting on new ones."),
                cursor=cursors.encode(state),
            )
        ended, since, seen = ended_runs.ended_since(instance, state.since, state.seen)
        busy = ended_runs.under_way(instance) if state.causes or ended else set()
        keys = [target.key for target in chosen]
        after = failure_alerts.take(state, ended, busy, keys)
        sent = send_pending(
            chosen,
            after.pending,
            lambda names: failure_alerts.compose(after.causes, names, ui_url),
        )
        after = failure_alerts.after_delivery(
            msgspec.structs.replace(after, since=since, seen=seen), sent.pending
        )
        failing = ", ".join(sorted(after.causes))
        message = sent.summary or (
            f"Already sent, still failing: {failing}." if failing else "No failures."
        )
        return dg.SensorResult(skip_reason=dg.SkipReason(message), cursor=cursors.encode(after))

    return alert


def _mark(instance: dg.DagsterInstance, *tables: Table) -> str | None:
    """A fingerprint of the tables' content; None if the first was never built."""
    keys = [dg.AssetKey(table.asset_key) for table in tables]
    latest = latest_ids(instance, keys)
    if latest.get(keys[0]) is None:
        return None
    text = " ".join(str(latest.get(key)) for key in keys)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
