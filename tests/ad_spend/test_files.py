"""Which files a path, a glob or a URI names, and in which order they count."""

import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from feedback_assets.ad_spend.days import read_spend
from feedback_assets.ad_spend.files import find_files, listing, read_file
from feedback_assets.ad_spend.trouble import SpendTrouble
from feedback_assets.warehouse.remote import StoreTrouble
from tests.servers.object_store import ObjectStore

HEADER = "day,source,currency,spend\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a spend file, changed at that second."""

    def write(name: str, text: str, changed: int = 1_700_000_000) -> Path:
        path = tmp_path / "exports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (changed, changed))
        return path

    return write


def names(place: str) -> list[str]:
    return [file.name for file in find_files(place)]


def test_files_count_by_their_time_of_change_and_then_by_their_path(write: Write) -> None:
    write("c.csv", HEADER, 1_700_000_001)
    write("b.csv", HEADER, 1_700_000_002)
    folder = write("a.csv", HEADER, 1_700_000_002).parent
    assert names(f"{folder}/*.csv") == ["c.csv", "a.csv", "b.csv"]
    assert names(f"{folder}/a.csv") == ["a.csv"]


def test_a_glob_searches_folders_and_ignores_folders_that_match(write: Write) -> None:
    write("2024/a.csv", HEADER)
    folder = write("2025/b.csv", HEADER).parent.parent
    (folder / "2025" / "old.csv").mkdir()
    assert names(f"{folder}/**/*.csv") == ["a.csv", "b.csv"]


def test_the_name_of_an_existing_file_with_brackets_is_taken_literally(write: Write) -> None:
    path = write("spend [2024].csv", HEADER)
    assert names(str(path)) == ["spend [2024].csv"]


def test_a_path_that_matches_nothing_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SpendTrouble, match=r"\*\.csv matches no file.*FEEDBACK_AD_SPEND"):
        find_files(f"{tmp_path}/*.csv")
    with pytest.raises(SpendTrouble, match=r"spend\.csv is not a file.*FEEDBACK_AD_SPEND"):
        find_files(f"{tmp_path}/spend.csv")


def test_a_directory_is_an_error_with_the_glob_to_write(tmp_path: Path) -> None:
    with pytest.raises(SpendTrouble, match=rf"FEEDBACK_AD_SPEND={tmp_path}/\*\.csv"):
        find_files(str(tmp_path))


def test_the_listing_differs_once_a_file_is_edited_added_or_removed(write: Write) -> None:
    path = write("a.csv", HEADER)
    place = f"{path.parent}/*.csv"
    seen = {listing(find_files(place))}
    write("a.csv", HEADER, 1_700_000_001)
    seen.add(listing(find_files(place)))
    write("b.csv", HEADER)
    seen.add(listing(find_files(place)))
    path.unlink()
    seen.add(listing(find_files(place)))
    assert len(seen) == 4


def test_files_of_any_fsspec_file_system_are_read_and_the_later_one_counts() -> None:
    memory = fsspec.filesystem("memory")
    for name, spend in (("one", 1), ("two", 2)):
        memory.pipe_file(f"/exports/{name}.csv", f"{HEADER}2024-05-01,x,USD,{spend}\n".encode())
    try:
        (rows,) = read_spend("memory://exports/*.csv").days.values()
        assert [int(one.row.spend) for one in rows] == [2]
        with pytest.raises(SpendTrouble, match="is not a file"):
            find_files("memory://exports/three.csv")
    finally:
        memory.rm("/exports", recursive=True)


@pytest.mark.slow
def test_files_in_an_object_store_are_found_with_the_credentials_of_the_warehouse(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fsspec.filesystem("s3")
    folder = f"{s3.bucket}/exports"
    store.pipe_file(f"{folder}/google.csv", f"{HEADER}2024-05-01,google,USD,1\n".encode())
    store.pipe_file(f"{folder}/tiktok.csv", f"{HEADER}2024-05-01,tiktok,USD,2\n".encode())
    place = s3.url("exports/*.csv")
    files = find_files(place)
    assert {file.path for file in files} == {
        s3.url("exports/google.csv"), s3.url("exports/tiktok.csv")
    }  # fmt: skip
    assert all(file.modified_ns and file.size for file in files)
    assert read_file(files[0]).startswith(b"day,")
    before = listing(files)
    store.pipe_file(f"{folder}/tiktok.csv", f"{HEADER}2024-05-01,tiktok,USD,3\n".encode())
    assert listing(find_files(place)) != before
    (rows,) = read_spend(place).days.values()
    assert sorted((one.row.source, int(one.row.spend)) for one in rows) == [
        ("google", 1), ("tiktok", 3)
    ]  # fmt: skip
    assert len(find_files(s3.url("exports/google.csv"))) == 1
    with pytest.raises(SpendTrouble, match="matches no file"):
        find_files(s3.url("exports/*.parquet"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    type(store).clear_instance_cache()
    with pytest.raises(StoreTrouble, match="refused the credentials"):
        find_files(place)
