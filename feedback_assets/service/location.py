"""The name of the code location, and the migration of switches from its former names.

Dagster stores whether a schedule or sensor is on under the name of its code location. Version 0.1
had three names: the one in ``workspace.yaml``, the module (``dagster dev``) and the name of the
project's directory (``dg dev``).
"""

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dagster as dg

from feedback_assets.settings import PROJECT_ROOT, Settings

LOCATION = "feedback_assets"
MODULE = "feedback_assets.definitions"
# The last one was used by the Helm chart.
EARLIER = frozenset({MODULE, PROJECT_ROOT.name, "feedback-assets"}) - {LOCATION}
REPOSITORY = "__repository__"


@dataclass(frozen=True)
class Location:
    """A code location: the name under which Dagster stores its switches, and what it loads."""

    name: str
    module: str
    directory: Path


def location_of(settings: Settings) -> Location:
    """The location of the account: this project, or the one with the account's component.

    The name is the one that ``dg dev`` uses in that project.
    """
    root = settings.account.root
    if root is None:
        return Location(LOCATION, MODULE, PROJECT_ROOT)
    project = dg_project(root) or {}
    module = project.get("code_location_target_module") or f"{project['root_module']}.definitions"
    return Location(project.get("code_location_name") or root.name, module, root)


def dg_project(directory: Path) -> Mapping[str, str] | None:
    """The project that ``dg`` finds in a directory, as configured there; ``None``: it is none."""
    for name, within in (("dg.toml", ("project",)), ("pyproject.toml", ("tool", "dg", "project"))):
        found: Any = None
        with suppress(OSError, tomllib.TOMLDecodeError):
            found = tomllib.loads((directory / name).read_text(encoding="utf-8"))
        for part in within:
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict) and "root_module" in found:
            return found
    return None


def carry_over(instance: dg.DagsterInstance) -> list[str]:
    """Move schedules and sensors that are on under a former name; returns their names.

    One that was already switched under the current name is unchanged. Those that were off stay
    off. Cursors move along, so no alert is repeated, and a schedule continues after its last tick.
    """
    states = instance.all_instigator_state()
    ours = [state for state in states if state.repository_selector.repository_name == REPOSITORY]
    touched = {
        state.instigator_name
        for state in ours
        if state.repository_selector.location_name == LOCATION
    }
    moved = []
    for state in ours:
        name, earlier = state.instigator_name, state.repository_selector.location_name
        if earlier not in EARLIER or not state.is_running:
            continue
        if name not in touched:
            instance.add_instigator_state(_renamed(state, _last_tick(instance, state)))
            touched.add(name)
            moved.append(name)
        # If it stayed on, the daemon would warn of a missing location.
        instance.update_instigator_state(state.with_status(type(state.status).STOPPED))
    return sorted(moved)


def _last_tick(instance: dg.DagsterInstance, state: Any) -> float | None:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    return ticks[0].timestamp if ticks else None


def _renamed(state: Any, last_tick: float | None) -> Any:
    """The state under the current name, whatever kind of origin it has."""
    plain = json.loads(dg.serialize_value(state))
    origin = plain["origin"]["external_repository_origin"]["repository_location_origin"]
    origin["location_name"] = LOCATION
    data = plain["job_specific_data"] or {}
    if last_tick is not None and data.get("start_timestamp") is not None:
        # Ticks stay under the former name; without a start time, all since would count as missed.
        data["start_timestamp"] = max(data["start_timestamp"], last_tick + 1)
    return dg.deserialize_value(json.dumps(plain), cast("Any", type(state)))
