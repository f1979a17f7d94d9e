"""Imports run one way, so that each layer can be read, tested and replaced without those above."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import feedback_assets

ROOT = Path(feedback_assets.__file__).parent
NAME = feedback_assets.__name__
MOST_LINES = 400

# A part may import itself and what stands on a line above its own.
LAYERS = (
    {"coordination", "days", "files", "schema"},
    {"http"},
    {"providers"},
    {"tables"},
    {"environment"},
    {"settings", "warehouse"},
    {"transforms", "ingest", "runtime", "scorecard"},
    {"reports", "ad_spend"},
    {"assets", "query"},
    {"freshness"},
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
    below = set().union(*LAYERS[: RANK["assets"]]) - {"settings", "environment", "runtime"}
    for path in modules():
        part = part_of(module_name(path))
        if part in below | {"sandbox"}:
            foreign = {name.split(".")[0] for name in imports(path)}
            assert "dagster" not in foreign, module_name(path)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_only_runtime_touches_the_internals_of_dagster(path: Path) -> None:
    if part_of(module_name(path)) != "runtime":
        assert not re.search(r"\bdagster(_\w+)?\._|\bdagster_shared\b", path.read_text())


TRICKS = ("os._exit", "mallopt", "gc.disable", "method-assign", "sys.modules")


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_does_nothing_clever_with_the_process(path: Path) -> None:
    text = path.read_text()
    assert not [trick for trick in TRICKS if trick in text]


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_changes_nothing_that_it_imported(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        (name.asname or name.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    changed = [
        target
        for node in ast.walk(tree)
        for target in _changed_by(node)
        if isinstance(target, ast.Name) and target.id in imported
    ]
    assert not changed, [(target.id, target.lineno) for target in changed]


def _changed_by(node: ast.AST) -> Iterator[ast.expr]:
    """The objects of which a statement sets an attribute."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (_root(target.value) for target in targets if isinstance(target, ast.Attribute))
    elif (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
    ):
        yield _root(node.args[0])


def _root(value: ast.expr) -> ast.expr:
    while isinstance(value, ast.Attribute):
        value = value.value
    return value


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_opens_by_saying_what_it_is(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text, module_name(path)
    assert text.splitlines()[0].endswith((".", ":"))


def test_no_module_or_query_is_longer_than_can_be_read_at_once() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in [*modules(), *sorted(ROOT.rglob("*.sql"))]
    }
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}
