"""Finds another Dagster project with accounts of this package, and reads their settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from feedback_assets.component import FeedbackAssets, refuse_overlaps
from feedback_assets.service.location import dg_project
from feedback_assets.settings import Settings, SettingsError, read_dotenv

_MENTIONED_AS = "feedback_assets"
_DEFINED_IN = {".py", ".yaml", ".yml"}


def find_host(start: Path) -> Path | None:
    """The root of the project that contains a directory, if it mentions this package."""
    for directory in (start, *start.parents):
        project = dg_project(directory)
        if project is not None:
            other = project["root_module"] != _MENTIONED_AS
            return directory if other and _mentions_this_package(directory) else None
    return None


def accounts_of(root: Path) -> dict[str, Settings]:
    """The settings of the project's accounts, by prefix; reads its ``.env`` first.

    Raises ``SettingsError``, including when the project cannot be loaded.
    """
    read_dotenv(root / ".env")
    failure = ""
    try:
        components = dg.ComponentTree.for_project(root).get_all_components(FeedbackAssets)
    except Exception as error:  # noqa: BLE001 - other people's modules may raise anything
        reason = " ".join(str(_first_cause(error)).split())
        failure = f"{root} cannot be loaded: {reason}; run: dg check defs"
    if failure:
        raise SettingsError(failure)
    found = [component.account_settings(root) for component in components]
    refuse_overlaps(found)
    return {settings.names.prefix: settings for settings in found}


def _first_cause(error: BaseException) -> BaseException:
    """The error that Dagster wrapped; its own is a drawing of the project's folders."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _mentions_this_package(root: Path) -> bool:
    """Whether a file of definitions may contain the component; cheaper than loading them all."""
    return any(_MENTIONED_AS in path.read_text(errors="replace") for path in _definitions(root))


def _definitions(root: Path) -> Iterator[Path]:
    for directory, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith((".", "node_modules", "data"))]
        for name in files:
            path = Path(directory, name)
            if path.suffix in _DEFINED_IN and "defs" in path.parts:
                yield path
