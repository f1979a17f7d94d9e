"""README and docs: what they name exists, and what they tell the reader to write works."""

import ast
import dataclasses
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from feedback_assets.cli import app
from feedback_assets.environment.listed import FILES
from feedback_assets.providers import BUILT_IN, registry
from feedback_assets.providers.provider import Provider, Source
from feedback_assets.providers.registry import PROVIDERS, REGISTRY
from feedback_assets.settings import variables
from feedback_assets.tables import find_table

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What is read in the repository and not on the site. The changelog may name what is gone.
CHANGELOG = ROOT / "CHANGELOG.md"
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "AGENTS.md"]
ADDING = ROOT / "docs" / "adding-a-provider.md"
START = ROOT / "docs" / "start.md"
LARGEST = 300_000  # bytes of a picture; who clones the project carries every version of it
PREFIXES = ("FEEDBACK_", *(f"{provider.name.upper()}_" for provider in REGISTRY))

each_page = pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=lambda page: page.name)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _code(page: Path) -> list[str]:
    """What stands between backquotes, within a line and in blocks; of blocks each line."""
    text = _text(page)
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    without = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", without)]
    return [line for block in blocks for line in block.splitlines()] + spans


def _anchors(page: Path) -> set[str]:
    text = _text(page)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("page", [*PAGES, *GUIDES, CHANGELOG], ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name).resolve() if name else page
        assert aim.exists(), target
        assert not anchor or anchor in _anchors(aim), target


@pytest.mark.parametrize("page", [PAGES[0], ROOT / "docs" / "index.md"], ids=lambda page: page.name)
def test_who_begins_at_readme_or_index_finds_every_page(page: Path) -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+)\)", _text(page))
    }
    assert [other.name for other in PAGES[1:] if other not in {*linked, page}] == []


def _menu(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for aim in entry.values():
            yield from [aim] if isinstance(aim, str) else _menu(aim)


def test_the_menu_of_the_site_has_every_page_once() -> None:
    project = tomllib.loads(_text(ROOT / "zensical.toml"))["project"]
    assert sorted(_menu(project["nav"])) == sorted(page.name for page in PAGES[1:])


def test_the_pictures_are_all_shown_and_small() -> None:
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    shown = "".join(_text(page) for page in PAGES)
    assert pictures
    for picture in pictures:
        assert f"images/{picture.name})" in shown, picture.name
        assert picture.stat().st_size <= LARGEST, f"{picture.name}: make pictures, of less"


@each_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))
    for code in _code(page):
        named = re.match(r"make ([a-z]+)\b", code)
        if named:
            assert named[1] in targets, code


@each_page
def test_every_command_and_option_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for code in _code(page):
        named = re.match(r"(?:\.venv/bin/)?feedback-assets ([a-z].*)", code)
        if not named:
            continue
        name, *words = shlex.split(named[1].split("  #")[0])
        assert name in commands, code
        options = {option for parameter in commands[name].params for option in parameter.opts}
        for word in words:
            assert not word.startswith("--") or word in options, code


def _settings() -> set[str]:
    return variables()


@each_page
def test_every_setting_exists(page: Path) -> None:
    for name in re.findall(r"\b[A-Z][A-Z_]+\b", _text(page)):
        if name.startswith(PREFIXES):
            assert name in _settings(), name


def test_the_example_of_the_settings_names_each_of_them_once() -> None:
    named = re.findall(r"^# ([A-Z_]+)=", _text(ROOT / ".env.example"), re.MULTILINE)
    assert sorted(named) == sorted(_settings())


def test_every_setting_of_a_provider_is_explained() -> None:
    text = _text(ROOT / "docs" / "providers.md")
    own = {name for name in _settings() if name.startswith(PREFIXES[1:])}
    assert {name for name in own if f"| `{name}` |" not in text} == set()


@pytest.mark.parametrize("provider", REGISTRY, ids=lambda provider: provider.name)
def test_check_names_the_places_that_the_page_names(provider: Provider) -> None:
    page = " ".join(_text(ROOT / "docs" / "providers.md").split())
    places = re.findall(r'"([^"]+)"|(\b[A-Z]{3,}_[A-Z_]+\b)|(\w+ → \w+)', provider.found)
    for place in ("".join(groups) for groups in places):
        assert place in page, place
    assert provider.found.endswith(".")


@each_page
def test_every_file_of_the_project_that_is_named_exists(page: Path) -> None:
    for code in _code(page):
        if re.fullmatch(r"(feedback_assets|tests|docs|deploy|benchmarks)/[\w./-]+", code):
            assert (ROOT / code).exists() or "delighted" in code, code


@each_page
def test_every_table_that_is_queried_exists(page: Path) -> None:
    groups = "|".join((*PROVIDERS, "unified", "marts"))
    for code in _code(page):
        for name in re.findall(rf"(?:from |^)((?:{groups})\.[a-z_]+)", code):
            find_table(name)


def test_imports_run_as_the_architecture_says() -> None:
    rows = re.findall(
        r"^\| (`[a-z_`, ]+`) \| (.+) \|$", _text(ROOT / "docs" / "architecture.md"), re.MULTILINE
    )
    allowed: dict[str, set[str]] = {}
    for names, imported in rows:
        for name in re.findall(r"`([a-z_]+)`", names):
            allowed[name] = set(re.findall(r"`([a-z_]+)`", imported))
    package = ROOT / "feedback_assets"
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in allowed, f"docs/architecture.md does not say what {own} imports"
        for module in _imported(path):
            part = module.split(".")[1]
            assert part in {own, "days"} | allowed[own], (
                f"{path.relative_to(ROOT)} imports {module}"
            )


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("feedback_assets."))


def test_no_module_but_a_providers_own_knows_three_of_them_by_name() -> None:
    package = ROOT / "feedback_assets"
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] in {"providers", "sandbox"}:
            continue
        literals = {
            node.value
            for node in ast.walk(ast.parse(_text(path)))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert len(literals & set(PROVIDERS)) < 3, path.relative_to(ROOT)


@pytest.mark.parametrize("name", FILES)
def test_the_settings_of_the_providers_are_listed_as_they_are_declared(name: str) -> None:
    text = _text(ROOT / name)
    assert FILES[name](text) == text, "make docs"


def test_the_page_on_adding_one_names_what_is_there() -> None:
    text = _text(ADDING)
    assert f"`{registry.GROUP}`" in text
    assert "`BUILT_IN` in `feedback_assets/providers/__init__.py`" in text
    assert REGISTRY[: len(BUILT_IN)] == BUILT_IN
    options = {field.name for field in dataclasses.fields(Source)} - {"tables", "ask"}
    assert {name for name in options if f"`{name}`" not in text} == set()


# docs/start.md: tests/test_walk.py follows it.


def test_the_page_names_what_each_provider_needs() -> None:
    """The table of the page, and the lines that it has its reader write into ``.env``."""
    rows = re.findall(r"^\| \[[^\]]+\]\(providers\.md#([a-z-]+)\)", _text(START), re.MULTILINE)
    assert sorted(row.replace("-", "_") for row in rows) == sorted(PROVIDERS)
    written = re.findall(r"^([A-Z_]+)=", _text(START), re.MULTILINE)
    feedbackpulse = {name for name in written if name.startswith("FEEDBACKPULSE_")}
    assert feedbackpulse == {"FEEDBACKPULSE_URL", "FEEDBACKPULSE_API_KEY"}
