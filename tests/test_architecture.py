"""Imports run one way, so that each layer can be read, tested and replaced without those above."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import feedback_assets

ROOT = Path(feedback_assets.__file__).parent
NAME = feedback_assets.__name__

# A part may import itself and what stands on a line above its own.
LAYERS = (
    {"coordination", "files", "schema"},
    {"http"},
    {"providers"},
    {"tables"},
    {"environment"},
    {"settings", "warehouse"},
    {"transforms", "ingest", "scorecard"},
    {"reports"},
    {"assets", "query"},
    {"runtime", "freshness"},
    {"checks", "diagnosis"},
    {"automation"},
    {"alerts"},
    {"backfill"},
    {"privacy", "jobs"},
    {"service"},
    {"definitions", "defs"},
    {"demo"},
    {"cli", "operations"},  # the second holds former paths that deployments name
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The package or module right below the root to which a module belongs."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path) -> Iterator[str]:
    """Everything of this package that a module imports, wherever in it the import stands."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from feedback_assets import x` imports the module x.
            yield from (f"{module}.{name.name}" for name in node.names)


def own_imports(path: Path) -> set[str]:
    return {part_of(name) for name in imports(path) if name.split(".")[0] == NAME}


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_imports_only_its_own_part_and_those_below(path: Path) -> None:
    part = part_of(module_name(path))
    used = own_imports(path) - {part, ""}
    if part == "sandbox":
        assert used <= {"schema", "providers", "tables"}
    elif part == "":
        assert used <= {"settings", "warehouse", "schema", "tables"}, (
            "what read_table needs, when it is called"
        )
    else:
        assert part in RANK, f"say in this test where {part} belongs"
        allowed = {name for name, rank in RANK.items() if rank < RANK[part]}
        if part in {"demo", "cli"}:
            allowed.add("sandbox")
        assert used <= allowed


def test_no_part_is_named_here_that_is_not_there() -> None:
    there = {part_of(module_name(path)) for path in modules()} - {""}
    assert set(RANK) | {"sandbox"} == there


def test_what_stands_below_the_assets_knows_no_dagster() -> None:
    below = set().union(*LAYERS[: RANK["assets"]]) - {"settings", "environment"}
    for path in modules():
        part = part_of(module_name(path))
        if part in below | {"sandbox"}:
            foreign = {name.split(".")[0] for name in imports(path)}
            assert "dagster" not in foreign, module_name(path)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_opens_by_saying_what_it_is(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text, module_name(path)
    assert text.splitlines()[0].endswith((".", ":"))
