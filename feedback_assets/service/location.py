"""The name of the code location, and the migration of switches from its former names.

Dagster stores whether a schedule or sensor is on under the name of its code location. Version 0.1
had three names: the one in ``workspace.yaml``, the module (``dagster dev``) and the name of the
project's directory (``dg dev``).
"""

import json
from typing import Any, cast

import dagster as dg

from feedback_assets.settings import PROJECT_ROOT

LOCATION = "feedback_assets"
MODULE = "feedback_assets.definitions"
# The last one was used by the Helm chart.
EARLIER = frozenset({MODULE, PROJECT_ROOT.name, "feedback-assets"}) - {LOCATION}
REPOSITORY = "__repository__"


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
