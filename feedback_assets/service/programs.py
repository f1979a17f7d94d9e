"""Dagster's programs for this project: their environment, working directory and workspace.

Dagster loads ``.env`` from the working directory and lets it override the environment. So its
programs start in an empty directory, and settings come from the environment, then from ``.env``.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from feedback_assets.service.location import location_of
from feedback_assets.settings import Settings, dotenv_file, variables
from feedback_assets.warehouse.temporary_names import make_scratch, remove_scratch

WORKSPACE = "workspace.yaml"


@dataclass(frozen=True)
class Place:
    """Where a Dagster program starts: its working directory and environment."""

    directory: Path
    environment: Mapping[str, str]

    @property
    def workspace(self) -> str:
        return str(self.directory / WORKSPACE)

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of a program in this Python environment."""
        return [str(Path(sys.executable).with_name(program)), *arguments]


@contextmanager
def place(settings: Settings, given: Mapping[str, str]) -> Iterator[Place]:
    """A directory for a Dagster program, removed afterwards.

    ``given`` is the environment as it was before the settings were read.
    """
    # If this process is killed, the next one removes it.
    directory = make_scratch()
    try:
        location = location_of(settings)
        target = {
            "module_name": location.module,
            "location_name": location.name,
            "working_directory": str(location.directory),
        }
        # JSON is YAML.
        content = json.dumps({"load_from": [{"python_module": target}]})
        (directory / WORKSPACE).write_text(content, encoding="utf-8")
        yield Place(directory, environment(settings, given))
    finally:
        remove_scratch(directory)


def environment(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """The environment ``given``, with ``.env`` as fallback, and this project's home."""
    if settings.account.root is not None:
        # Another project's .env, whose variables this process has read, may set anything.
        return {**os.environ, "DAGSTER_HOME": str(settings.dagster_home.absolute())}
    own = variables()
    # The code server of a checkout reads .env itself, and again on each reload.
    rereads = (dotenv_file().parent / "pyproject.toml").is_file()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in given or not (rereads and name in own)
    }
    fixed = {"DAGSTER_HOME": str(settings.dagster_home.absolute())}
    if not rereads:
        fixed["FEEDBACK_WAREHOUSE"] = settings.warehouse
    return kept | fixed
