"""How Dagster is loading the definitions, and the settings of the project's instance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.instance.ref import InstanceRef


def is_first_load() -> bool:
    """Whether a code location is being loaded, not a run or step of a loaded one."""
    return DefinitionsLoadContext.get().load_type is DefinitionsLoadType.INITIALIZATION


def instance_settings(home: Path) -> Mapping[str, Any]:
    """The settings in the ``dagster.yaml`` of a ``DAGSTER_HOME``; opens no storage."""
    if not home.is_dir():
        return {}
    return InstanceRef.from_dir(str(home)).settings or {}
