"""The schedules and sensors that keep the tables up to date: switched, and how they stand.

They are switched as the UI switches them, by Dagster's GraphQL, here without a webserver. What is
stored counts for every UI and daemon on this home.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from feedback_assets.operations.alert_sensors import DETRACTORS, FAILURES
from feedback_assets.operations.backfill import open_instance
from feedback_assets.operations.failed_days import SENSOR as FAILED_DAYS
from feedback_assets.operations.location import LOCATION, carry_over
from feedback_assets.operations.programs import Place, place
from feedback_assets.operations.refresh_sensor import NAME as REFRESH
from feedback_assets.operations.schedules import DAILY, MONTHLY
from feedback_assets.settings import Settings

# The schedules that read, and the sensors that follow them. Sensors that ask a provider for new
# answers every few minutes (``read_new_*``) spend its quota all day: they are switched one by one.
ALWAYS = (DAILY, MONTHLY, REFRESH, FAILED_DAYS)
WITH_ALERT_URLS = (DETRACTORS, FAILURES)
# A daemon reports every 30 seconds.
_ALIVE = timedelta(minutes=2)

_STATE = "id status nextTick { timestamp } ticks(limit: 1) { timestamp status }"
_STATUS = f"""
query Status($location: String!) {{
  workspaceOrError {{
    ... on Workspace {{
      locationEntries {{ locationOrLoadError {{ ... on PythonError {{ message }} }} }}
    }}
  }}
  repositoryOrError(
    repositorySelector: {{repositoryLocationName: $location, repositoryName: "__repository__"}}
  ) {{
    __typename
    ... on Repository {{
      schedules {{ name scheduleState {{ {_STATE} }} }}
      sensors {{ name sensorState {{ {_STATE} }} }}
    }}
    ... on RepositoryNotFoundError {{ message }}
    ... on PythonError {{ message }}
  }}
  instance {{
    daemonHealth {{ allDaemonStatuses {{ daemonType lastHeartbeatTime }} }}
  }}
}}
"""
_SCHEDULE = f"... on ScheduleStateResult {{ state: scheduleState {{ {_STATE} }} }}"
# The mutation that switches, its argument, and where the new state stands in its answer.
_SWITCH = {
    ("schedules", True): ("startSchedule", "scheduleSelector", _SCHEDULE),
    ("schedules", False): ("stopRunningSchedule", "id", _SCHEDULE),
    ("sensors", True): (
        "startSensor",
        "sensorSelector",
        f"... on Sensor {{ state: sensorState {{ {_STATE} }} }}",
    ),
    ("sensors", False): (
        "stopSensor",
        "id",
        f"... on StopSensorMutationResult {{ state: instigationState {{ {_STATE} }} }}",
    ),
}


class NotSwitched(RuntimeError):
    """The definitions cannot be loaded, or Dagster refused; says why."""


@dataclass(frozen=True)
class Switch:
    """A schedule or sensor and how it stands; ``switched``: ``on`` and ``off`` are about it."""

    name: str
    kind: str
    on: bool
    switched: bool
    next_tick: datetime | None
    last_tick: datetime | None
    last_status: str


@dataclass(frozen=True)
class Status:
    """All schedules and sensors, and when the daemon last reported, if it ever did."""

    switches: tuple[Switch, ...]
    heartbeat: datetime | None

    @property
    def daemon_runs(self) -> bool:
        return self.heartbeat is not None and datetime.now(UTC) - self.heartbeat < _ALIVE


def switch(settings: Settings, given: Mapping[str, str], *, on: bool | None) -> Status:
    """Switch the automation on or off, or neither; how it stands afterwards.

    ``on`` leaves out the alerts where no ``FEEDBACK_ALERT_URLS`` are set; ``off`` includes them.
    ``given`` is the environment as it was before the settings were read.
    """
    with open_instance(settings) as instance:
        carry_over(instance)
    chosen = ALWAYS if on and not settings.alert_urls else (*ALWAYS, *WITH_ALERT_URLS)
    with place(settings, given) as there:
        found = _ask(there, _STATUS, {"location": LOCATION})
        states = {name: (kind, state) for kind, name, state in _states(found)}
        wanted = [
            name
            for name in chosen
            if on is not None and name in states and _is_on(states[name][1]) != on
        ]
        if wanted:
            calls = [_call(name, *states[name], on=bool(on)) for name in wanted]
            changed = _ask(there, f"mutation {{ {' '.join(calls)} }}", {})
            states |= {name: (states[name][0], changed[name]["state"]) for name in wanted}
    return Status(
        tuple(_switch(name, kind, state) for name, (kind, state) in states.items()),
        _heartbeat(found),
    )


def _states(found: Any) -> Iterator[tuple[str, str, Any]]:
    repository = found["repositoryOrError"]
    for kind, field in (("schedules", "scheduleState"), ("sensors", "sensorState")):
        for each in repository[kind]:
            yield kind, each["name"], each[field]


def _is_on(state: Any) -> bool:
    return bool(state["status"] == "RUNNING")


def _call(name: str, kind: str, state: Any, *, on: bool) -> str:
    """The mutation that switches one, under its name."""
    mutation, argument, answer = _SWITCH[kind, on]
    value = json.dumps(state["id"])
    if on:
        value = (
            f'{{repositoryLocationName: "{LOCATION}", repositoryName: "__repository__", '
            f'{kind.removesuffix("s")}Name: "{name}"}}'
        )
    errors = "... on PythonError { message } ... on UnauthorizedError { message }"
    return f"{name}: {mutation}({argument}: {value}) {{ {answer} {errors} }}"


def _switch(name: str, kind: str, state: Any) -> Switch:
    last = next(iter(state["ticks"]), None)
    return Switch(
        name=name,
        kind=kind.removesuffix("s"),
        on=_is_on(state),
        switched=name in {*ALWAYS, *WITH_ALERT_URLS},
        next_tick=_moment(state["nextTick"]),
        last_tick=_moment(last),
        last_status=last["status"].lower() if last else "",
    )


def _heartbeat(found: Any) -> datetime | None:
    beats = [
        datetime.fromtimestamp(each["lastHeartbeatTime"], UTC)
        for each in found["instance"]["daemonHealth"]["allDaemonStatuses"]
        if each["daemonType"] in {"SCHEDULER", "SENSOR"} and each["lastHeartbeatTime"]
    ]
    return max(beats, default=None)


def _moment(tick: Mapping[str, float] | None) -> datetime | None:
    return datetime.fromtimestamp(tick["timestamp"], UTC) if tick else None


def _ask(there: Place, query: str, variables: Mapping[str, str]) -> Any:
    """What Dagster answers; raises ``NotSwitched`` with the first error in it."""
    answer = there.directory / "answer.json"
    answer.unlink(missing_ok=True)
    command = there.command(
        "dagster-graphql", "-w", there.workspace, "-o", str(answer), "-t", query,
        "-v", json.dumps(variables),
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
        raise NotSwitched(f"dagster-graphql failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    body = json.loads(answer.read_text(encoding="utf-8"))
    if body.get("errors"):
        raise NotSwitched(f"dagster-graphql failed: {body['errors'][0]['message']}")
    message = _first_message(body["data"])
    if message:
        raise NotSwitched(message)
    return body["data"]


def _first_message(data: Any) -> str:
    """The message of the first error among the answers, wherever it stands in them."""
    if isinstance(data, Mapping):
        if isinstance(data.get("message"), str):
            return str(data["message"]).strip()
        return next((found for each in data.values() if (found := _first_message(each))), "")
    if isinstance(data, list):
        return next((found for each in data if (found := _first_message(each))), "")
    return ""
