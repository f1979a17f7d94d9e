"""Temporary files that nobody else can touch."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from feedback_assets.files.unusable import Unusable
from feedback_assets.warehouse.temporary_names import (
    make_scratch,
    private_directory,
    remove_scratch,
)

NAME = f"feedback-assets-{os.getuid()}"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


def test_the_directory_is_for_its_owner_only_whatever_the_umask(temporary: Path) -> None:
    before = os.umask(0)
    try:
        assert private_directory() == temporary / NAME
        scratch = make_scratch()
    finally:
        os.umask(before)
    assert stat.S_IMODE((temporary / NAME).stat().st_mode) == 0o700
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    remove_scratch(scratch)
    assert list((temporary / NAME).iterdir()) == []


def test_a_link_of_that_name_is_not_followed(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (temporary / NAME).symlink_to(elsewhere)
    assert private_directory() == temporary / f"{NAME}.2"
    shutil.rmtree(make_scratch())
    assert list(elsewhere.iterdir()) == []


def test_a_directory_that_others_could_write_to_is_not_used(temporary: Path) -> None:
    (temporary / NAME).mkdir()
    (temporary / NAME).chmod(0o777)
    assert private_directory() == temporary / f"{NAME}.2"


def test_a_directory_that_others_could_only_read_is_closed_to_them(temporary: Path) -> None:
    (temporary / NAME).mkdir()
    (temporary / NAME).chmod(0o755)
    assert private_directory() == temporary / NAME
    assert stat.S_IMODE((temporary / NAME).stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_not_used(temporary: Path) -> None:
    (temporary / NAME).mkdir(mode=0o700)
    os.chown(temporary / NAME, 12345, 12345)
    assert private_directory() == temporary / f"{NAME}.2"


def test_one_line_says_that_every_name_is_somebody_elses(temporary: Path) -> None:
    for suffix in ("", ".2", ".3", ".4"):
        (temporary / f"{NAME}{suffix}").write_text("taken")
    with pytest.raises(Unusable, match=f"^{temporary}/{NAME} and .*set TMPDIR") as caught:
        private_directory()
    assert "\n" not in str(caught.value)


def test_a_directory_in_which_others_can_replace_files_is_refused(temporary: Path) -> None:
    temporary.chmod(0o777)
    with pytest.raises(Unusable, match=f"^TMPDIR={temporary}: .*chmod \\+t"):
        private_directory()
    temporary.chmod(0o1777)
    assert private_directory() == temporary / NAME
