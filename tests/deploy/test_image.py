"""The image: its base, its user, and what it must not contain."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from tests.deploy.image import DOCKERFILE, ROOT, environment, instructions

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_dockerfile_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_both_stages_use_one_exact_python_version_that_the_pins_support() -> None:
    images = {line.split()[0] for line in instructions("FROM")}
    (image,) = images
    found = re.fullmatch(r"python:(3\.\d+\.\d+)-slim-[a-z]+", image)
    assert found
    assert found[1] in SpecifierSet(PROJECT["requires-python"])
    pinned_for = re.search(r"--python-version (\S+)", (ROOT / "Makefile").read_text())
    assert pinned_for
    assert found[1].startswith(f"{pinned_for[1]}.")


def test_only_hashed_packages_and_the_project_are_installed() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert [("--require-hashes" in line, "--no-build-isolation" in line) for line in installs] == [
        (True, False),
        (False, True),
    ]
    assert all("--no-deps" in line for line in installs)


def test_the_build_context_has_only_what_is_copied() -> None:
    ignored = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert ignored[0] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert let_in == copied
    assert all((ROOT / name).exists() for name in let_in)
    assert not any(name.startswith((".env", "dagster_home", "data")) for name in let_in)


def test_a_container_is_not_root_and_owns_the_directories_it_writes() -> None:
    user, group = instructions("USER")[-1].split(":")
    (made,) = [line for line in instructions("RUN") if "useradd" in line]
    assert f"--uid {user} " in made
    assert f"--gid {group} " in made
    for name in ("DAGSTER_HOME", "FEEDBACK_WAREHOUSE", "TMPDIR"):
        assert environment()[name] in made.split("--owner=feedback")[1]


def test_no_component_uploads_logs() -> None:
    assert environment()["DAGSTER_DISABLE_TELEMETRY"]


def test_the_image_starts_without_a_shell_and_with_an_init_process() -> None:
    assert instructions("ENTRYPOINT") == ['["tini", "--"]']
    assert instructions("CMD") == ['["feedback-assets", "--help"]']


def test_every_image_reference_uses_the_project_version() -> None:
    deploy = ROOT / "deploy"
    named = {
        (path.name, version)
        for path in deploy.rglob("*")
        if path.is_file()
        for version in re.findall(
            r"feedback-assets:(\d[\w.]*)|feedback-assets\n.*\n\s+tag: (\S+)",
            path.read_text(encoding="utf-8"),
        )
    }
    assert {"compose.yaml", "Dockerfile", "values.yaml"} <= {name for name, _ in named}
    assert {first or second for _, (first, second) in named} == {PROJECT["version"]}
