"""Installed packages are the pinned ones: constraints.txt has every package and its hashes."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PINS = (
    "constraints.txt",
    "constraints-tools.txt",
    "constraints-docs.txt",
    "constraints-image.txt",
    "constraints-server.txt",
    "constraints-spark.txt",
)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)")


def pins(name: str) -> dict[str, list[tuple[Version, int]]]:
    """By package, the pinned versions (one for each marker), and the number of hashes of each."""
    found: dict[str, list[tuple[Version, int]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text()):
        pin = _PIN.match(block)
        assert pin is not None, f"{name}: not a pin: {block[:80]}"
        count = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block))
        found.setdefault(canonicalize_name(pin[1]), []).append((Version(pin[2]), count))
    return found


def declared() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    base = project["project"]["dependencies"]
    wanted = {
        "constraints.txt": base + project["build-system"]["requires"],
        "constraints-tools.txt": project["dependency-groups"]["tools"],
        "constraints-docs.txt": project["dependency-groups"]["docs"],
        "constraints-image.txt": base + project["dependency-groups"]["image"],
        "constraints-server.txt": base + project["dependency-groups"]["server"],
        "constraints-spark.txt": base,
    }
    for line in (ROOT / "Makefile").read_text().splitlines():
        for name in re.findall(r"--extra (\S+)", line):
            wanted[line.split("-o ")[1].split()[0]] += extras[name]
    assert set(extras["dev"]) <= {*wanted["constraints.txt"]}
    return {name: [Requirement(text) for text in texts] for name, texts in wanted.items()}


@pytest.mark.parametrize("name", PINS)
def test_every_declared_package_is_pinned_within_its_range(name: str) -> None:
    pinned = pins(name)
    for requirement in declared()[name]:
        versions = pinned.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not in {name}: make constraints"
        for version, _ in versions:
            assert version in requirement.specifier, f"{requirement} is {version}: make constraints"


@pytest.mark.parametrize("name", ["constraints-image.txt", "constraints-server.txt"])
def test_a_deployment_uses_the_tested_versions(name: str) -> None:
    tested, built = pins("constraints.txt"), pins(name)
    shared = tested.keys() & built.keys()
    assert "dagster" in shared
    for package in shared:
        installed = {version for version, _ in built[package]}
        assert installed <= {version for version, _ in tested[package]}


def test_every_dependency_is_imported_or_is_a_program_or_data() -> None:
    programs_and_data = {"dagster-webserver", "dagster-dg-cli", "tzdata"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {
        canonicalize_name(Requirement(text).name) for text in project["project"]["dependencies"]
    }
    modules: dict[str, set[str]] = {name: set() for name in names - programs_and_data}
    for module, distributions in packages_distributions().items():
        for distribution in map(canonicalize_name, distributions):
            if distribution in modules:
                modules[distribution].add(module)
    imported = {
        name.split(".")[0]
        for path in (ROOT / "feedback_assets").rglob("*.py")
        for name in re.findall(r"^\s*(?:import|from) ([\w.]+)", path.read_text(), re.MULTILINE)
    }
    assert {name for name, found in modules.items() if not found & imported} == set()


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_digests(name: str) -> None:
    assert [package for package, found in pins(name).items() if not all(n for _, n in found)] == []


@pytest.mark.parametrize("name", PINS)
def test_pins_name_packages_without_a_download_location(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert " @ " not in text


def test_make_installs_only_hashed_packages() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "(INSTALL) " in line]
    assert len(lines) == 5
    for line in lines:
        assert ("--require-hashes" in line) != ("--no-build-isolation" in line), line
        assert "--no-deps" in line


@pytest.mark.parametrize("name", ["server", "cluster"])
def test_the_deployment_readme_installs_only_pinned_packages(name: str) -> None:
    text = (ROOT / "deploy" / name / "README.md").read_text()
    lines = [line.strip() for line in text.splitlines() if "pip install" in line]
    assert len(lines) == 2
    assert lines[0].endswith("--require-hashes --no-deps -r constraints-server.txt")
    assert lines[1].endswith("--no-deps --no-build-isolation .")


def test_no_guide_installs_an_unpinned_package() -> None:
    for path in (*ROOT.glob("deploy/**/*.md"), ROOT / "docs" / "deploy.md"):
        for line in path.read_text().splitlines():
            if "pip install" in line:
                pinned = "-r constraints-" in line or "==" in line or line.endswith("-isolation .")
                assert pinned, f"{path.relative_to(ROOT)}: {line}"
