"""What contributors are given: hooks, templates, the hosted workflow, and a changelog."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback_assets.providers.registry import REGISTRY

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"


def _loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-workflows", WORKFLOW),
        ("github-issue-config", FORMS / "config.yml"),
        ("github-issue-forms", FORMS / "bug.yml"),
        ("github-issue-forms", FORMS / "provider.yml"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_github_can_read_the_workflow_and_the_forms(schema: str, path: Path) -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", f"vendor.{schema}", path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_ci_with_read_access_and_pinned_actions() -> None:
    workflow = _loaded(WORKFLOW)
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    assert any(".ci/run" in step.get("run", "") for step in job["steps"])
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert actions
    for action in actions:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action), action


def test_the_workflow_includes_the_oldest_python_that_is_supported() -> None:
    (job,) = _loaded(WORKFLOW)["jobs"].values()
    oldest = _project()["requires-python"].removeprefix(">=")
    assert job["strategy"]["matrix"]["python"][0] == oldest


def test_every_hook_runs_a_tool_of_the_environment() -> None:
    hooks = [
        hook
        for repo in _loaded(ROOT / ".pre-commit-config.yaml")["repos"]
        for hook in repo["hooks"]
    ]
    assert hooks
    for hook in hooks:
        tool = hook["entry"].split()[0]
        assert Path(tool).parent == Path(".venv/bin"), tool
        assert Path(sys.executable).with_name(Path(tool).name).exists(), tool


def test_a_bug_report_offers_every_provider() -> None:
    (offered,) = [
        field["attributes"]["options"]
        for field in _loaded(FORMS / "bug.yml")["body"]
        if field.get("id") == "provider"
    ]
    assert {provider.title for provider in REGISTRY} <= set(offered)


def test_the_changelog_has_the_version_that_is_installed_and_known_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert versions[1][0] == _project()["version"]
    assert all(day for _, day in versions[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_every_make_target_can_be_found_by_contributors() -> None:
    """`make test` is made of its parts; the others have a line of their own."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    text = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    parts = {"types", "tests", "pictures", "clean"}
    assert {name for name in phony[1].split() if f"make {name}" not in text} <= parts
