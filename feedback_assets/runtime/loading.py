"""How Dagster is loading the definitions, and what the instance of the project is set to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.instance.ref import InstanceRef


def is_first_load() -> bool:
    """Whether a code location is being loaded, and not a run or step of one that is loaded."""
    return DefinitionsLoadContext.get().load_type is DefinitionsLoadType.INITIALIZATION


def instance_settings(home: Path) -> Mapping[str, Any]:
    """The settings in the ``dagster.yaml`` of a ``DAGSTER_HOME``; opens no storage."""
    if not home.is_dir():
        return {}
    return InstanceRef.from_dir(str(home)).settings or {}
