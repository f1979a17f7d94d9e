"""Another Dagster project, as ``create-dagster`` writes it, with accounts in it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

PYPROJECT = """
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{name}"
registry_modules = ["{name}.components.*"]
"""
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
TYPE = "feedback_assets.component.FeedbackAssets"


def make_project(root: Path, name: str) -> Path:
    """An empty project whose package has this name; returns its folder of definitions."""
    defs = root / "src" / name / "defs"
    defs.mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT.format(name=name))
    (root / "src" / name / "__init__.py").touch()
    (root / "src" / name / "definitions.py").write_text(DEFINITIONS)
    (defs / "__init__.py").touch()
    return defs


def add_account(defs: Path, prefix: str, attributes: str = "", *, warehouse: str = "") -> Path:
    """Write the ``defs.yaml`` of an account; ``attributes`` are further lines of YAML."""
    file = defs / prefix / "defs.yaml"
    file.parent.mkdir(exist_ok=True)
    lines = [f"type: {TYPE}", "", "attributes:", f"  key_prefix: {prefix}"]
    lines += [f"  warehouse: {warehouse or f'data/{prefix}'}"]
    lines += [f"  {line}" for line in attributes.splitlines() if line]
    file.write_text("\n".join(lines) + "\n")
    return file


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """The package of the project can be imported, as if it were installed."""
    before = set(sys.modules)
    sys.path.insert(0, str(root / "src"))
    try:
        yield
    finally:
        sys.path.remove(str(root / "src"))
        own = {path.name for path in (root / "src").iterdir()}
        for name in set(sys.modules) - before:
            if name.split(".")[0] in own:
                del sys.modules[name]


def loaded(root: Path) -> dg.Definitions:
    """All definitions of the project."""
    with importable(root):
        return dg.ComponentTree.for_project(root).build_defs()


def dotenv(accounts: Mapping[str, Mapping[str, str]]) -> str:
    """The settings of several accounts as lines of ``.env``."""
    return "".join(
        f"{prefix.upper()}_{name}={value}\n"
        for prefix, settings in accounts.items()
        for name, value in settings.items()
    )
