"""A project with the warehouse and the history of the first version, and its providers."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.upgrade.make_first_version import ARCHIVE
from tests.upgrade.shop import serving


@pytest.fixture
def upgraded(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Project]:
    """The first version's files, opened by this version."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    with serving() as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield project
