"""The schedules and sensors that keep the tables up to date: switching them, and their status.

The stored state applies to every UI and daemon on this home.
"""

import json
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from feedback_assets.alerts.sensors import DETRACTORS, FAILURES
from feedback_assets.alerts.weekly_sensor import NAME as WEEKLY
from feedback_assets.automation.ad_spend_sensor import NAME as AD_SPEND
from feedback_assets.automation.old_run_logs import SCHEDULE as OLD_RUN_LOGS
from feedback_assets.automation.refresh_sensor import NAME as REFRESH
from feedback_assets.automation.schedules import DAILY, MONTHLY
from feedback_assets.freshness.failed_days import SENSOR as FAILED_DAYS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.service.location import REPOSITORY, carry_over, location_of
from feedback_assets.service.programs import place
from feedback_assets.settings import Settings

# The schedules that read, the sensors that follow them, and the clean-up of DAGSTER_HOME. Sensors
# that poll a provider every few minutes (``read_new_*``) use its quota all day: they are switched
# individually.
ALWAYS = (DAILY, MONTHLY, AD_SPEND, REFRESH, FAILED_DAYS, OLD_RUN_LOGS)
WITH_ALERT_URLS = (DETRACTORS, FAILURES, WEEKLY)
# A daemon reports every 30 seconds.
_ALIVE = timedelta(minutes=2)
_SENSOR_SECONDS = 30

Defined = dg.ScheduleDefinition | dg.SensorDefinition


class NotSwitched(RuntimeError):
    """The definitions cannot be loaded, or Dagster refused; includes the reason."""


@dataclass(frozen=True)
class Switch:
    """A schedule or sensor and its state; ``switched``: whether ``on`` and ``off`` apply to it."""

    name: str
    on: bool
    switched: bool
    when: str
    next_tick: datetime | None
    last_tick: datetime | None
    last_status: str


@dataclass(frozen=True)
class Status:
    """All schedules and sensors, and the last heartbeat of the daemon, if any."""

    switches: tuple[Switch, ...]
    heartbeat: datetime | None

    @property
    def daemon_runs(self) -> bool:
        return self.heartbeat is not None and datetime.now(UTC) - self.heartbeat < _ALIVE


def switch(
    settings: Settings, defs: dg.Definitions, given: Mapping[str, str], *, on: bool | None
) -> Status:
    """Switch the automation on or off, or neither; returns the resulting status.

    ``on`` skips the alerts if no ``FEEDBACK_ALERT_URLS`` are set; ``off`` includes them.
    ``given`` is the environment as it was before the settings were read.
    """
    defined = [*_defined(defs.schedules), *_defined(defs.sensors)]
    switched = {settings.names.called(name) for name in (*ALWAYS, *WITH_ALERT_URLS)}
    chosen = switched
    if on and not settings.alert_urls:
        chosen = {settings.names.called(name) for name in ALWAYS}
    location = location_of(settings).name
    with open_instance(settings) as instance:
        if settings.account.root is None:
            carry_over(instance)
        states = _states(instance, location)
        if on:
            off = [each for each in defined if each.name in chosen and not _on(states, each.name)]
            if off:
                _start(settings, given, off)
        elif on is not None:
            for name in chosen:
                if _on(states, name):
                    stopped = type(states[name].status).STOPPED
                    instance.update_instigator_state(states[name].with_status(stopped))
        states = _states(instance, location)
        return Status(
            tuple(_switch_of(instance, each, states.get(each.name), switched) for each in defined),
            _heartbeat(instance),
        )


def _defined(found: Iterable[Any] | None) -> list[Defined]:
    kinds = (dg.ScheduleDefinition, dg.SensorDefinition)
    return [each for each in found or () if isinstance(each, kinds)]


def _states(instance: dg.DagsterInstance, location: str) -> dict[str, Any]:
    """The stored state of the schedules and sensors of a code location, by name."""
    return {
        state.instigator_name: state
        for state in instance.all_instigator_state()
        if state.repository_selector.location_name == location
        and state.repository_selector.repository_name == REPOSITORY
    }


def _on(states: Mapping[str, Any], name: str) -> bool:
    return name in states and bool(states[name].is_running)


def _start(settings: Settings, given: Mapping[str, str], off: Collection[Defined]) -> None:
    """Start them like the UI, through Dagster's GraphQL API, which needs no running webserver."""
    location = location_of(settings).name
    calls = []
    for each in off:
        kind = "Schedule" if isinstance(each, dg.ScheduleDefinition) else "Sensor"
        selector = (
            f'{{repositoryLocationName: "{location}", repositoryName: "{REPOSITORY}", '
            f'{kind.lower()}Name: "{each.name}"}}'
        )
        errors = ("PythonError", "UnauthorizedError", f"{kind}NotFoundError")
        on_error = " ".join(f"... on {error} {{ message }}" for error in errors)
        calls.append(
            f"{each.name}: start{kind}({kind.lower()}Selector: {selector})"
            f" {{ __typename {on_error} }}"
        )
    with place(settings, given) as there:
        answer = there.directory / "answer.json"
        command = there.command(
            "dagster-graphql", "-w", there.workspace, "-o", str(answer),
            "-t", f"mutation {{ {' '.join(calls)} }}",
        )  # fmt: skip
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=there.directory,
            env=dict(there.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if not answer.is_file():
            output = (done.stderr or done.stdout).strip()
            raise NotSwitched(f"dagster-graphql failed: {output[-2000:]}")
        body = json.loads(answer.read_text(encoding="utf-8"))
    messages = [error["message"] for error in body.get("errors") or ()]
    messages += [each["message"] for each in (body["data"] or {}).values() if "message" in each]
    if messages:
        raise NotSwitched(messages[0].strip())


def _switch_of(
    instance: dg.DagsterInstance, each: Defined, state: Any, switched: Collection[str]
) -> Switch:
    on = state is not None and bool(state.is_running)
    ticks = (
        instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1) if state else ()
    )
    upcoming = None
    if isinstance(each, dg.ScheduleDefinition):
        cron, zone = str(each.cron_schedule), each.execution_timezone or "UTC"
        when = f"{cron} {zone}"
        upcoming = next_tick(cron, zone, datetime.now(UTC)) if on else None
    else:
        when = f"every {each.minimum_interval_seconds or _SENSOR_SECONDS} s"
    return Switch(
        name=each.name,
        on=on,
        switched=each.name in switched,
        when=when,
        next_tick=upcoming,
        last_tick=datetime.fromtimestamp(ticks[0].timestamp, UTC) if ticks else None,
        last_status=ticks[0].status.value.lower() if ticks else "",
    )


def next_tick(cron: str, zone: str, now: datetime) -> datetime | None:
    """The next tick of one of this project's schedules: daily, once a week or once a month."""
    minute, hour, wanted, _, weekday = cron.split()
    today = now.astimezone(ZoneInfo(zone)).date()
    for ahead in range(62):
        day = today + timedelta(days=ahead)
        moment = datetime.combine(day, time(int(hour), int(minute)), ZoneInfo(zone))
        fits = wanted in ("*", str(day.day)) and weekday in ("*", str(day.isoweekday() % 7))
        if moment > now and fits:
            return moment.astimezone(UTC)
    return None


def _heartbeat(instance: dg.DagsterInstance) -> datetime | None:
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    return datetime.fromtimestamp(max(beats), UTC) if beats else None
