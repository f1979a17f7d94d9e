"""The wheel in a virtual environment without the repository."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Programs of the dependencies, which would otherwise run with the repository's Python.
PROGRAMS = ("create-dagster", "dg", "dagster", "dagster-daemon", "dagster-graphql")
PROGRAMS += ("dagster-webserver",)
_BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel; its dependencies are those of the tests."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def program(self, name: str) -> str:
        return str(self.python.with_name(name))

    def run_python(self, code: str) -> str:
        """What the code prints, run outside the repository."""
        return subprocess.run(
            [self.python, "-c", code], cwd=self.directory, check=True, capture_output=True,
            text=True, timeout=300, env={"PATH": "/usr/bin:/bin"},
        ).stdout.strip()  # fmt: skip


def install_wheel(directory: Path) -> Installed:
    """Build the wheel from a copy of the sources, and install it into a new environment."""
    sources = directory / "sources"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "feedback_assets", sources / "feedback_assets", ignore=ignored)
    for name in _BUILT_FROM:
        shutil.copy(ROOT / name, sources / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", directory]
    subprocess.run(build, cwd=sources, check=True, timeout=300)
    (wheel,) = directory.glob("feedback_assets-*.whl")
    shutil.rmtree(sources)

    installed = Installed(directory / "environment")
    venv.create(installed.directory, with_pip=False)
    subprocess.run(
        [*pip, "--python", installed.python, "install", "--no-deps", wheel], check=True, timeout=300
    )
    # Dependencies come from the environment of the tests. Its link to the repository is in a file
    # that Python reads in the environment's own directory only.
    (own,) = installed.directory.glob("lib/python*/site-packages")
    (own / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for name in PROGRAMS:
        text = Path(sys.executable).with_name(name).read_text()
        _, _, rest = text.partition("\n")
        program = installed.python.with_name(name)
        program.write_text(f"#!{installed.python}\n{rest}")
        program.chmod(0o755)
    return installed
