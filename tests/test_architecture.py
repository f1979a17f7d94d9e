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

# A part may import itself and the parts on the lines above its own.
LAYERS = (
    {"coordination", "days", "files", "schema", "wording"},
    {"http"},
    {"providers"},
    {"tables"},
    {"environment"},
    {"settings", "warehouse"},
    {"transforms", "ingest", "runtime", "scorecard", "reading"},
    {"summary"},
    {"reports", "ad_spend", "publish"},
    {"assets", "query"},
    {"freshness"},
    {"checks", "diagnosis"},
    {"automation"},
    {"alerts"},
    {"backfill"},
    {"privacy", "jobs"},
    {"service"},
    {"definitions", "defs", "scaffolding"},
    {"component"},
    {"demo", "host_project"},
    {"cli", "operations"},  # the second has former paths that deployments reference
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The top-level package or module that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path) -> Iterator[str]:
    """Everything in this package that a module imports, at any level of nesting."""
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
def test_a_module_imports_only_its_own_part_and_lower_parts(path: Path) -> None:
    part = part_of(module_name(path))
    used = own_imports(path) - {part, ""}
    if part == "sandbox":
        assert used <= {"schema", "tables"}
    elif part == "":
        assert used <= {"settings", "warehouse", "reading"}, (
            "what read_table needs, when it is called"
        )
    else:
        assert part in RANK, f"say in this test where {part} belongs"
        allowed = {name for name, rank in RANK.items() if rank < RANK[part]}
        if part in {"demo", "cli"}:
            allowed.add("sandbox")
        assert used <= allowed


def test_every_part_named_here_exists() -> None:
    there = {part_of(module_name(path)) for path in modules()} - {""}
    assert set(RANK) | {"sandbox"} == there


def test_parts_below_the_assets_do_not_import_dagster() -> None:
    below = set().union(*LAYERS[: RANK["assets"]]) - {"settings", "environment", "runtime"}
    for path in modules():
        part = part_of(module_name(path))
        if part in below | {"sandbox"}:
            foreign = {name.split(".")[0] for name in imports(path)}
            assert "dagster" not in foreign, module_name(path)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_only_runtime_uses_the_internals_of_dagster(path: Path) -> None:
    if part_of(module_name(path)) != "runtime":
        assert not re.search(r"\bdagster(_\w+)?\._|\bdagster_shared\b", path.read_text())


TRICKS = ("os._exit", "mallopt", "gc.disable", "method-assign", "sys.modules")


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_no_module_uses_process_level_tricks(path: Path) -> None:
    text = path.read_text()
    assert not [trick for trick in TRICKS if trick in text]


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_no_module_monkey_patches_its_imports(path: Path) -> None:
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
    """The objects whose attributes a statement sets."""
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
def test_every_module_opens_with_a_docstring(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text, module_name(path)
    assert text.splitlines()[0].endswith((".", ":"))


def test_no_module_or_query_is_too_long() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in [*modules(), *sorted(ROOT.rglob("*.sql"))]
    }
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}
